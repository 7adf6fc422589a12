"""Journeys that nobody could ever get, and stages that nobody could be served at.

Looked at, for each action on each channel:
- its claims (`check.claims`): do audience, policies, incidents, stages, NEVER_WITH and `exit_when` contradict each
  other? Those that share no variable cannot, so only those that do are put to the solver, together;
- quiet hours that leave no minute of the day; a budget smaller than the cost of the action;
- actions of the same stage that stand before it and fit wherever it does.

Where that rules out every action of a journey, the journey is IMPOSSIBLE; of a stage, the stage is UNREACHABLE; both
are errors. A single action or channel is an IMPOSSIBLE warning. Where a rule lets pass who lacks its facts
(`on_missing: allow`), only those could get it: a warning. A stage is moved to by `journey.entered` and
`journey.advanced` events, which may come at any time: so it is out of reach only if it may not be served there. One
more case is a warning: a contact cap of 1 that lasts as long as `max_duration`, for then whoever was shown the first
stage leaves the journey by the time another may be shown.

A condition that never holds by itself was reported by `check.analysed_conditions` and is not reported again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from service.catalogue.check.analysed_conditions import Role, never_holds
from service.catalogue.check.claims import Claim, Claims
from service.catalogue.check.condition_answers import ConditionAnswers, RequestScope
from service.catalogue.check.conflict import minimal_conflict
from service.catalogue.check.proof.bounds import HAS_OPEN, IS_KNOWN, JOURNEYS, OPEN_CLASSES, OPEN_COUNT, STAGES
from service.catalogue.check.proof.solver import Satisfiability
from service.catalogue.check.quiet import is_never_awake
from service.catalogue.check.under_check import ActionOnChannel, CatalogueUnderCheck, JourneyUnderCheck
from service.catalogue.documents.problems import FaultClass, Problems, Severity
from service.decision.constraints.capacity import PoolLimit
from service.decision.constraints.caps import ContactCap
from service.decision.constraints.unknown import WhenUnknown

_GROUPS = {HAS_OPEN: "incidents", OPEN_COUNT: "incidents", OPEN_CLASSES: "incidents", STAGES: "in", JOURNEYS: "in"}
"""Variables that say something of each other."""
_CUSTOMER = "customer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A reason why an action on a channel is impossible. `is_for_known`: not for those whose facts are missing."""

    why: str
    is_for_known: bool = False
    by_audience: bool = False


