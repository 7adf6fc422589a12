"""Binds one journey: its conditions compiled, its rules made, its candidates laid out by channel and stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from service.catalogue.bind_policies import company_window, on_unknown
from service.catalogue.conditions import ConditionCompiler
from service.catalogue.policy_schema import PoliciesDocument
from service.catalogue.problems import Problems
from service.catalogue.schema import ActionDocument, CooldownDocument, JourneyDocument, ToneDocument
from service.decision.constraints.capacity import Pool
from service.decision.constraints.cooldown import Cooldown, Ignored, Rest
from service.decision.constraints.in_flight import InFlight
from service.decision.constraints.never import NeverAfter
from service.decision.constraints.registry import BINDERS, Cap, Guarded, Policies, bind_rules, group_of
from service.decision.constraints.rule import Condition, Rule
from service.decision.constraints.stage import AtStage
from service.decision.constraints.unknown import STRICT, OnUnknown
from service.decision.journey import Action, Journey, JourneyKind, Lever, Objective, Stage, StagePlan
from service.decision.plan import Candidate, ContextWeight, JourneyOnChannel, Lifetime, RuleSet, ToneChoice


class SharedRules:
    """Equal rules are one object with one position; positions follow the order in which reasons are told."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        told = list(BINDERS)
        self.rules = tuple(sorted(dict.fromkeys(rules), key=lambda rule: told.index(group_of(rule.code))))
        self._bits = {rule: 1 << position for position, rule in enumerate(self.rules)}

    def set_of(self, rules: Iterable[Rule]) -> RuleSet:
        return reduce(or_, (self._bits[rule] for rule in rules), 0)


class _Bound(NamedTuple):
    """An action on one channel with its rules; `at_stage` guards it besides when it stands for another stage."""

    stage: Stage
    action: Action
    guarded: Guarded
    rules: tuple[Rule, ...]
    at_stage: AtStage


