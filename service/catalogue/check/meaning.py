"""Ids that mean something else than in an older catalogue: records, models and callers go by them.

| same | but | severity |
|---|---|---|
| journey | other kind; other objective (event, outcome or where) | error |
| journey | other owner; other window of the objective, or other attribute that tells what it was worth | warning |
| action of a journey | offer or not; none of its channels left | error |
| action of a journey | at another stage | warning |
| channel | inbound, outbound; context key: other type | error |
| policy | other condition; pressure cap, budget: none of its kinds, channels or journeys left | warning |
| arms | other salt or shares: customers change arms, and those before and after are not compared | warning |

Whoever means another thing gives it another id. What is new, or gone, has not changed its meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from features.documents.durations import format_duration
from service.catalogue.check.under_check import Path
from service.catalogue.documents.journey import ActionDocument, CatalogueDocument, JourneyDocument
from service.catalogue.documents.policies import BudgetDocument, PoliciesDocument, PressureDocument
from service.catalogue.documents.problems import POLICIES, FaultClass, Problems, Severity
from service.catalogue.documents.selection import SHARES

Found = Iterator[tuple[Path, str, Severity]]


def check_meaning(old: CatalogueDocument, new: CatalogueDocument, problems: Problems) -> None:
    before = {journey.journey: journey for journey in old.journeys}
    for journey in new.journeys:
        if journey.journey in before:
            for path, text, severity in _journey(before[journey.journey], journey):
                problems.add(journey.journey, path, FaultClass.MEANING, text, 0, severity)
    for path, text, severity in _company(old.policies, new.policies):
        problems.add(POLICIES, path, FaultClass.MEANING, text, 0, severity)


def _journey(old: JourneyDocument, new: JourneyDocument) -> Found:
    if old.kind is not new.kind:
        yield ("kind",), f"{new.journey} was of kind {old.kind}: give the {new.kind} journey another id", Severity.ERROR
    if old.owner != new.owner:
        yield ("owner",), f"{new.journey} was of {old.owner}", Severity.WARNING
    yield from _objective(old, new)
    before = {a.id: (s.stage, a) for s in old.stages for a in s.actions}
    for i, stage in enumerate(new.stages):
        for k, action in enumerate(stage.actions):
            path = ("stages", i, "actions", k)
            if action.id in before:
                old_stage, old_action = before[action.id]
                yield from _action(old_action, action, path)
                if old_stage is not stage.stage:
                    yield (*path, "id"), f"{action.id} was at stage {old_stage}", Severity.WARNING


def _objective(old: JourneyDocument, new: JourneyDocument) -> Found:
    for field in ("event", "outcome", "where"):
        was, is_now = getattr(old.objective, field), getattr(new.objective, field)
        if was != is_now:
            text = f"the objective of {new.journey} had {field} {_value_text(was)}, give the new one another id"
            yield ("objective", field), text, Severity.ERROR
    if old.objective.within != new.objective.within:
        text = f"the objective of {new.journey} was to be met within {_value_text(old.objective.within)}"
        yield ("objective", "within"), text, Severity.WARNING
    told_by, is_told_by = old.objective.value_from, new.objective.value_from
    if told_by is not None and is_told_by is not None and told_by != is_told_by:
        text = f"{new.journey} was worth what `{told_by}` told"
        yield ("objective", "value_from"), text, Severity.WARNING


def _action(old: ActionDocument, new: ActionDocument, path: Path) -> Found:
    if old.offer is not new.offer:
        was = "an offer" if old.offer else "no offer"
        yield (*path, "offer"), f"{new.id} was {was}, give the new action another id", Severity.ERROR
    if not set(old.channels) & set(new.channels):
        text = f"{new.id} was for {', '.join(old.channels)}, give the new action another id"
        yield (*path, "channels"), text, Severity.ERROR


def _company(old: PoliciesDocument, new: PoliciesDocument) -> Found:
    for name, channel in new.channels.items():
        was = old.channels.get(name)
        if was is not None and was.direction is not channel.direction:
            yield ("channels", name, "direction"), f"{name} was {was.direction}", Severity.ERROR
    for key, type_name in new.context.items():
        if old.context.get(key, type_name) != type_name:
            yield ("context", key), f"context.{key} was of type {old.context[key]}", Severity.ERROR
    requires = {policy.id: policy.require for policy in old.policies}
    for i, policy in enumerate(new.policies):
        if requires.get(policy.id, policy.require) != policy.require:
            text = f"{policy.id} did require {requires[policy.id]}"
            yield ("policies", i, "require"), text, Severity.WARNING
    if old.arms is not None and new.arms is not None:
        for field in ("salt", *SHARES):
            was, is_now = getattr(old.arms, field), getattr(new.arms, field)
            if was != is_now:
                yield ("arms", field), f"{field} was {was}: customers are assigned to arms anew", Severity.WARNING
    yield from _scopes("pressure", {cap.id: cap for cap in old.pressure}, new.pressure)
    yield from _scopes("budgets", {budget.id: budget for budget in old.budgets}, new.budgets)


def _scopes(
    part: str,
    old: Mapping[str, PressureDocument | BudgetDocument],
    new: Sequence[PressureDocument | BudgetDocument],
) -> Found:
    for i, scope in enumerate(new):
        was = old.get(scope.id)
        for field in ("kinds", "channels", "journeys") if was is not None else ():
            before, after = set(getattr(was, field, ())), set(getattr(scope, field, ()))
            if before and after and not before & after:
                text = f"{scope.id} was for the {field} {', '.join(sorted(before))}"
                yield (part, i, field), text, Severity.WARNING


def _value_text(value: object) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    return "none" if value is None else f"`{value}`"
