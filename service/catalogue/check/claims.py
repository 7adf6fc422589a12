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

from service.catalogue.bind.catalogue import excluded_by
from service.catalogue.check.proof.bounds import HAS_OPEN, IS_KNOWN, JOURNEYS, OPEN_CLASSES, STAGES
from service.catalogue.check.under_check import ActionOnChannel, CatalogueUnderCheck, Path, audience_of
from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.policies import OnUnknownDocument
from service.catalogue.documents.problems import POLICIES
from service.decision.constraints.audience import policy_code
from service.decision.constraints.registry import IncidentClass
from service.decision.constraints.unknown import WhenStale, WhenUnknown
from service.decision.journey import JourneyKind

_NAMED = re.compile(r"""["']([a-z][a-z0-9_-]{0,62})["']\s*(?:\]|in\s+situation\.(?:journeys|stages)\b)""")
"""A quoted name that is looked up among the customer's journeys: `"welcome" in situation.journeys`, `[…"welcome"]`."""


MAY_BE_MISSING = ("customer.", "context.")
"""What the names of facts that a customer or a request may lack begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One condition, what to call it, and where it stands (None: nowhere, it follows from a rule).

    `lets_unknown`: who lacks its facts may pass all the same, so that it rules out only the others.
    """

    text: str
    label: str
    subject: str = ""
    path: Path | None = None
    lets_unknown: bool = False


class Claims:
    """The claims of a catalogue."""

    def __init__(self, catalogue: CatalogueUnderCheck) -> None:
        self._catalogue = catalogue
        self._journeys: Mapping[str, JourneyDocument] = {j.journey: j for j in catalogue.document.journeys}
        self._excluded = excluded_by(catalogue.document)

    def of(self, offered: ActionOnChannel) -> Iterator[Claim]:
        """All that must hold for this action on this channel."""
        stated = [*self._audience(offered.journey), *self._policies(offered)]
        yield from stated
        yield from self._no_incident(offered)
        if not offered.bypasses("NEVER_WITH"):
            for other in self._excluded.get(offered.journey.journey, ()):
                yield Claim(text=f'!("{other}" in {JOURNEYS})', label=f"NEVER_WITH {other}")
        if not offered.bypasses("STAGE"):
            yield self._at_stage(offered)
        named = {name for claim in stated for name in _NAMED.findall(claim.text)}
        for name in sorted({*named, offered.journey.journey}):
            yield from self._in_journey(name, stated)

    def _audience(self, journey: JourneyDocument) -> Iterator[Claim]:
        text, path = audience_of(journey)
        if text is not None:
            lets = isinstance(journey.audience, OnUnknownDocument) and _lets_unknown(journey.audience)
            yield Claim(text=text, label="its audience", subject=journey.journey, path=path, lets_unknown=lets)

    def _policies(self, offered: ActionOnChannel) -> Iterator[Claim]:
        for i, policy in enumerate(self._catalogue.company.policies):
            code = policy_code(policy.id)
            is_kind = not policy.kinds or offered.kind in policy.kinds
            is_journey = not policy.journeys or offered.journey.journey in policy.journeys
            if is_kind and is_journey and not offered.bypasses(code):
                path = ("policies", i, "require")
                lets = _lets_unknown(policy)
                yield Claim(text=policy.require, label=code, subject=POLICIES, path=path, lets_unknown=lets)

    def _no_incident(self, offered: ActionOnChannel) -> Iterator[Claim]:
        """A claim for each class of incidents, for a customer may have incidents of several."""
        policies, kind = self._catalogue.policies, offered.kind
        classes = policies.incident_classes
        denied = {name for name, c in classes.items() if not _may_allow(c, kind)}
        if offered.bypasses("INCIDENT_OPEN") or (
            all(c.allows_always(kind) for c in classes.values()) and kind in policies.incident_default
        ):
            return
        label = f"INCIDENT_OPEN for {kind}"
        if denied == classes.keys():
            yield Claim(text=f"!{HAS_OPEN}", label=label)
        for name in sorted({*denied, ""}):
            yield Claim(text=f'!("{name}" in {OPEN_CLASSES})', label=label)

    def _at_stage(self, offered: ActionOnChannel) -> Claim:
        name, stage = offered.journey.journey, offered.stage
        is_there = f'"{name}" in {STAGES} && {STAGES}["{name}"] == "{stage}"'
        if offered.at_stage == 0:
            is_there = f'!("{name}" in {STAGES}) || {STAGES}["{name}"] == "{stage}"'
        return Claim(text=is_there, label=f"STAGE: being at {stage}")

    def _in_journey(self, name: str, stated: Sequence[Claim]) -> Iterator[Claim]:
        """What holds of whoever is in a journey."""
        journey = self._journeys.get(name)
        outside = f'!("{name}" in {STAGES})'
        if journey is None:
            yield Claim(text=outside, label=f"there being no journey '{name}'")
            yield Claim(text=f'!("{name}" in {JOURNEYS})', label=f"there being no journey '{name}'")
            return
        stages = ", ".join(f'"{s.stage}"' for s in journey.stages)
        yield Claim(text=f'{outside} || {STAGES}["{name}"] in [{stages}]', label=f"the stages of {name}")
        if journey.exit_when is not None:
            yield self._goes_on(name, journey.exit_when, outside, stated)

    def _goes_on(self, name: str, exit_when: str, outside: str, stated: Sequence[Claim]) -> Claim:
        """An enrolment goes on while its `exit_when` does not hold, and where its facts are missing."""
        read = {n for claim in stated for n in self._catalogue.answers.names(claim.text)}
        needs = {n for n in self._catalogue.answers.names(exit_when) if n.startswith(MAY_BE_MISSING)}
        text = f"{outside} || !({exit_when})"
        if IS_KNOWN in read and needs - {IS_KNOWN}:
            text += f" || !{IS_KNOWN}"
        label = f"the exit_when of {name}"
        return Claim(text=text, label=label, subject=name, path=("exit_when",), lets_unknown=not needs <= read)


def _may_allow(incident_class: IncidentClass, kind: JourneyKind) -> bool:
    """Whether some incident of this class allows the kind: where severities are told, they decide."""
    allowing = incident_class.severities.values() or (incident_class.allows,)
    return any(kind in kinds for kinds in allowing)


def _lets_unknown(document: OnUnknownDocument) -> bool:
    return (
        WhenUnknown.ALLOW in (document.on_missing, document.on_unknown_customer) or document.on_stale is WhenStale.ALLOW
    )
