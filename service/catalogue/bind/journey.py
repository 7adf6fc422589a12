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
from service.decision.plan import NO_RULES, Candidate, ContextWeight, JourneyOnChannel, Lifetime, ToneChoice

_TO_REBIND = (Audience, CompanyPolicy, InFlight)
"""Rules that hold an object of their catalogue, a condition or a limit, and so are made anew for another one."""
_CompileAt = Callable[..., Condition | None]
"""Compiles a text, given with the path to it: the condition, or None, with a problem noted at that path."""


class SharedRules:
    """Equal rules are one object with one position; positions follow the order in which reasons are listed."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        order = list(BINDERS)
        self.rules = tuple(sorted(dict.fromkeys(rules), key=lambda rule: order.index(group_of(rule.code))))
        self._positions = {rule: position for position, rule in enumerate(self.rules)}

    def position(self, rule: Rule) -> int:
        """The place of a rule, or of its equal, in `rules`."""
        return self._positions[rule]


class _BoundAction(NamedTuple):
    """An action on one channel. `rules`: those that guard it, by their places in `JourneyBinder.rules`.

    `at_stage` is the place of the rule that guards it besides when it is offered away from its stage.
    """

    stage: Stage
    action: Action
    channel: str
    kind: JourneyKind
    rules: tuple[int, ...]
    at_stage: int


class _Conditions(NamedTuple):
    """All that holds conditions beside the rules; `tones` by action."""

    weights: tuple[ContextWeight, ...]
    tones: Mapping[str, tuple[ToneChoice, ...]]
    lifetime: Lifetime

    @property
    def has_conditions(self) -> bool:
        return bool(self.weights or any(self.tones.values()) or self.lifetime.exit_when is not None)


class _CandidateLayout(NamedTuple):
    """The candidates of a journey by channel, and the positions and limit that they were made with."""

    positions: tuple[int, ...]
    in_flight: InFlight | None
    by_channel: Mapping[str, JourneyOnChannel]


class JourneyBinder:
    """One journey of a catalogue. `excluded`: the journeys that it never goes with, whoever of the two said so.

    `value`: what meeting its objective is worth while no model tells, for which others may count.
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
        value: float,
    ) -> None:
        self._document = document
        self._company = company
        self._excluded = tuple(excluded)
        self.journey = journey_of(document, company, value)
        self.capacity = capacity_of(document, company)
        compile_at = _compiling(document, compiler, problems)
        self._conditions = _conditions(document, compile_at)
        _check_order(document, company, problems)
        inputs = self._shared_inputs(*_audience(document, compile_at))
        places: dict[Rule, int] = {}
        self._actions = tuple(
            self._bind(inputs, stage.stage, action, channel, policies, places)
            for stage in self.journey.stages
            for action in stage.actions
            for channel in sorted(action.channels)
        )
        self.rules = tuple(places)
        self._to_rebind = frozenset(place for place, rule in enumerate(self.rules) if isinstance(rule, _TO_REBIND))
        self._bypassed = _bypassed(self.rules, document.bypass)
        self._layout: _CandidateLayout | None = None

    @property
    def lifetime(self) -> Lifetime:
        return self._conditions.lifetime

    def is_of(
        self, document: JourneyDocument, company: PoliciesDocument, excluded: Sequence[str], value: float
    ) -> bool:
        """Whether it was made of these very objects, so that `rebound` is enough for another catalogue."""
        is_same = self._document is document and self._company is company
        return is_same and self._excluded == tuple(excluded) and self.journey.objective.value == value

    def rebound(self, policies: Policies, compiler: ConditionCompiler, problems: Problems) -> JourneyBinder:
        """The same journey in another catalogue: what holds a condition or a limit is made anew, the rest is shared."""
        other = copy(self)
        other.rules = tuple(
            _rebound_rule(rule, policies, compiler) if place in self._to_rebind else rule
            for place, rule in enumerate(self.rules)
        )
        if self._conditions.has_conditions:
            other._conditions = _conditions(self._document, _compiling(self._document, compiler, problems))
            other._layout = None
        return other

    def on_channels(self, channels: Iterable[str], shared: SharedRules) -> Mapping[str, JourneyOnChannel]:
        """The candidates by channel; the very objects of an earlier catalogue, if they would be the same."""
        positions = tuple(map(shared.position, self.rules))
        in_flight = next((rule for rule in self.rules if isinstance(rule, InFlight)), None)
        kept = self._layout
        if kept is None or kept.positions != positions or kept.in_flight is not in_flight:
            listed = {name: [bound for bound in self._actions if bound.channel == name] for name in channels}
            offered = {n: self._on_channel(bound, positions, in_flight) for n, bound in listed.items() if bound}
            kept = self._layout = _CandidateLayout(positions, in_flight, offered)
        return kept.by_channel

    def _on_channel(
        self, offered: Sequence[_BoundAction], positions: Sequence[int], in_flight: InFlight | None
    ) -> JourneyOnChannel:
        by_stage: dict[Stage, tuple[Candidate, ...]] = {}
        for bound in offered:
            here = self._candidate(bound, positions, bound.rules, in_flight)
            by_stage[bound.stage] = (*by_stage.get(bound.stage, ()), here)
        elsewhere = tuple(self._candidate(b, positions, (*b.rules, b.at_stage), in_flight) for b in offered)
        return JourneyOnChannel(journey=self.journey, by_stage=by_stage, elsewhere=elsewhere)

    def _shared_inputs(self, audience: Condition | None, on_unknown_audience: OnUnknown) -> RuleInputs:
        """The inputs that all actions share; channel, effective kind and cost are filled in for each."""
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
        inputs: RuleInputs,
        stage: Stage,
        action: Action,
        channel: str,
        policies: Policies,
        places: dict[Rule, int],
    ) -> _BoundAction:
        """One action on one channel. Adds to `places` each rule that has no place yet."""
        kind = effective_kind(inputs.kind, is_offer=action.is_offer)
        own = replace(inputs, kind=kind, channel=channel, cost=action.cost)
        rules = tuple(places.setdefault(rule, len(places)) for rule in bind_rules(own, policies))
        at_stage = AtStage(
            journey_id=own.journey_id,
            stage=stage,
            first_stage=self.journey.first_stage,
            stages=frozenset(plan.stage for plan in self.journey.stages),
        )
        return _BoundAction(stage, action, channel, kind, rules, places.setdefault(at_stage, len(places)))

    def _candidate(
        self, bound: _BoundAction, positions: Sequence[int], rules: Sequence[int], in_flight: InFlight | None
    ) -> Candidate:
        return Candidate(
            journey=self.journey,
            stage=bound.stage,
            action=bound.action,
            channel=bound.channel,
            kind=bound.kind,
            rules=frozenset([positions[place] for place in rules]),
            bypassed=frozenset([positions[place] for place in self._bypassed.intersection(rules)])
            if self._bypassed
            else NO_RULES,
            context_weights=self._conditions.weights,
            tones=self._conditions.tones[bound.action.action_id],
            in_flight=in_flight,
        )


