"""Builders for tests of the pure core: journeys, plans and facts with defaults, and an independent binding of rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.values import FeatureStatus, FeatureValue, Scalar
from service.catalogue.conditions.compile import ConditionCompiler, customer_types
from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import ONE_ARM, Arms
from service.decision.constraints.capacity import Pool
from service.decision.constraints.cooldown import Cooldown
from service.decision.constraints.in_flight import InFlight
from service.decision.constraints.never import NeverAfter
from service.decision.constraints.registry import Cap, IncidentClass, Policies, RuleInputs, bind_rules, group_of
from service.decision.constraints.rule import Condition, Rule
from service.decision.constraints.stage import AtStage
from service.decision.constraints.unknown import STRICT as STRICTLY
from service.decision.constraints.unknown import OnUnknown
from service.decision.decide import Decision, DecisionTerms, OtherScores, StateAtCommit, begin, conclude
from service.decision.evaluation import Evaluation
from service.decision.explore import NO_EXPLORATION, NO_SILENCE, ExplorationPolicy, Silence
from service.decision.facts import Contact, Facts, Situation, Use
from service.decision.journey import Action, Journey, JourneyKind, Lever, Objective, Stage, StagePlan
from service.decision.plan import (
    Candidate,
    Channel,
    ContextWeight,
    Direction,
    JourneyOnChannel,
    Lifetime,
    Plan,
    ToneChoice,
    Unconfirmed,
)
from service.decision.variables import with_variables

NOW = datetime(2018, 1, 3, 12, tzinfo=UTC)
HELPING = frozenset({JourneyKind.SERVICE, JourneyKind.RESOLUTION})
CHANNELS: Mapping[str, Channel] = {
    name: Channel(name=name, direction=direction, slots=slots, reserve=reserve, unconfirmed=unconfirmed)
    for name, direction, slots, reserve, unconfirmed in (
        ("email", Direction.OUTBOUND, 1, timedelta(hours=24), Unconfirmed.COUNT),
        ("web", Direction.INBOUND, 3, timedelta(minutes=15), Unconfirmed.RELEASE),
        ("app", Direction.INBOUND, 3, timedelta(minutes=15), Unconfirmed.RELEASE),
    )
}
STRICT = Policies(incident_default=HELPING, incident_classes={"delivery": IncidentClass(allows=HELPING, severities={})})
"""Any open incident leaves service and resolution alone."""


def _spec(name: str, type_: FeatureType) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view="behaviour",
        type=type_,
        unit="unit",
        description=name,
        owner="tests",
        personal_data=PersonalData.NONE,
        max_age_s=None,
    )


SCHEMA = FeatureSchema(
    (
        _spec("spend", FeatureType.DOUBLE),
        _spec("visits", FeatureType.INT),
        _spec("segment", FeatureType.STRING),
        _spec("seen_at", FeatureType.TIMESTAMP),
        _spec("time_zone", FeatureType.STRING),
        _spec("holiday_region", FeatureType.STRING),
    )
)
COMPILER = ConditionCompiler(customer_types(SCHEMA, {"basket": "double"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A journey with all that guards it, before it is bound."""

    journey: Journey
    purposes: tuple[str, ...] = ()
    audience: Condition | None = None
    contact: Cap | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    context_weights: tuple[ContextWeight, ...] = ()
    cooldown: Cooldown | None = None
    capacity: Pool | None = None
    never_with: tuple[str, ...] = ()
    never_after: tuple[NeverAfter, ...] = ()
    lifetime: Lifetime = field(default_factory=Lifetime)
    audience_on_unknown: OnUnknown = STRICTLY
    bypass: frozenset[str] = frozenset()
    tones: tuple[ToneChoice, ...] = ()
    is_switchable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a plan was made from, beside the plan."""

    offered: tuple[Entry, ...]
    policies: Policies
    plan: Plan = field(repr=False)

    def rules_of(self, candidate: Candidate) -> tuple[Rule, ...]:
        """The rules that guard a candidate, bound afresh, nothing shared."""
        own = next(o for o in self.offered if o.journey.journey_id == candidate.journey_id)
        bound = tuple(bind_rules(guarded(own, candidate.action, candidate.channel), self.policies))
        is_elsewhere = any(candidate in one.elsewhere for one in self.plan.journeys[candidate.channel])
        return (*bound, at_stage(own, candidate.stage)) if is_elsewhere else bound


def guarded(offered: Entry, action: Action, channel: str) -> RuleInputs:
    return RuleInputs(
        journey_id=offered.journey.journey_id,
        kind=JourneyKind.PROMOTIONAL if action.is_offer else offered.journey.kind,
        journey_kind=offered.journey.kind,
        tier=offered.journey.tier,
        cost=action.cost,
        cooldown=offered.cooldown,
        capacity=offered.capacity,
        never_with=offered.never_with,
        never_after=offered.never_after,
        channel=channel,
        purposes=offered.purposes,
        audience=offered.audience,
        audience_on_unknown=offered.audience_on_unknown,
        contact=offered.contact,
        valid_from=offered.valid_from,
        valid_until=offered.valid_until,
    )


def at_stage(offered: Entry, stage: Stage) -> AtStage:
    """What guards an action besides, where it stands for another stage."""
    journey_id, first_stage = offered.journey.journey_id, offered.journey.first_stage
    return AtStage(journey_id=journey_id, stage=stage, first_stage=first_stage)


def action(
    action_id: str = "act", *, channels: Iterable[str] = tuple(CHANNELS), is_offer: bool = False, cost: float = 0.0
) -> Action:
    return Action(action_id=action_id, channels=frozenset(channels), tone="plain", is_offer=is_offer, cost=cost)


def journey(
    journey_id: str = "news",
    *,
    kind: JourneyKind = JourneyKind.SERVICE,
    tier: int = 1,
    value: float = 1.0,
    stages: Sequence[StagePlan] = (),
    lever: Lever | None = None,
) -> Journey:
    """A journey with one stage and one action on every channel, unless told otherwise."""
    return Journey(
        journey_id=journey_id,
        kind=kind,
        tier=tier,
        objective=Objective(within=timedelta(days=28), value=value, event="purchase"),
        prior=0.1,
        stages=tuple(stages) or (StagePlan(stage=Stage.NEED, actions=(action(),)),),
        lever=lever,
    )


def catalogue(
    *offered: Entry,
    policies: Policies = STRICT,
    exploration: ExplorationPolicy = NO_EXPLORATION,
    silence: Silence = NO_SILENCE,
    arms: Arms = ONE_ARM,
) -> Catalogue:
    """Binds as the loader does: equal rules get one position; journeys are listed by channel."""
    positions: dict[Rule, int] = {}

    def candidate(own: Entry, stage: Stage, act: Action, channel: str, *also: Rule) -> Candidate:
        bound = guarded(own, act, channel)
        listed = (*bind_rules(bound, policies), *also)
        rules = {rule: positions.setdefault(rule, len(positions)) for rule in listed}
        return Candidate(
            journey=own.journey,
            stage=stage,
            action=act,
            channel=channel,
            kind=bound.kind,
            rules=frozenset(rules.values()),
            bypassed=frozenset(i for rule, i in rules.items() if group_of(rule.code) in own.bypass),
            tones=own.tones,
            context_weights=own.context_weights,
            in_flight=next((rule for rule in listed if isinstance(rule, InFlight)), None),
        )

    def on(own: Entry, channel: str) -> JourneyOnChannel:
        by_stage = {
            s.stage: tuple(candidate(own, s.stage, a, channel) for a in s.actions if channel in a.channels)
            for s in own.journey.stages
        }
        elsewhere = tuple(
            candidate(own, c.stage, c.action, channel, at_stage(own, c.stage))
            for found in by_stage.values()
            for c in found
        )
        return JourneyOnChannel(journey=own.journey, by_stage=by_stage, elsewhere=elsewhere)

    journeys = {name: tuple(on(own, name) for own in offered) for name in CHANNELS}
    plan = Plan(
        version="test",
        rules=tuple(positions),
        channels=CHANNELS,
        context_types={"basket": float},
        journeys=journeys,
        pools=(*policies.budgets, *(own.capacity for own in offered if own.capacity is not None)),
        lifetimes={own.journey.journey_id: own.lifetime for own in offered},
        exploration=exploration,
        silence=silence,
        arms=arms,
    )
    return Catalogue(offered=offered, policies=policies, plan=plan)


NOTHING = catalogue().plan


def feature(
    name: str,
    value: Scalar | None,
    status: FeatureStatus = FeatureStatus.PRESENT,
    *,
    at: datetime = NOW - timedelta(days=2),
) -> FeatureValue:
    return FeatureValue(name=name, status=status, value=value, event_time=at)


def facts(
    *,
    channel: str = "web",
    now: datetime = NOW,
    situation: Situation | None = None,
    features: Iterable[FeatureValue] = (),
    context: Mapping[str, Scalar] | None = None,
    placement: str | None = None,
    is_known: bool | None = True,
) -> Facts:
    """Facts with their variables, as the service makes them."""
    plain = Facts(
        now=now,
        customer_id="1",
        channel=channel,
        placement=placement,
        context=context or {},
        features={f.name: f for f in features},
        is_known=is_known,
        situation=situation or Situation(),
    )
    return with_variables(plain)


def evaluation(known: Facts) -> Evaluation:
    """What a rule that is asked by itself gets: it looks at nothing of a plan, so this one has nothing."""
    return Evaluation(NOTHING, known)


def contact(
    journey_id: str = "news",
    *,
    at: datetime = NOW,
    kind: JourneyKind = JourneyKind.PROMOTIONAL,
    channel: str = "email",
    counts_until: datetime | None = None,
    reserved_until: datetime | None = None,
    is_presented: bool = False,
    cost: float = 0.0,
    displaces: tuple[str, ...] = (),
) -> Contact:
    return Contact(
        decision_id="earlier",
        journey_id=journey_id,
        kind=kind,
        channel=channel,
        at=at,
        counts_until=counts_until,
        reserved_until=reserved_until,
        is_presented=is_presented,
        cost=cost,
        displaces=displaces,
    )


def settled(*contacts: Contact, **uses: float) -> StateAtCommit:
    """What counts at commit: these contacts, and this much of each pool until tomorrow."""
    ends_at = NOW + timedelta(days=1)
    return StateAtCommit(contacts=contacts, uses={p: (Use(ends_at=ends_at, amount=n),) for p, n in uses.items()})


def scores_of(plan: Plan, p_outcome: float = 0.5) -> dict[str, Score]:
    ids = {one.journey.journey_id for offered in plan.journeys.values() for one in offered}
    return {journey_id: Score(p_outcome=p_outcome, source=ScoreSource.PRIOR) for journey_id in sorted(ids)}


def decide(
    plan: Plan,
    known: Facts,
    *,
    limit: int = 50,
    scores: Mapping[str, Score] | None = None,
    decision_id: str = "this",
    other: OtherScores | None = None,
) -> Decision:
    """The whole pipeline; every journey scores 0.5 unless `scores` says otherwise."""
    chosen = scores_of(plan) if scores is None else scores
    return conclude(begin(plan, known), chosen, DecisionTerms(decision_id=decision_id, limit=limit), other)
