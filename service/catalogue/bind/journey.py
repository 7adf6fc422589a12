"""Binds one journey: its conditions compiled, its rules made, its candidates laid out by channel and stage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import NamedTuple

from service.catalogue.bind.policies import company_instant, on_unknown
from service.catalogue.bind.values import capacity_of, cooldown_of, journey_of
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.documents.journey import JourneyDocument, ToneDocument, ValidDocument
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.documents.problems import FaultClass, Problems
from service.decision.constraints.audience import Audience, CompanyPolicy
from service.decision.constraints.in_flight import InFlight
from service.decision.constraints.never import NeverAfter
from service.decision.constraints.registry import BINDERS, Cap, Policies, RuleInputs, bind_rules, group_of
from service.decision.constraints.rule import Condition, Rule
from service.decision.constraints.stage import AtStage
from service.decision.constraints.unknown import STRICT, OnUnknown
from service.decision.journey import Action, JourneyKind, Stage, effective_kind
from service.decision.plan import NO_RULES, Candidate, ContextWeight, JourneyOnChannel, Lifetime, RuleSet, ToneChoice

_RENEWED = (Audience, CompanyPolicy, InFlight)
"""Rules that hold an object of their catalogue: a condition or a limit."""
_Compiles = Callable[..., Condition | None]
"""Of a text and the path to it: the condition, or None with a problem."""


class SharedRules:
    """Equal rules are one object with one position; positions follow the order in which reasons are told."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        told = list(BINDERS)
        self.rules = tuple(sorted(dict.fromkeys(rules), key=lambda rule: told.index(group_of(rule.code))))
        self._positions = {rule: position for position, rule in enumerate(self.rules)}

    def set_of(self, rules: Iterable[Rule]) -> RuleSet:
        return frozenset(self._positions[rule] for rule in rules)


class _Bound(NamedTuple):
    """An action on one channel with its rules, by their places among the journey's.

    `at_stage` guards it besides when it stands for another stage.
    """

    stage: Stage
    action: Action
    channel: str
    kind: JourneyKind
    rules: tuple[int, ...]
    at_stage: int


class _Conditional(NamedTuple):
    """What depends on conditions beside the rules; tones by action."""

    weights: tuple[ContextWeight, ...]
    tones: Mapping[str, tuple[ToneChoice, ...]]
    lifetime: Lifetime

    @property
    def has_conditions(self) -> bool:
        return bool(self.weights or any(self.tones.values()) or self.lifetime.exit_when is not None)


class _CandidateLayout(NamedTuple):
    """The candidates of a journey by channel, and what they were made with."""

    positions: tuple[int, ...]
    in_flight: InFlight | None
    by_channel: Mapping[str, JourneyOnChannel]


class JourneyBinder:
    """One journey of a catalogue. `excluded`: the journeys that it never goes with, whoever of the two said so.

    `rules` are all that guard an action of it, on any channel, at its stage and away from it, each once.
    """

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
        self._company = company
        self._excluded = tuple(excluded)
        self.journey = journey_of(document, company)
        self.capacity = capacity_of(document, company)
        compiled = _compiles(document, compiler, problems)
        self._conditional = _conditional(document, compiled)
        _check_order(document, company, problems)
        every = self._guarded(*_audience(document, compiled))
        places: dict[Rule, int] = {}
        self._bound = tuple(
            self._bind(every, stage.stage, action, channel, policies, places)
            for stage in self.journey.stages
            for action in stage.actions
            for channel in sorted(action.channels)
        )
        self.rules = tuple(places)
        self._renewed = frozenset(place for place, rule in enumerate(self.rules) if isinstance(rule, _RENEWED))
        self._bypassed = _bypassed(self.rules, document.bypass)
        self._laid_out: _CandidateLayout | None = None

    @property
    def lifetime(self) -> Lifetime:
        return self._conditional.lifetime

    def is_of(self, document: JourneyDocument, company: PoliciesDocument, excluded: Sequence[str]) -> bool:
        """Whether it was made of these very documents, so that only what lies outside of them may be another."""
        return self._document is document and self._company is company and self._excluded == tuple(excluded)

    def again(self, policies: Policies, compiler: ConditionCompiler, problems: Problems) -> JourneyBinder:
        """The same journey in another catalogue, whose conditions and limits are objects of its own."""
        other = copy(self)
        other.rules = tuple(
            _again(rule, policies, compiler) if place in self._renewed else rule
            for place, rule in enumerate(self.rules)
        )
        if self._conditional.has_conditions:
            other._conditional = _conditional(self._document, _compiles(self._document, compiler, problems))
            other._laid_out = None
        return other

    def on_channels(self, channels: Iterable[str], shared: SharedRules) -> Mapping[str, JourneyOnChannel]:
        """The candidates by channel; the very objects of an earlier catalogue, if they would be the same."""
        positions = tuple(position for rule in self.rules for position in shared.set_of((rule,)))
        in_flight = next((rule for rule in self.rules if isinstance(rule, InFlight)), None)
        kept = self._laid_out
        if kept is None or kept.positions != positions or kept.in_flight is not in_flight:
            listed = {name: [bound for bound in self._bound if bound.channel == name] for name in channels}
            offered = {n: self._on_channel(bound, positions, in_flight) for n, bound in listed.items() if bound}
            kept = self._laid_out = _CandidateLayout(positions, in_flight, offered)
        return kept.by_channel

    def _on_channel(
        self, offered: Sequence[_Bound], positions: Sequence[int], in_flight: InFlight | None
    ) -> JourneyOnChannel:
        by_stage: dict[Stage, tuple[Candidate, ...]] = {}
        for bound in offered:
            here = self._candidate(bound, positions, bound.rules, in_flight)
            by_stage[bound.stage] = (*by_stage.get(bound.stage, ()), here)
        elsewhere = tuple(self._candidate(b, positions, (*b.rules, b.at_stage), in_flight) for b in offered)
        return JourneyOnChannel(journey=self.journey, by_stage=by_stage, elsewhere=elsewhere)

    def _guarded(self, audience: Condition | None, on_unknown_audience: OnUnknown) -> RuleInputs:
        """What all actions share; each has its own channel, kind and cost."""
        document = self._document
        contact, valid = document.contact, document.valid or ValidDocument()
        return RuleInputs(
            journey_id=document.journey,
            kind=self.journey.kind,
            journey_kind=self.journey.kind,
            channel="",
            purposes=document.consent,
            audience=audience,
            audience_on_unknown=on_unknown_audience,
            contact=None if contact is None else Cap(at_most=contact.at_most, per=contact.per),
            valid_from=None if valid.from_ is None else company_instant(valid.from_, self._company),
            valid_until=None if valid.until is None else company_instant(valid.until, self._company),
            tier=document.tier,
            cooldown=cooldown_of(document),
            capacity=self.capacity,
            never_with=self._excluded,
            never_after=tuple(NeverAfter(other=n.journey, within=n.within) for n in document.never_after),
        )

    def _bind(
        self,
        every: RuleInputs,
        stage: Stage,
        action: Action,
        channel: str,
        policies: Policies,
        places: dict[Rule, int],
    ) -> _Bound:
        """Gives a place to each rule that has none."""
        kind = effective_kind(every.kind, is_offer=action.is_offer)
        guarded = replace(every, kind=kind, channel=channel, cost=action.cost)
        rules = tuple(places.setdefault(rule, len(places)) for rule in bind_rules(guarded, policies))
        at_stage = AtStage(
            journey_id=guarded.journey_id,
            stage=stage,
            first_stage=self.journey.first_stage,
            stages=frozenset(plan.stage for plan in self.journey.stages),
        )
        return _Bound(stage, action, channel, kind, rules, places.setdefault(at_stage, len(places)))

    def _candidate(
        self, bound: _Bound, positions: Sequence[int], rules: Sequence[int], in_flight: InFlight | None
    ) -> Candidate:
        return Candidate(
            journey=self.journey,
            stage=bound.stage,
            action=bound.action,
            channel=bound.channel,
            kind=bound.kind,
            rules=frozenset([positions[place] for place in rules]),
            bypassed=frozenset([positions[p] for p in self._bypassed.intersection(rules)])
            if self._bypassed
            else NO_RULES,
            context_weights=self._conditional.weights,
            tones=self._conditional.tones[bound.action.action_id],
            in_flight=in_flight,
        )


