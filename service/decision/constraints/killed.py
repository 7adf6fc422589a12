"""KILLED: the emergency stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import SituationPart
from service.decision.journey import JourneyKind
from service.decision.verdict import ALLOWED, Observation, Verdict, deny

EVERYTHING = "*"


def kind_target(kind: JourneyKind) -> str:
    """How a whole kind is named in the kill list."""
    return f"kind:{kind.value}"


def kill_subject(target: str) -> str:
    """What an entry of the kill list concerns: told from a journey that a contact concerns."""
    return f"kill:{target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyKilled:
    """Denies a journey on the kill list: by its id, by one of its kinds (an offer has two), or with everything."""

    journey_id: str
    kinds: tuple[JourneyKind, ...]
    code: ClassVar[str] = "KILLED"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.KILLS,)

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset(map(kill_subject, self._targets()))

    @property
    def span(self) -> Span:
        return Span()

    def named(self, journey_id: str) -> str:
        return self.code

    def denies(self, evaluation: Evaluation) -> bool:
        kills = evaluation.facts.situation.kills
        return bool(kills) and any(target in kills for target in self._targets())

    def check(self, evaluation: Evaluation) -> Verdict:
        for target in self._targets():
            why = evaluation.facts.situation.kills.get(target)
            if why is not None:
                return deny(self.code, target=target, why=why)
        return ALLOWED

    def seen(self, evaluation: Evaluation) -> Observation:
        return Observation(observed={"on_kill_list": len(evaluation.facts.situation.kills)})

    def _targets(self) -> tuple[str, ...]:
        return self.journey_id, *map(kind_target, self.kinds), EVERYTHING
