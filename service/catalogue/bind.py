"""Binds documents into a plan: conditions compiled, rules shared, candidates indexed.

All errors are found, not the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import reduce
from operator import or_

from features.schema import FeatureSchema
from features.values import Scalar
from service.catalogue.conditions import ConditionCompiler, ConditionInvalid, customer_types
from service.catalogue.schema import (
    ActionDocument,
    CatalogueDocument,
    ChannelDocument,
    JourneyDocument,
    PoliciesDocument,
    PressureDocument,
)
from service.decision.constraints.caps import PressureCap
from service.decision.constraints.registry import BINDERS, Cap, Guarded, Policies, bind_rules
from service.decision.constraints.rule import Condition, Rule
from service.decision.journey import HELPING_KINDS, Action, Journey, JourneyKind, Lever, Objective, StagePlan
from service.decision.plan import (
    Candidate,
    Channel,
    ContextWeight,
    Direction,
    JourneyOnChannel,
    Plan,
    RuleSet,
    Unconfirmed,
)
from service.state.events import EVENT_FORMS

_COUNTED_UNCONFIRMED = frozenset({"email", "sms", "push"})
_PYTHON_TYPES: dict[str, type[Scalar]] = {"string": str, "double": float, "int": int, "bool": bool}


class Problems:
    """Collects what is wrong, each with its place, so that an owner sees all of it at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, place: str, what: str) -> None:
        self.found.append(f"{place}: {what}")

    def condition(self, compiler: ConditionCompiler, text: str, place: str) -> Condition | None:
        try:
            return compiler.compile(text)
        except ConditionInvalid as error:
            self.add(place, str(error))
            return None


def bind(document: CatalogueDocument, schema: FeatureSchema, version: str) -> tuple[Plan, list[str]]:
    """Returns: the plan and every problem found; the plan is to be used only when there is none."""
    problems = Problems()
    compiler = ConditionCompiler(customer_types(schema, document.policies.context))
    channels = {name: _channel(name, c) for name, c in document.policies.channels.items()}
    policies = _policies(document.policies, problems)
    _check_names(document, problems)
    binders = [_JourneyBinder(j, document.policies, policies, compiler, problems) for j in document.journeys]
    shared = _SharedRules(rule for binder in binders for rule in binder.rules())
    by_channel: dict[str, list[JourneyOnChannel]] = {name: [] for name in channels}
    for binder in binders:
        for name, offered in binder.on_channels(channels, shared):
            by_channel[name].append(offered)
    plan = Plan(
        version=version,
        rules=shared.rules,
        contact_rules=sum(1 << i for i, rule in enumerate(shared.rules) if rule.reads_contacts),
        channels=channels,
        context_types={name: _PYTHON_TYPES[t] for name, t in document.policies.context.items()},
        journeys={name: tuple(offered) for name, offered in by_channel.items()},
    )
    return plan, problems.found


