"""What must hold for a customer to get an action on a channel, as conditions that can be decided together.

The audience and the company's policies stand in the catalogue. The other rules are put into the same words: an open
incident denies the kinds it does not allow, NEVER_WITH denies who is in the other journey, STAGE whoever is elsewhere,
and nobody is in a journey that is gone, that has another stage, or whose `exit_when` holds. Rules that time or another
customer lifts (caps, cooldowns, capacity, consent) are never what makes a journey impossible, and are not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.catalogue.check.analysed_conditions import Role
from service.catalogue.check.proof.bounds import HAS_OPEN, IS_KNOWN, JOURNEYS, OPEN_CLASSES, STAGES
from service.catalogue.check.under_check import ActionOnChannel, CatalogueUnderCheck, JourneyUnderCheck
from service.decision.constraints.audience import Audience, CompanyPolicy
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.never import NeverWith
from service.decision.constraints.rule import Condition
from service.decision.constraints.stage import AtStage
from service.decision.constraints.unknown import OnUnknown, WhenStale, WhenUnknown

_NAMED = re.compile(r"""["']([a-z][a-z0-9_-]{0,62})["']\s*(?:\]|in\s+situation\.(?:journeys|stages)\b)""")
"""A quoted name that is looked up among the customer's journeys: `"welcome" in situation.journeys`, `[…"welcome"]`."""


MAY_BE_MISSING = ("customer.", "context.")
"""What the names of facts that a customer or a request may lack begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One condition, what to call it, and what it is for where it is written (None: nowhere, it follows from a rule).

    `lets_unknown`: who lacks its facts may pass all the same, so that it rules out only the others.
    """

    text: str
    label: str
    role: Role | None = None
    lets_unknown: bool = False


class Claims:
    """The claims of a catalogue."""

    def __init__(self, catalogue: CatalogueUnderCheck) -> None:
        self._answers = catalogue.answers
        self._policies = [scope.rule for scope in catalogue.policies.claims]
        self._journeys: Mapping[str, JourneyUnderCheck] = {j.journey_id: j for j in catalogue.journeys}

    def of(self, offered: ActionOnChannel) -> Iterator[Claim]:
        """All that must hold for this action on this channel, but for what its journey bypasses."""
        stated = [
            *map(_audience, offered.denied_by(Audience)),
            *(_policy(rule) for rule in self._policies if rule in offered.rules),
        ]
        yield from stated
        for rule in offered.denied_by(IncidentOpen):
            yield from _no_incident(rule)
        yield from map(_never_with, sorted(offered.denied_by(NeverWith), key=lambda rule: rule.other))
        yield from map(_at_stage, offered.denied_by(AtStage))
        named = {name for claim in stated for name in _NAMED.findall(claim.text)}
        for name in sorted({*named, offered.journey_id}):
            yield from self._in_journey(name, stated)

    def _in_journey(self, name: str, stated: Sequence[Claim]) -> Iterator[Claim]:
        """What holds of whoever is in a journey."""
        journey = self._journeys.get(name)
        outside = f'!("{name}" in {STAGES})'
        if journey is None:
            yield Claim(text=outside, label=f"there being no journey '{name}'")
            yield Claim(text=f'!("{name}" in {JOURNEYS})', label=f"there being no journey '{name}'")
            return
        stages = ", ".join(f'"{plan.stage}"' for plan in journey.journey.stages)
        yield Claim(text=f'{outside} || {STAGES}["{name}"] in [{stages}]', label=f"the stages of {name}")
        exit_when = journey.lifetime.exit_when
        if exit_when is not None:
            yield self._goes_on(name, exit_when, outside, stated)

    def _goes_on(self, name: str, exit_when: Condition, outside: str, stated: Sequence[Claim]) -> Claim:
        """An enrolment goes on while its `exit_when` does not hold, and where its facts are missing."""
        read = {n for claim in stated for n in self._answers.names(claim.text)}
        needs = {n for n in exit_when.names if n.startswith(MAY_BE_MISSING)}
        text = f"{outside} || !({exit_when.text})"
        if IS_KNOWN in read and needs - {IS_KNOWN}:
            text += f" || !{IS_KNOWN}"
        label = f"the exit_when of {name}"
        return Claim(text=text, label=label, role=Role.EXIT_WHEN, lets_unknown=not needs <= read)


def _audience(rule: Audience) -> Claim:
    text, lets = rule.condition.text, _lets_unknown(rule.on_unknown)
    return Claim(text=text, label="its audience", role=Role.AUDIENCE, lets_unknown=lets)


def _policy(rule: CompanyPolicy) -> Claim:
    text, lets = rule.condition.text, _lets_unknown(rule.on_unknown)
    return Claim(text=text, label=rule.code, role=Role.REQUIRE, lets_unknown=lets)


def _no_incident(rule: IncidentOpen) -> Iterator[Claim]:
    """A claim for each class of which no incident allows the kind, for a customer may have incidents of several."""
    may_allow = {*rule.allowing_classes, *(name for name, _ in rule.allowing_severities)}
    denied = rule.classes - may_allow
    label = f"INCIDENT_OPEN for {rule.kind}"
    if denied == rule.classes:
        yield Claim(text=f"!{HAS_OPEN}", label=label)
    for name in sorted({*denied, ""}):
        yield Claim(text=f'!("{name}" in {OPEN_CLASSES})', label=label)


def _never_with(rule: NeverWith) -> Claim:
    return Claim(text=f'!("{rule.other}" in {JOURNEYS})', label=f"NEVER_WITH {rule.other}")


def _at_stage(rule: AtStage) -> Claim:
    name, stage = rule.journey_id, rule.stage
    is_there = f'"{name}" in {STAGES} && {STAGES}["{name}"] == "{stage}"'
    if stage is rule.first_stage:
        is_there = f'!("{name}" in {STAGES}) || {STAGES}["{name}"] == "{stage}"'
    return Claim(text=is_there, label=f"STAGE: being at {stage}")


def _lets_unknown(on_unknown: OnUnknown) -> bool:
    asked = on_unknown.on_missing, on_unknown.on_unknown_customer
    return WhenUnknown.ALLOW in asked or on_unknown.on_stale is WhenStale.ALLOW
