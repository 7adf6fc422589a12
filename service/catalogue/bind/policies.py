"""Binds what is company-wide: channels, and the policies that rules are bound to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from features.schema import FeatureSchema, FeatureType
from service.catalogue.bind.holiday_calendar import PublicHolidays
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.documents.forms import instant_of
from service.catalogue.documents.journey import CatalogueDocument
from service.catalogue.documents.policies import (
    BudgetDocument,
    ChannelDocument,
    FeedDocument,
    IncidentClassDocument,
    IncidentsDocument,
    OnUnknownDocument,
    PoliciesDocument,
    PressureDocument,
    QuietDocument,
)
from service.catalogue.documents.problems import POLICIES, FaultClass, Problems
from service.decision.constraints.audience import CompanyPolicy
from service.decision.constraints.capacity import Pool
from service.decision.constraints.caps import PressureCap
from service.decision.constraints.feed import Feed
from service.decision.constraints.in_flight import InFlightLimit, Member
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.registry import IncidentClass, Policies, PolicyScope, QuietScope
from service.decision.constraints.unknown import OnUnknown
from service.decision.journey import HELPING_KINDS, JourneyKind
from service.decision.plan import Channel, Direction, Unconfirmed
from service.decision.windows import Per, Period, Window, window_of
from service.decision.zones import zone_of

_NO_ZONE = "expected a time zone such as America/New_York"
_COUNTED_UNCONFIRMED = frozenset({"email", "sms", "push"})


def bind_channel(name: str, document: ChannelDocument) -> Channel:
    """A channel with the defaults of its direction."""
    is_outbound = document.direction is Direction.OUTBOUND
    counts = Unconfirmed.COUNT if name in _COUNTED_UNCONFIRMED else Unconfirmed.RELEASE
    return Channel(
        name=name,
        direction=document.direction,
        slots=document.slots or (1 if is_outbound else 3),
        reserve=document.reserve or (timedelta(hours=24) if is_outbound else timedelta(minutes=15)),
        unconfirmed=document.unconfirmed or counts,
        placements=None if document.placements is None else frozenset(document.placements),
    )


def bind_policies(
    document: CatalogueDocument,
    schema: FeatureSchema,
    compiler: ConditionCompiler,
    problems: Problems,
    earlier: Policies | None = None,
) -> Policies:
    """The company's policies; faults go to `problems`. Limits that are those of `earlier` stay the same objects."""
    company = document.policies
    if zone_of(company.time_zone) is None and not compiler.is_kept:
        problems.add(POLICIES, ("time_zone",), FaultClass.FORM, _NO_ZONE)
    _check_facts(document, schema, problems)
    _check_scopes(document, problems)
    default = _incident_class(company.incidents.default, timedelta(0))
    return Policies(
        incident_default=default.strictest(),
        incident_grace=default.grace,
        incident_classes=_incident_classes(company.incidents, default.grace),
        incident_feed=_feed(company.incidents.feed),
        consent_feed=_feed(company.consents.feed),
        pressure=tuple(_pressure(cap, company) for cap in company.pressure),
        quiet=tuple(_quiet(quiet, company) for quiet in company.quiet_hours),
        budgets=tuple(_budget(budget, company) for budget in company.budgets),
        in_flight={
            kind: _in_flight(kind, document, None if earlier is None else earlier.in_flight)
            for kind in company.in_flight
        },
        claims=tuple(_claims(company, compiler, problems)),
        zone_feature=company.facts.time_zone,
    )


def on_unknown(document: OnUnknownDocument) -> OnUnknown:
    return OnUnknown(
        on_missing=document.on_missing,
        on_stale=document.on_stale,
        on_unknown_customer=document.on_unknown_customer,
        max_age=document.max_age,
    )


def company_window(per: Per, company: PoliciesDocument) -> Window:
    """A window in the company's own zone."""
    window = window_of(per, ZoneInfo(company.time_zone))
    assert window is not None  # a zone is given
    return window


def company_instant(moment: datetime | date, company: PoliciesDocument) -> datetime:
    """A day begins when it does in the company's own zone."""
    return instant_of(moment, ZoneInfo(company.time_zone))


def _selling_kinds(kinds: Iterable[JourneyKind]) -> frozenset[JourneyKind]:
    return frozenset(kinds) or frozenset(JourneyKind) - HELPING_KINDS


def _feed(document: FeedDocument | None) -> Feed | None:
    return None if document is None else Feed(source=document.source, max_age=document.max_age)


