"""Many decisions scored at once have the scores that each has alone, bit for bit, and one's trouble is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.encoder import JourneyRow, RowsAsked
from features.values import FeatureRow, FeatureStatus, FeatureValue
from models.calibration import Calibration
from models.scorer import Scorer
from service.application.scoring import Models, Scores, Scoring, ToScore
from service.decision.arms import ONE_ARM, Arm, Arms
from service.decision.decide import begin
from tests.builders import NOW, Entry, catalogue, facts, journey
from tests.model_builders import JOURNEYS, SCHEMA, bundle, customers, row
from tests.one_by_one import ModelOneByOne

UNKNOWN = JourneyRow(journey_id="never-seen", kind="service", attributes={"category": "soap"})
ARMS = (ONE_ARM, Arms(shares={Arm.CHALLENGER: 0.5}), Arms(has_shadow=True))
PLAN = catalogue(
    *(
        Entry(journey=replace(journey(one.journey_id), prior=prior, attributes=one.attributes))
        for one, prior in zip((*JOURNEYS, UNKNOWN), (0.1, 0.2, 0.3), strict=True)
    )
).plan
CANDIDATES = begin(PLAN, facts()).survivors
CUSTOMERS = [*customers(30), row(), row(age_band=None, spend_90d=0.0, spend_soap_90d=3.0)]
STRANGE = {
    spec.name: FeatureValue(name=spec.name, status=FeatureStatus.STALE, value=7.0, event_time=NOW)
    for spec in SCHEMA.features
}


@pytest.fixture(scope="module")
def champion() -> Scorer:
    return Scorer(bundle())


@pytest.fixture(scope="module")
def challenger() -> Scorer:
    return Scorer(bundle(Calibration(), n=200))


asked = st.builds(
    lambda known, hours, chosen, arms: ToScore(
        candidates=[CANDIDATES[i] for i in chosen],
        facts=replace(facts(), features=known, now=NOW + timedelta(hours=hours)),
        arms=arms,
    ),
    st.sampled_from([*CUSTOMERS, STRANGE]),
    st.integers(0, 1000),
    st.lists(st.sampled_from(range(len(CANDIDATES))), unique=True),
    st.sampled_from(ARMS),
)


def hexed(scores: Scores) -> object:
    """Equal only where every bit is."""
    own = {name: (score.source, score.p_outcome.hex()) for name, score in scores.by_journey.items()}
    other = scores.other
    beside = other and {name: score.p_outcome.hex() for name, score in other.by_journey.items()}
    return list(own.items()), beside, scores


@given(batch=st.lists(asked, max_size=20))
def test_scored_together_is_scored_alone(champion: Scorer, challenger: Scorer, batch: list[ToScore]) -> None:
    scoring = Scoring(None)
    scoring.use(Models(champion=champion, challenger=challenger))
    alone = [scoring.score_here(one.candidates, one.facts, one.arms) for one in batch]
    assert list(map(hexed, scoring.score_all(batch))) == list(map(hexed, alone))
    scoring.close()


@given(
    batch=st.lists(st.tuples(st.sampled_from(CUSTOMERS), st.lists(st.sampled_from((*JOURNEYS, UNKNOWN)))), max_size=9)
)
def test_rows_of_many_are_the_rows_of_each(champion: Scorer, batch: list[tuple[FeatureRow, list[JourneyRow]]]) -> None:
    rows = [RowsAsked(row=known, at=NOW, journeys=journeys) for known, journeys in batch]
    found = champion.score_many(rows)
    alone = [champion.score(one.row, one.at, one.journeys) for one in rows]
    assert [told.tobytes() for told in found] == [told.tobytes() for told in alone]


class Choosy(ModelOneByOne):
    """Gives `answer` for whoever has spent nothing, or raises where that is None."""

    version, history = "choosy", frozenset(one.journey_id for one in JOURNEYS)
    valued: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()

    def __init__(self, answer: float | None) -> None:
        self._answer = answer

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        if row["spend_90d"].value != 0.0:
            return np.full(len(journeys), 0.5)
        if self._answer is None:
            raise ArithmeticError("this customer has spent nothing")
        return np.full(len(journeys), self._answer)

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError


@pytest.mark.parametrize("answer", [None, np.nan, np.inf, -0.5, 1.5])
def test_who_cannot_be_scored_has_priors_and_nobody_else_has(answer: float | None) -> None:
    scoring = Scoring(Choosy(answer))
    spent = [12.0, 0.0, 30.0, 0.0]
    batch = [ToScore(candidates=CANDIDATES, facts=replace(facts(), features=row(spend_90d=amount))) for amount in spent]
    found = scoring.score_all(batch)
    scoring.close()
    assert [one.model_version for one in found] == ["choosy", "", "choosy", ""]
    assert [bool(one.degraded) for one in found] == [False, True, False, True]
    assert [one.by_journey["never-seen"].p_outcome for one in found] == [0.3] * 4
    assert [one.by_journey["pantry-mailer"].p_outcome for one in found] == [0.5, 0.1, 0.5, 0.1]


def test_nobody_is_scored_at_once() -> None:
    scoring = Scoring(Choosy(None))
    assert scoring.score_all([]) == []
    scoring.close()