class JourneyBinder:
    """One journey of a catalogue. `excluded`: the journeys that it never goes with, whoever of the two said so."""

    def __init__(
        self,
        document: JourneyDocument,
        company: PoliciesDocument,
        policies: Policies,
        compiler: ConditionCompiler,
        problems: Problems,
        excluded: Sequence[str],
    ) -> None:
        self._document = document
        self._policies = policies
        self._compiler = compiler
        self._problems = problems
        self._excluded = tuple(excluded)
        self.journey = _journey(document, company)
        self._audience, self._audience_on_unknown = self._bound_audience()
        self._weights = tuple(
            ContextWeight(when=when, weight=w.weight)
            for i, w in enumerate(document.context_weight)
            if (when := self._condition(w.when, "context_weight", i, "when")) is not None
        )
        self._tones = {a.id: tuple(self._choices(s, i, k, a)) for s, i, k, a in self._actions()}
        self.capacity = _capacity(document, company)
        self._cooldown = _cooldown(document)
        exit_when = None if document.exit_when is None else self._condition(document.exit_when, "exit_when")
        self.lifetime = Lifetime(max_duration=document.max_duration, exit_when=exit_when)
        self._bound = {
            (action.action_id, channel): self._bind(stage.stage, action, channel)
            for stage in self.journey.stages
            for action in stage.actions
            for channel in sorted(action.channels)
        }

    def rules(self) -> Iterator[Rule]:
        """Every rule that guards an action of this journey, on any channel, at its stage and away from it."""
        for bound in self._bound.values():
            yield from bound.rules
            yield bound.at_stage

    def on_channels(self, channels: Iterable[str], shared: SharedRules) -> Iterator[tuple[str, JourneyOnChannel]]:
        for channel in channels:
            offered = [bound for (_, name), bound in self._bound.items() if name == channel]
            if offered:
                by_stage: dict[Stage, tuple[Candidate, ...]] = {}
                for bound in offered:
                    here = self._candidate(bound, shared, bound.rules)
                    by_stage[bound.stage] = (*by_stage.get(bound.stage, ()), here)
                elsewhere = tuple(self._candidate(bound, shared, (*bound.rules, bound.at_stage)) for bound in offered)
                yield channel, JourneyOnChannel(journey=self.journey, by_stage=by_stage, elsewhere=elsewhere)

    def _bind(self, stage: Stage, action: Action, channel: str) -> _Bound:
        guarded = self._guarded(action, channel)
        at_stage = AtStage(journey_id=guarded.journey_id, stage=stage, first_stage=self.journey.first_stage)
        return _Bound(stage, action, guarded, tuple(bind_rules(guarded, self._policies)), at_stage)

    def _candidate(self, bound: _Bound, shared: SharedRules, rules: Sequence[Rule]) -> Candidate:
        bypass = self._document.bypass
        return Candidate(
            journey=self.journey,
            stage=bound.stage,
            action=bound.action,
            channel=bound.guarded.channel,
            kind=bound.guarded.kind,
            rules=shared.set_of(rules),
            bypassed=shared.set_of(r for r in rules if r.code in bypass or group_of(r.code) in bypass) if bypass else 0,
            context_weights=self._weights,
            tones=self._tones[bound.action.action_id],
            in_flight=next((r for r in rules if isinstance(r, InFlight)), None),
        )

    def _guarded(self, action: Action, channel: str) -> Guarded:
        document = self._document
        contact, valid = document.contact, document.valid
        return Guarded(
            journey_id=document.journey,
            kind=JourneyKind.PROMOTIONAL if action.is_offer else self.journey.kind,
            journey_kind=self.journey.kind,
            channel=channel,
            purposes=document.consent,
            audience=self._audience,
            audience_on_unknown=self._audience_on_unknown,
            contact=None if contact is None else Cap(at_most=contact.at_most, per=contact.per),
            valid_from=None if valid is None else valid.from_,
            valid_until=None if valid is None else valid.until,
            tier=document.tier,
            cost=action.cost,
            cooldown=self._cooldown,
            capacity=self.capacity,
            never_with=self._excluded,
            never_after=tuple(NeverAfter(other=n.journey, within=n.within) for n in document.never_after),
        )

    def _bound_audience(self) -> tuple[Condition | None, OnUnknown]:
        audience = self._document.audience
        if audience is None:
            return None, STRICT
        if isinstance(audience, str):
            return self._condition(audience, "audience"), STRICT
        return self._condition(audience.when, "audience", "when"), on_unknown(audience)

    def _actions(self) -> Iterator[tuple[Stage, int, int, ActionDocument]]:
        for i, stage in enumerate(self._document.stages):
            for k, action in enumerate(stage.actions):
                yield stage.stage, i, k, action

    def _choices(self, stage: Stage, i: int, k: int, action: ActionDocument) -> Iterator[ToneChoice]:
        if isinstance(action.tone, ToneDocument):
            for n, choice in enumerate(action.tone.choose):
                when = self._condition(choice.when, "stages", i, "actions", k, "tone", "choose", n, "when")
                if when is not None:
                    yield ToneChoice(when=when, tone=choice.tone)

    def _condition(self, text: str, *path: str | int) -> Condition | None:
        return self._problems.condition(self._compiler, text, self._document.journey, path)


def _cooldown(document: JourneyDocument) -> Cooldown | None:
    cooldown = document.cooldown
    if cooldown is None:
        return None
    rests = (("REJECTED", cooldown.rejected), ("ACCEPTED", cooldown.accepted), ("CONVERTED", cooldown.converted))
    return Cooldown(
        journeys=frozenset({document.journey, *cooldown.also}),
        rests=tuple(Rest(response=response, rests=rests_for) for response, rests_for in rests if rests_for is not None),
        ignored=_ignored(cooldown, document),
    )


def _ignored(cooldown: CooldownDocument, document: JourneyDocument) -> Ignored | None:
    ignored = cooldown.ignored
    if ignored is None:
        return None
    return Ignored(times=ignored.times, window=document.objective.within, rests=ignored.for_)


def _capacity(document: JourneyDocument, company: PoliciesDocument) -> Pool | None:
    capacity = document.capacity
    if capacity is None:
        return None
    return Pool(
        pool_id=f"capacity:{document.journey}",
        limit=float(capacity.units),
        window=company_window(capacity.per, company),
        journeys=frozenset({document.journey}),
    )


def _journey(document: JourneyDocument, company: PoliciesDocument) -> Journey:
    lever, objective = document.lever, document.objective
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
        tone=document.tone.default if isinstance(document.tone, ToneDocument) else document.tone,
        placements=frozenset(document.placements),
        is_offer=document.offer,
        cost=document.cost,
        expects=document.expects,
    )