def check_possible(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    claims = Claims(catalogue)
    for journey in catalogue.journeys:
        audience = journey.audience
        if audience is None or not never_holds(audience.condition.text, journey.scope, catalogue):
            _check_journey(journey, catalogue, claims, problems)
            _check_cap(journey, problems)


def _check_journey(
    journey: JourneyUnderCheck, catalogue: CatalogueUnderCheck, claims: Claims, problems: Problems
) -> None:
    doubts: dict[str, None] = {}
    found = [(o, _exclusion(o, catalogue, claims, doubts)) for o in journey.offered]
    for doubt in doubts:
        problems.add(journey.journey_id, ("journey",), FaultClass.NOT_DECIDED, doubt, None, Severity.NOTICE)
    if all(ruled for _, ruled in found):
        reasons = [ruled for _, ruled in found if ruled]
        path = journey.audience_path if all(r.by_audience for r in reasons) else ("journey",)
        column = None if path == ("journey",) else 0
        text = f"no customer could ever get this journey: {_whys(reasons)}"
        problems.add(journey.journey_id, path, FaultClass.IMPOSSIBLE, text, column, _severity(reasons))
        return
    for i, stage in enumerate(journey.journey.stages):
        here = [(o, ruled) for o, ruled in found if o.at_stage == i]
        if all(ruled for _, ruled in here):
            reasons = [ruled for _, ruled in here if ruled]
            text = f"no customer could ever be served at stage {stage.stage}: {_whys(reasons)}"
            path = ("stages", i, "stage")
            problems.add(journey.journey_id, path, FaultClass.UNREACHABLE, text, 0, _severity(reasons))
        else:
            _report_actions(here, problems)


def _report_actions(found: Sequence[tuple[ActionOnChannel, Exclusion | None]], problems: Problems) -> None:
    """Actions and channels that are ruled out, of a stage that as a whole is not."""
    for at in sorted({o.at_action for o, _ in found}):
        of_action = [(o, ruled) for o, ruled in found if o.at_action == at]
        if all(ruled for _, ruled in of_action):
            o, reasons = of_action[0][0], [ruled for _, ruled in of_action if ruled]
            text = f"no customer could ever get {o.action.action_id}: {_whys(reasons)}"
            problems.add(o.journey_id, (*o.path, "id"), FaultClass.IMPOSSIBLE, text, 0, Severity.WARNING)
            continue
        for o, ruled in of_action:
            if ruled:
                text = f"no customer could ever get {o.action.action_id} by {o.channel}: {ruled.why}"
                path = (*o.path, "channels", o.at_channel)
                problems.add(o.journey_id, path, FaultClass.IMPOSSIBLE, text, 0, Severity.WARNING)


def _exclusion(
    o: ActionOnChannel, catalogue: CatalogueUnderCheck, claims: Claims, doubts: dict[str, None]
) -> Exclusion | None:
    """The first reason found, or None if somebody may get the action."""
    stated = list(claims.of(o))
    for group in _related(stated, catalogue.answers):
        if all(claim.role is None for claim in group):
            continue
        finding = catalogue.answers.together([c.text for c in group], o.scope)
        if finding.outcome is Satisfiability.NEVER:
            core = minimal_conflict(group, partial(_contradict, o.scope, catalogue.answers))
            if len(core) > 1 or not _is_reported(core[0], catalogue):
                return Exclusion(
                    why=f"{_listed(core)} can never hold together" if len(core) > 1 else f"{core[0].label} forbids it",
                    is_for_known=any(claim.lets_unknown for claim in core),
                    by_audience=any(claim.role is Role.AUDIENCE for claim in core),
                )
        elif finding.outcome is Satisfiability.NOT_DECIDED and len(group) > 1:
            doubts[f"whether {_listed(group)} can hold together could not be decided: {finding.why}"] = None
    return _always_quiet(o, catalogue) or _over_budget(o, catalogue) or _preceded(o)


def _contradict(scope: RequestScope, answers: ConditionAnswers, claims: Sequence[Claim]) -> bool:
    return answers.together([claim.text for claim in claims], scope).outcome is Satisfiability.NEVER


def _is_reported(claim: Claim, catalogue: CatalogueUnderCheck) -> bool:
    """Whether `check_conditions` reports this policy by itself."""
    everywhere = RequestScope(channels=catalogue.channels)
    return claim.role is Role.REQUIRE and never_holds(claim.text, everywhere, catalogue)


def _always_quiet(o: ActionOnChannel, catalogue: CatalogueUnderCheck) -> Exclusion | None:
    quiet = [scope.rule for scope in catalogue.policies.quiet if scope.rule in o.rules]
    if not is_never_awake(quiet):
        return None
    lets = all(rule.on_unknown.on_missing is WhenUnknown.ALLOW for rule in quiet)
    why = f"quiet hours ({', '.join(q.quiet_id for q in quiet)}) leave no minute of a day on {o.channel}"
    return Exclusion(why=why, is_for_known=lets)


def _over_budget(o: ActionOnChannel, catalogue: CatalogueUnderCheck) -> Exclusion | None:
    too_small = {rule.pool for rule in o.denied_by(PoolLimit) if rule.needs > rule.pool.limit}
    pool = next((pool for pool in catalogue.policies.budgets if pool in too_small), None)
    if pool is None:
        return None
    return Exclusion(why=f"{o.action.action_id} costs {o.action.cost:g} and {pool.pool_id} holds {pool.limit:g}")


def _preceded(o: ActionOnChannel) -> Exclusion | None:
    """Excludes an action if those before it take all its placements: the first that fits is the candidate."""
    taking_all = next((action for action in o.before if not action.placements), None)
    if taking_all is not None:
        return Exclusion(why=f"{taking_all.action_id} stands before it, for every placement")
    taken = frozenset[str]().union(*(action.placements for action in o.before))
    if o.action.placements and taken >= o.action.placements:
        return Exclusion(why=f"{', '.join(a.action_id for a in o.before)} before it take its placements")
    return None


def _related(claims: Sequence[Claim], answers: ConditionAnswers) -> Iterator[list[Claim]]:
    """Claims by the variables they share, directly or through others. Sharing none, they do not contradict."""
    read = [set(answers.names(claim.text)) for claim in claims]
    about_all = any(IS_KNOWN in names for names in read)
    keys = [{_group(name, about_all) for name in names} for names in read]
    groups: list[tuple[set[str], list[int]]] = []
    for i, key in enumerate(keys):
        touching = [g for g in groups if g[0] & key]
        groups = [g for g in groups if not g[0] & key]
        merged = (key.union(*(g[0] for g in touching)), sorted([i, *(n for g in touching for n in g[1])]))
        groups.append(merged)
    for _, members in groups:
        yield [claims[i] for i in members]


def _group(name: str, about_all: bool) -> str:
    """The group of a variable. Whoever is not known lacks every feature, so `customer.is_known` groups them all."""
    return _CUSTOMER if about_all and name.startswith(_CUSTOMER) else _GROUPS.get(name, name)


def _check_cap(journey: JourneyUnderCheck, problems: Problems) -> None:
    """Warns of a contact cap by which whoever was shown the first stage is never shown another."""
    stages, lasts = journey.journey.stages, journey.lifetime.max_duration
    contact = next(iter(journey.offered[0].denied_by(ContactCap)), None)
    if contact is None or lasts is None or len(stages) == 1:
        return
    if contact.at_most == 1 and isinstance(contact.per, timedelta) and contact.per >= lasts:
        text = (
            f"stage {stages[1].stage} may never be served: who is shown stage {stages[0].stage} leaves (max_duration) "
            "by the time the contact cap allows another contact"
        )
        problems.add(journey.journey_id, ("stages", 1, "stage"), FaultClass.UNREACHABLE, text, 0, Severity.WARNING)


def _severity(reasons: Iterable[Exclusion]) -> Severity:
    return Severity.WARNING if any(r.is_for_known for r in reasons) else Severity.ERROR


def _whys(reasons: Iterable[Exclusion]) -> str:
    """Each reason once; of one that only holds for those whose facts are known, it says so."""
    unique = list(dict.fromkeys(r.why + (" (but for missing facts)" if r.is_for_known else "") for r in reasons))
    return "; ".join(unique[:3]) + (f"; and {len(unique) - 3} more" if len(unique) > 3 else "")


def _listed(claims: Sequence[Claim]) -> str:
    labels = list(dict.fromkeys(claim.label for claim in claims))
    return labels[0] if len(labels) == 1 else ", ".join(labels[:-1]) + " and " + labels[-1]
