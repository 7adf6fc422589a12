"""What `rumbo doctor` looks at of what a company wrote: its file, its features, its catalogue and cases."""

from __future__ import annotations

from collections import Counter

from service.commands.company.examination import Check, Found, Patient, doubt, fault, good

_TOLD = 3
"""So many of several faults stand in a line."""


def _company(patient: Patient) -> Found:
    company = patient.company
    return good(f"{company.name}, {company.folder / company.file.name}")


def _registry(patient: Patient) -> Found:
    found, entity = patient.features, patient.company.document.customer.entity
    text = (
        f"entity {entity}, key {found.key.name} ({found.key.type}), {_counted(len(found.schema.features), 'feature')}"
    )
    if found.notices:
        return good(f"{text}, {_counted(len(found.notices), 'notice')} (`rumbo features check`)")
    return good(text)


def _terms(patient: Patient) -> Found:
    events, incidents = patient.company.document.events, patient.terms.incidents
    telling = sum(bool(event.opens_incident or event.resolves_incident) for event in events.values())
    declared = f"{_counted(len(events), 'type')} of events beside the built-in, {telling} of incidents"
    return good(f"{declared}; features tell of {len(incidents) or 'no'} incidents")


def _row(patient: Patient) -> Found:
    from features.company.one_row import row_of
    from features.values import FeatureStatus

    sample = patient.sample if patient.customer is None else None
    customer = patient.customer or ("" if sample is None else sample.customer_id)
    reading = row_of(patient.company, patient.features, customer, patient.now)  # nobody's tells whether it can be read
    counts = Counter(value.status for value in reading.values.values())
    text = f"customer {customer or 'nobody'}: " + ", ".join(f"{counts[s]} {s}" for s in FeatureStatus if counts[s])
    if broken := [f for f in reading.degraded if f.status is FeatureStatus.UNAVAILABLE]:
        return fault(f"{text}; {broken[0].view}: {broken[0].cause}")
    if not customer:
        return doubt("whose row to read is not known, for no offline source can be read", "name one by --customer")
    if not reading.has_any_row:
        return doubt(text, "fill the online store: `feast materialize`" if sample else "is there such a customer?")
    if stale := next(iter(reading.degraded), None):
        return doubt(f"{text}; {stale.view}: {stale.cause}", "load newer facts, or say another max_age in the notes")
    return good(text)


def _catalogue(patient: Patient) -> Found:
    from service.catalogue.check.check import check, in_folder
    from service.catalogue.documents.problems import Severity

    folder = patient.catalogue
    findings = in_folder(check(folder, patient.terms, patient.now), folder)
    counts = Counter(finding.severity for finding in findings)
    text = f"{folder}: " + ", ".join(_counted(counts[s], s.lower()) for s in (Severity.ERROR, Severity.WARNING))
    if counts[Severity.ERROR]:
        first = next(finding for finding in findings if finding.severity is Severity.ERROR)
        return fault(f"{text}; {first}", "see `rumbo catalogue check`")
    return doubt(text, "see `rumbo catalogue check`") if counts[Severity.WARNING] else good(text)


def _cases(patient: Patient) -> Found:
    from service.catalogue.cases.run import read_cases
    from service.catalogue.cases.run import run as run_cases
    from service.catalogue.load import load

    folder = patient.catalogue
    report = run_cases(read_cases(folder), load(folder, patient.terms).plan, patient.terms)
    met = sum(result.is_met for result in report.results)
    gaps = len({*report.never_denies, *report.never_allows})
    text = f"{met} of {len(report.results)} met, {_counted(gaps, 'constraint')} that no case decides"
    if not report.is_met:
        return fault(text, "see `rumbo catalogue test`")
    return doubt(text, "see `rumbo catalogue test`") if gaps or not report.results else good(text)


def _situation(patient: Patient) -> Found:
    """Whether Rumbo can push what it was told: the registry says which views, the row check that the store is there."""
    from features.store.connection import Connection

    named = patient.company.situation.named
    if not named:
        return good("no views to push to: events alone tell of incidents and consents")
    connection = Connection.open(patient.company.feature_repo)
    try:
        for view in named:
            connection.demand_key(view, patient.features.key)
        if connection.file is not None and not _is_writable(str(connection.file)):
            return fault(f"{connection.file} cannot be written, so nothing can be pushed to {', '.join(sorted(named))}")
    finally:
        connection.close()
    return good(f"{', '.join(sorted(named))} can be pushed to")


def _is_writable(file: str) -> bool:
    import os

    return os.access(file, os.W_OK)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


WRITTEN = (
    Check(name="company", find=_company),
    Check(name="registry", find=_registry, needs=("company",)),
    Check(name="events", find=_terms, needs=("company", "registry")),
    Check(name="row", find=_row, needs=("company", "registry")),
    Check(name="situation", find=_situation, needs=("company", "registry")),
    Check(name="catalogue", find=_catalogue, needs=("company", "registry", "events")),
    Check(name="cases", find=_cases, needs=("company", "registry", "events", "catalogue")),
)
