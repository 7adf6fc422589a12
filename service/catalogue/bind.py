"""Binds documents into a plan: rules shared, candidates indexed. All errors are found, not the first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from features.schema import FeatureSchema
from features.values import Scalar
from service.catalogue.bind_journey import JourneyBinder, SharedRules
from service.catalogue.bind_policies import bind_channel, bind_policies
from service.catalogue.conditions import ConditionCompiler, customer_types
from service.catalogue.policy_schema import PoliciesDocument
from service.catalogue.problems import Fault, Problem, Problems
from service.catalogue.schema import CatalogueDocument, JourneyDocument
from service.decision.constraints.audience import policy_code
from service.decision.plan import JourneyOnChannel, Plan
from service.state.events import EVENT_FORMS

_PYTHON_TYPES: dict[str, type[Scalar]] = {"string": str, "double": float, "int": int, "bool": bool}


def bind(document: CatalogueDocument, schema: FeatureSchema, version: str) -> tuple[Plan, list[Problem]]:
    """Returns: the plan and every problem found; the plan is to be used only when there is none."""
    problems, company = Problems(), document.policies
    compiler = ConditionCompiler(customer_types(schema, company.context))
    channels = {name: bind_channel(name, c) for name, c in company.channels.items()}
    policies = bind_policies(document, schema, compiler, problems)
    _check_names(document, problems)
    excluded = _excluded(document)
    binders = [
        JourneyBinder(j, company, policies, compiler, problems, excluded.get(j.journey, ())) for j in document.journeys
    ]
    shared = SharedRules(rule for binder in binders for rule in binder.rules())
    by_channel: dict[str, list[JourneyOnChannel]] = {name: [] for name in channels}
    for binder in binders:
        for name, offered in binder.on_channels(channels, shared):
            by_channel[name].append(offered)
    plan = Plan(
        version=version,
        rules=shared.rules,
        contact_rules=sum(1 << i for i, rule in enumerate(shared.rules) if rule.reads_contacts),
        channels=channels,
        context_types={name: _PYTHON_TYPES[t] for name, t in company.context.items()},
        journeys={name: tuple(offered) for name, offered in by_channel.items()},
        pools=(*policies.budgets, *(b.capacity for b in binders if b.capacity is not None)),
        lifetimes={b.journey.journey_id: b.lifetime for b in binders},
        texts={policy_code(p.id): p.text.model_dump() for p in company.policies},
    )
    return plan, problems.found


def _excluded(document: CatalogueDocument) -> Mapping[str, Sequence[str]]:
    """Symmetric: each journey with those that it, or they, named in `never_with`."""
    pairs: dict[str, set[str]] = defaultdict(set)
    for journey in document.journeys:
        for other in journey.never_with:
            pairs[journey.journey].add(other)
            pairs[other].add(journey.journey)
    return {journey: sorted(others) for journey, others in pairs.items()}


def _check_names(document: CatalogueDocument, problems: Problems) -> None:
    known = {j.journey for j in document.journeys}
    codes = {policy_code(p.id) for p in document.policies.policies}
    seen: set[str] = set()
    for journey in document.journeys:
        if journey.journey in seen:
            problems.add(journey.journey, (), Fault.NAME, "another journey has this id")
        seen.add(journey.journey)
        _check_objective(journey, problems)
        _check_declared(journey, document.policies, problems)
        _check_journeys(journey, known, problems)
        for i, code in enumerate(journey.bypass):
            if code.startswith("POLICY_") and code not in codes:
                problems.add(journey.journey, ("bypass", i), Fault.NAME, f"there is no policy with the code {code}")


def _check_objective(journey: JourneyDocument, problems: Problems) -> None:
    """An objective's event is one that can be recorded, and its `where` speaks of that event's attributes."""
    objective = journey.objective
    if objective.event is None:
        return
    form = EVENT_FORMS.get(objective.event)
    if form is None:
        text = f"'{objective.event}' is no event type: " + ", ".join(EVENT_FORMS)
        problems.add(journey.journey, ("objective", "event"), Fault.NAME, text)
    elif objective.where is not None:
        types = {**dict.fromkeys((*form.required, *form.optional), "string"), **dict.fromkeys(form.numbers, "double")}
        problems.condition(ConditionCompiler(types), objective.where, journey.journey, ("objective", "where"))


def _check_declared(journey: JourneyDocument, company: PoliciesDocument, problems: Problems) -> None:
    for i, purpose in enumerate(journey.consent):
        if purpose not in company.purposes:
            text = f"purpose '{purpose}' is not declared in policies.yaml"
            problems.add(journey.journey, ("consent", i), Fault.NAME, text)
    for i, stage in enumerate(journey.stages):
        for k, action in enumerate(stage.actions):
            path = ("stages", i, "actions", k)
            for n, channel in enumerate(action.channels):
                if channel not in company.channels:
                    text = f"channel '{channel}' is not declared in policies.yaml"
                    problems.add(journey.journey, (*path, "channels", n), Fault.NAME, text)
            if action.offer and not journey.consent:
                problems.add(journey.journey, (*path, "offer"), Fault.FORM, "an offer needs a consent purpose")


def _check_journeys(journey: JourneyDocument, known: set[str], problems: Problems) -> None:
    """Journeys that a journey names exist, and are others."""
    named: list[tuple[tuple[str | int, ...], str]] = []
    named += [(("never_with", i), other) for i, other in enumerate(journey.never_with)]
    named += [(("never_after", i, "journey"), other.journey) for i, other in enumerate(journey.never_after)]
    if journey.cooldown is not None:
        named += [(("cooldown", "also", i), other) for i, other in enumerate(journey.cooldown.also)]
    for path, other in named:
        if other not in known:
            problems.add(journey.journey, path, Fault.NAME, f"there is no journey '{other}'")
        elif other == journey.journey and path[0] == "never_with":
            problems.add(journey.journey, path, Fault.NAME, "a journey cannot exclude itself")