def _incident_class(
    document: IncidentClassDocument | tuple[JourneyKind, ...], default_grace: timedelta
) -> IncidentClass:
    if isinstance(document, tuple):
        return IncidentClass(allows=frozenset(document), severities={}, grace=default_grace)
    return IncidentClass(
        allows=frozenset(document.allow),
        severities={name: frozenset(kinds) for name, kinds in document.severities.items()},
        grace=default_grace if document.grace is None else document.grace,
    )


def _incident_classes(document: IncidentsDocument, default_grace: timedelta) -> Mapping[str, IncidentClass]:
    return {name: _incident_class(c, default_grace) for name, c in document.classes.items()}


def _pressure(cap: PressureDocument, company: PoliciesDocument) -> PressureCap:
    return PressureCap(
        cap_id=cap.id,
        kinds=_selling_kinds(cap.kinds),
        channels=frozenset(cap.channels) or frozenset(company.channels),
        at_most=cap.at_most,
        per=cap.per,
        zone_feature=company.facts.time_zone,
    )


def _quiet(quiet: QuietDocument, company: PoliciesDocument) -> QuietScope:
    rule = QuietHours(
        quiet_id=quiet.id,
        begins=quiet.from_,
        ends=quiet.to,
        on_weekends=quiet.weekends,
        holidays=PublicHolidays() if quiet.holidays else None,
        zone_feature=company.facts.time_zone,
        region_feature=company.facts.holiday_region,
        on_unknown=OnUnknown(on_missing=quiet.on_missing),
    )
    return QuietScope(rule=rule, kinds=_selling_kinds(quiet.kinds), channels=frozenset(quiet.channels))


def _budget(budget: BudgetDocument, company: PoliciesDocument) -> Pool:
    return Pool(
        pool_id=f"budget:{budget.id}",
        limit=budget.amount,
        window=company_window(budget.per, company),
        counts_cost=True,
        journeys=frozenset(budget.journeys),
        kinds=frozenset(budget.kinds),
        channels=frozenset(budget.channels),
    )


def _in_flight(
    kind: JourneyKind, document: CatalogueDocument, earlier: Mapping[JourneyKind, InFlightLimit] | None
) -> InFlightLimit:
    members = {j.journey: Member(tier=j.tier, is_switchable=j.switchable) for j in document.journeys if j.kind is kind}
    limit = InFlightLimit(kind=kind, at_most=document.policies.in_flight[kind], members=members)
    known = None if earlier is None else earlier.get(kind)
    is_known = known is not None and (known.at_most, known.members) == (limit.at_most, limit.members)
    return known if known is not None and is_known else limit


def _claims(company: PoliciesDocument, compiler: ConditionCompiler, problems: Problems) -> Iterable[PolicyScope]:
    for i, policy in enumerate(company.policies):
        condition = problems.condition(compiler, policy.require, POLICIES, ("policies", i, "require"))
        if condition is not None:
            rule = CompanyPolicy(policy_id=policy.id, condition=condition, on_unknown=on_unknown(policy))
            yield PolicyScope(rule=rule, kinds=frozenset(policy.kinds), journeys=frozenset(policy.journeys))


def _check_facts(document: CatalogueDocument, schema: FeatureSchema, problems: Problems) -> None:
    """The facts that some rule needs by name are features of text."""
    company = document.policies
    caps = (*company.pressure, *(j.contact for j in document.journeys if j.contact is not None))
    needs_zone = bool(company.quiet_hours) or any(isinstance(cap.per, Period) for cap in caps)
    needs_region = any(quiet.holidays for quiet in company.quiet_hours)
    for role, is_needed in (("time_zone", needs_zone), ("holiday_region", needs_region)):
        name = getattr(company.facts, role)
        spec = schema.by_name.get(name)
        if is_needed and (spec is None or spec.type is not FeatureType.STRING):
            problems.add(POLICIES, ("facts", role), FaultClass.NAME, f"'{name}' is no feature of type string")


def _check_scopes(document: CatalogueDocument, problems: Problems) -> None:
    company, journeys = document.policies, {j.journey for j in document.journeys}
    for part in ("pressure", "quiet_hours", "budgets", "policies"):
        for i, scope in enumerate(getattr(company, part)):
            for k, channel in enumerate(getattr(scope, "channels", ())):
                if channel not in company.channels:
                    text = f"channel '{channel}' is not declared"
                    problems.add(POLICIES, (part, i, "channels", k), FaultClass.NAME, text)
            for k, journey in enumerate(getattr(scope, "journeys", ())):
                if journey not in journeys:
                    problems.add(
                        POLICIES, (part, i, "journeys", k), FaultClass.NAME, f"there is no journey '{journey}'"
                    )