def _check_order(document: JourneyDocument, company: PoliciesDocument, problems: Problems) -> None:
    """Only here, for a day and an instant are compared in the company's zone."""
    valid = document.valid or ValidDocument()
    begins, ends = (None if m is None else company_instant(m, company) for m in (valid.from_, valid.until))
    if begins is not None and ends is not None and begins >= ends:
        problems.add(document.journey, ("valid",), FaultClass.FORM, "from must be before until")


def _again(rule: Rule, policies: Policies, compiler: ConditionCompiler) -> Rule:
    """An equal rule, with the condition or limit of another catalogue."""
    if isinstance(rule, Audience | CompanyPolicy):
        return replace(rule, condition=compiler.compile(rule.condition.text))
    if isinstance(rule, InFlight) and policies.in_flight is not None:
        limit = policies.in_flight[rule.limit.kind]
        return rule if limit is rule.limit else replace(rule, limit=limit)
    return rule


def _bypassed(rules: Sequence[Rule], codes: Collection[str]) -> frozenset[int]:
    """The places of the rules that a journey passes in spite of a denial."""
    return frozenset(
        place for place, rule in enumerate(rules) if codes and (rule.code in codes or group_of(rule.code) in codes)
    )


def _compiles(document: JourneyDocument, compiler: ConditionCompiler, problems: Problems) -> _Compiles:
    def compiled(text: str, *path: str | int) -> Condition | None:
        return problems.condition(compiler, text, document.journey, path)

    return compiled


def _audience(document: JourneyDocument, compiled: _Compiles) -> tuple[Condition | None, OnUnknown]:
    audience = document.audience
    if audience is None:
        return None, STRICT
    if isinstance(audience, str):
        return compiled(audience, "audience"), STRICT
    return compiled(audience.when, "audience", "when"), on_unknown(audience)


def _conditional(document: JourneyDocument, compiled: _Compiles) -> _Conditional:
    return _Conditional(
        weights=tuple(
            ContextWeight(when=when, weight=w.weight)
            for i, w in enumerate(document.context_weight)
            if (when := compiled(w.when, "context_weight", i, "when")) is not None
        ),
        tones={
            action.id: tuple(_choices(action.tone, ("stages", i, "actions", k), compiled))
            for i, stage in enumerate(document.stages)
            for k, action in enumerate(stage.actions)
        },
        lifetime=Lifetime(
            max_duration=document.max_duration,
            exit_when=None if document.exit_when is None else compiled(document.exit_when, "exit_when"),
        ),
    )


def _choices(tone: str | ToneDocument, path: Sequence[str | int], compiled: _Compiles) -> Iterator[ToneChoice]:
    if isinstance(tone, ToneDocument):
        for n, choice in enumerate(tone.choose):
            when = compiled(choice.when, *path, "tone", "choose", n, "when")
            if when is not None:
                yield ToneChoice(when=when, tone=choice.tone)