class _SharedRules:
    """Equal rules are one object with one position; positions follow the order in which reasons are told."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        told = list(BINDERS)
        self.rules = tuple(sorted(dict.fromkeys(rules), key=lambda rule: told.index(rule.code)))
        self._bits = {rule: 1 << position for position, rule in enumerate(self.rules)}

    def set_of(self, rules: Iterable[Rule]) -> RuleSet:
        return reduce(or_, (self._bits[rule] for rule in rules), 0)


class _JourneyBinder:
    def __init__(
        self,
        document: JourneyDocument,
        company: PoliciesDocument,
        policies: Policies,
        compiler: ConditionCompiler,
        problems: Problems,
    ) -> None:
        place = document.journey
        self._document = document
        self._policies = policies
        self._journey = _journey(document, company)
        self._audience = (
            None if document.audience is None else problems.condition(compiler, document.audience, f"{place}: audience")
        )
        self._weights = tuple(
            ContextWeight(when=when, weight=w.weight)
            for i, w in enumerate(document.context_weight)
            if (when := problems.condition(compiler, w.when, f"{place}: context_weight.{i}.when")) is not None
        )

    def rules(self) -> Iterator[Rule]:
        """Every rule that guards an action of this journey, on any channel."""
        for stage in self._journey.stages:
            for action in stage.actions:
                for channel in sorted(action.channels):
                    yield from bind_rules(self._guarded(action, channel), self._policies)

    def on_channels(self, channels: Iterable[str], shared: _SharedRules) -> Iterator[tuple[str, JourneyOnChannel]]:
        for channel in channels:
            by_stage = {
                s.stage: tuple(self._candidate(s, a, channel, shared) for a in s.actions if channel in a.channels)
                for s in self._journey.stages
            }
            if any(by_stage.values()):
                yield channel, JourneyOnChannel(journey=self._journey, by_stage=by_stage)

    def _candidate(self, stage: StagePlan, action: Action, channel: str, shared: _SharedRules) -> Candidate:
        guarded = self._guarded(action, channel)
        return Candidate(
            journey=self._journey,
            stage=stage.stage,
            action=action,
            channel=channel,
            kind=guarded.kind,
            rules=shared.set_of(bind_rules(guarded, self._policies)),
            context_weights=self._weights,
        )

    def _guarded(self, action: Action, channel: str) -> Guarded:
        document = self._document
        contact = document.contact
        return Guarded(
            journey_id=document.journey,
            kind=JourneyKind.PROMOTIONAL if action.is_offer else self._journey.kind,
            channel=channel,
            purposes=document.consent,
            audience=self._audience,
            contact=None if contact is None else Cap(at_most=contact.at_most, per=contact.per),
            valid_from=None if document.valid is None else document.valid.from_,
            valid_until=None if document.valid is None else document.valid.until,
        )


def _check_names(document: CatalogueDocument, problems: Problems) -> None:
    seen: set[str] = set()
    for journey in document.journeys:
        if journey.journey in seen:
            problems.add(journey.journey, "another journey has this id")
        seen.add(journey.journey)
        _check_journey(journey, document.policies, problems)


def _check_objective(journey: JourneyDocument, problems: Problems) -> None:
    """An objective's event is one that can be recorded, and its `where` speaks of that event's attributes."""
    objective, place = journey.objective, f"{journey.journey}: objective"
    if objective.event is None:
        return
    form = EVENT_FORMS.get(objective.event)
    if form is None:
        problems.add(f"{place}.event", f"'{objective.event}' is no event type: " + ", ".join(EVENT_FORMS))
    elif objective.where is not None:
        types = {**dict.fromkeys((*form.required, *form.optional), "string"), **dict.fromkeys(form.numbers, "double")}
        problems.condition(ConditionCompiler(types), objective.where, f"{place}.where")


def _check_journey(journey: JourneyDocument, company: PoliciesDocument, problems: Problems) -> None:
    _check_objective(journey, problems)
    for purpose in journey.consent:
        if purpose not in company.purposes:
            problems.add(f"{journey.journey}: consent", f"purpose '{purpose}' is not declared in policies.yaml")
    for stage in journey.stages:
        for action in stage.actions:
            for channel in action.channels:
                if channel not in company.channels:
                    place = f"{journey.journey}: stages.{stage.stage}.{action.id}"
                    problems.add(place, f"channel '{channel}' is not declared in policies.yaml")
            if action.offer and not journey.consent:
                problems.add(f"{journey.journey}: stages.{stage.stage}.{action.id}", "an offer needs a consent purpose")


def _channel(name: str, document: ChannelDocument) -> Channel:
    is_outbound = document.direction is Direction.OUTBOUND
    counts = Unconfirmed.COUNT if name in _COUNTED_UNCONFIRMED else Unconfirmed.RELEASE
    return Channel(
        name=name,
        direction=document.direction,
        slots=document.slots or (1 if is_outbound else 3),
        reserve=document.reserve or (timedelta(hours=24) if is_outbound else timedelta(minutes=15)),
        unconfirmed=document.unconfirmed or counts,
    )


def _policies(document: PoliciesDocument, problems: Problems) -> Policies:
    for cap in document.pressure:
        for channel in cap.channels:
            if channel not in document.channels:
                problems.add(f"policies.yaml: pressure.{cap.id}", f"channel '{channel}' is not declared")
    return Policies(
        incident_default=frozenset(document.incidents.default),
        incident_classes={name: frozenset(kinds) for name, kinds in document.incidents.classes.items()},
        pressure=tuple(_pressure(cap, document) for cap in document.pressure),
    )


def _pressure(cap: PressureDocument, company: PoliciesDocument) -> PressureCap:
    return PressureCap(
        cap_id=cap.id,
        kinds=frozenset(cap.kinds) or frozenset(JourneyKind) - HELPING_KINDS,
        channels=frozenset(cap.channels) or frozenset(company.channels),
        at_most=cap.at_most,
        per=cap.per,
    )


def _journey(document: JourneyDocument, company: PoliciesDocument) -> Journey:
    lever = document.lever
    objective = document.objective
    return Journey(
        journey_id=document.journey,
        kind=document.kind,
        tier=document.tier,
        objective=Objective(
            within=objective.within,
            value=objective.value,
            event=objective.event,
            where=objective.where,
            outcome=objective.outcome,
        ),
        prior=company.priors[document.kind] if document.prior is None else document.prior,
        stages=tuple(StagePlan(stage=s.stage, actions=tuple(map(_action, s.actions))) for s in document.stages),
        lever=None if lever is None else Lever(weight=lever.weight, until=lever.until, why=lever.why),
        attributes=document.attributes,
    )


def _action(document: ActionDocument) -> Action:
    return Action(
        action_id=document.id,
        channels=frozenset(document.channels),
        tone=document.tone,
        placements=frozenset(document.placements),
        is_offer=document.offer,
        cost=document.cost,
        expects=document.expects,
    )
