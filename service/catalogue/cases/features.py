"""The features of a case, as the feature store would give them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from features.derived import Formula
from features.documents.form import meant, shown
from features.reading import is_stale
from features.schema import FeatureSchema, FeatureSpec, FeatureType
from features.values import FeatureStatus, FeatureValue, Scalar
from service.catalogue.cases.document import CaseDocument, FactDocument, Value
from service.catalogue.cases.invalid import CaseInvalid, Path
from service.catalogue.conditions.slips.values import called, checked_type, rewritten
from service.catalogue.documents.forms import parse_moment
from service.catalogue.possible_values import PossibleValues

_PYTHON_TYPES: Mapping[FeatureType, type[Scalar]] = {
    FeatureType.STRING: str,
    FeatureType.INT: int,
    FeatureType.BOOL: bool,
}


def stored_features(case: CaseDocument, schema: FeatureSchema, now: datetime) -> dict[str, FeatureValue]:
    """Every feature but those that follow from others: a derived one gives the time it follows from.

    What the feature store alone tells has the status of that store, if the case says one. Raises: CaseInvalid.
    """
    given = {} if case.stranger else dict(_given(case, schema, now))
    stored = (spec for spec in schema.features if not spec.is_derived)
    return {spec.name: _as_stored(spec, given, case.feature_store) for spec in stored}


def _as_stored(spec: FeatureSpec, given: Mapping[str, FeatureValue], store: FeatureStatus | None) -> FeatureValue:
    if store is not None and not spec.is_event_time:
        return FeatureValue(name=spec.name, status=store)
    return given.get(spec.name, FeatureValue(name=spec.name, status=FeatureStatus.NOT_FOUND))


def _given(case: CaseDocument, schema: FeatureSchema, now: datetime) -> Iterator[tuple[str, FeatureValue]]:
    for name, fact in case.features.items():
        yield _given_one(name, fact, case, schema, now)


def feature_faults(case: CaseDocument, schema: FeatureSchema, now: datetime) -> Iterator[CaseInvalid]:
    """What is wrong with each feature that a case gives, and with the views whose ages it gives."""
    for name, fact in case.features.items():
        try:
            _given_one(name, fact, case, schema, now)
        except CaseInvalid as error:
            yield error
    for view in case.ages or ():
        if view not in schema.by_view:
            yield CaseInvalid(f"there is no view '{view}'{meant(view, schema.by_view)}", ("ages", view))


def _given_one(
    name: str, fact: Value | FactDocument, case: CaseDocument, schema: FeatureSchema, now: datetime
) -> tuple[str, FeatureValue]:
    spec = schema.by_name.get(name)
    if spec is None:
        raise CaseInvalid(f"there is no feature '{name}'{meant(name, schema.by_name)}", ("features", name))
    document = fact if isinstance(fact, FactDocument) else _plain(fact)
    source = spec if spec.formula is None else schema.by_name[spec.formula.source]
    return source.name, _feature(document, spec, source, case, now)


def _plain(value: Value) -> FactDocument:
    return FactDocument(status=FeatureStatus.NULL) if value is None else FactDocument(value=value)


def _feature(
    fact: FactDocument, spec: FeatureSpec, source: FeatureSpec, case: CaseDocument, now: datetime
) -> FeatureValue:
    if fact.status is not None or fact.value is None:
        return FeatureValue(name=source.name, status=fact.status or FeatureStatus.NULL)
    age = fact.age or (case.ages or {}).get(source.view) or timedelta(0)
    status = FeatureStatus.STALE if is_stale(now - age, now, source.max_age_s) else FeatureStatus.PRESENT
    value = _source_time(spec.name, spec.formula, fact.value, now) if spec.formula else _stored(spec, fact.value)
    return FeatureValue(name=source.name, status=status, value=value, event_time=now - age)


def _source_time(name: str, formula: Formula, days: Value, now: datetime) -> datetime:
    """The time from which so many days follow."""
    if isinstance(days, str) or days is None:
        raise CaseInvalid(f"expected a number of days, not {shown(days)}", ("features", name))
    try:
        return formula.instant(days, now)
    except (ValueError, OverflowError) as error:
        raise CaseInvalid(f"no time lies {days:g} days from now", ("features", name)) from error


def typed(value: Value, kind: FeatureType, path: Path) -> Scalar:
    """A value as one of this kind. Raises: CaseInvalid that says what it is to be."""
    if kind is FeatureType.DOUBLE and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is FeatureType.TIMESTAMP and isinstance(value, str):
        return _instant(value, path)
    if value is None or type(value) is not _PYTHON_TYPES.get(kind):
        wanted = checked_type(kind.upper())
        written = rewritten(json.dumps(value, ensure_ascii=False), wanted)
        hint = "" if written is None or kind is FeatureType.TIMESTAMP else f": write {written}"
        raise CaseInvalid(f"expected {called(wanted)}, not {shown(value)}{hint}", path)
    return value


def _instant(text: str, path: Path) -> datetime:
    try:
        moment = parse_moment(text)
    except ValueError as error:
        raise CaseInvalid(str(error), path) from error
    if not isinstance(moment, datetime):
        raise CaseInvalid(f"expected an instant with its zone, not {shown(text)}: write {text}T00:00:00Z", path)
    return moment


def _stored(spec: FeatureSpec, value: Value) -> Scalar:
    """Raises: CaseInvalid if it is of another kind, or the feature is never this."""
    path = ("features", spec.name)
    stored = typed(value, spec.type, path)
    if never := PossibleValues.of(spec).never(spec.name, stored):
        raise CaseInvalid(never, path)
    return stored
