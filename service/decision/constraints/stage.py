"""STAGE: only the actions of the stage where the customer is are candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import Enrolment, SituationPart
from service.decision.journey import Stage
from service.decision.verdict import ALLOWED, Observation, Verdict, deny


@dataclass(frozen=True, slots=True, kw_only=True)
class AtStage:
    """Denies the actions of `stage` to a customer who is at another stage of the journey, or not yet at its first.

    `stages` are those that the journey has: who stands at one that left it is told apart.
    """

    journey_id: str
    stage: Stage
    first_stage: Stage
    stages: frozenset[Stage] = frozenset(Stage)
    code: ClassVar[str] = "STAGE"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.ENROLMENTS,)
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span()

    def named(self, journey_id: str) -> str:
        return self.code

    def denies(self, evaluation: Evaluation) -> bool:
        return self._stage(evaluation.facts.situation.enrolments.get(self.journey_id)) is not self.stage

    def check(self, evaluation: Evaluation) -> Verdict:
        enrolment = evaluation.facts.situation.enrolments.get(self.journey_id)
        stage = self._stage(enrolment)
        if stage is self.stage:
            return ALLOWED
        ends = enrolment.ends_at if enrolment is not None and self.stage is self.first_stage else None
        gone = {} if stage in self.stages else {"gone": stage.value}
        return deny(
            self.code,
            eligible_after=ends,
            stage=stage.value,
            offered_at=self.stage.value,
            enrolled=enrolment is not None,
            **gone,
        )

    def seen(self, evaluation: Evaluation) -> Observation:
        stage = self._stage(evaluation.facts.situation.enrolments.get(self.journey_id))
        return Observation(observed={"stage": stage.value}, limits={"offered_at": self.stage.value})

    def _stage(self, enrolment: Enrolment | None) -> Stage:
        """Who is in no journey is at its first stage."""
        return self.first_stage if enrolment is None else enrolment.stage