def _check_order(document: JourneyDocument, company: PoliciesDocument, problems: Problems) -> None:
    """Notes a `valid` that ends before it begins. Not part of the form: days are compared in the company's zone."""
    valid = document.valid or ValidDocument()
    begins, ends = (None if m is None else company_instant(m, company) for m in (valid.from_, valid.until))
    if begins is not None and ends is not None and begins >= ends:
        problems.add(document.journey, ("valid",), FaultClass.FORM, "from must be before until")


def _rebound_rule(rule: Rule, policies: Policies, compiler: ConditionCompiler) -> Rule:
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


def _compiling(document: JourneyDocument, compiler: ConditionCompiler, problems: Problems) -> _CompileAt:
    def compile_at(text: str, *path: str | int) -> Condition | None:
        return problems.condition(compiler, text, document.journey, path)

    return compile_at


def _audience(document: JourneyDocument, compile_at: _CompileAt) -> tuple[Condition | None, OnUnknown]:
    audience = document.audience
    if audience is None:
        return None, STRICT
    if isinstance(audience, str):
        return compile_at(audience, "audience"), STRICT
    return compile_at(audience.when, "audience", "when"), on_unknown(audience)


def _conditions(document: JourneyDocument, compile_at: _CompileAt) -> _Conditions:
    return _Conditions(
        weights=tuple(
            ContextWeight(when=when, weight=w.weight)
            for i, w in enumerate(document.context_weight)
            if (when := compile_at(w.when, "context_weight", i, "when")) is not None
        ),
        tones={
            action.id: tuple(_choices(action.tone, ("stages", i, "actions", k), compile_at))
            for i, stage in enumerate(document.stages)
            for k, action in enumerate(stage.actions)
        },
        lifetime=Lifetime(
            max_duration=document.max_duration,
            exit_when=None if document.exit_when is None else compile_at(document.exit_when, "exit_when"),
        ),
    )


def _choices(tone: str | ToneDocument, path: Sequence[str | int], compile_at: _CompileAt) -> Iterator[ToneChoice]:
    if isinstance(tone, ToneDocument):
        for n, choice in enumerate(tone.choose):
            when = compile_at(choice.when, *path, "tone", "choose", n, "when")
            if when is not None:
                yield ToneChoice(when=when, tone=choice.tone)
