"""The place in a journey as a function of the set of moves, against a naive twin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.decision.facts import Enrolment
from service.decision.journey import Stage
from service.state.rows.fold import JourneyMove, Move, enrolment
from tests.builders import NOW

HOUR = timedelta(hours=1)
STAGES = tuple(s.value for s in Stage)
MOVES = st.lists(
    st.builds(
        JourneyMove,
        at=st.sampled_from([NOW + i * HOUR for i in range(4)]),
        move=st.sampled_from(Move),
        row_id=st.sampled_from("abcdefgh"),
        stage=st.sampled_from(STAGES),
    ),
    max_size=8,
    unique_by=lambda m: (m.at, m.move, m.row_id),
)


def move(kind: Move, hour: int, stage: Stage = Stage.NEED, row_id: str = "a") -> JourneyMove:
    return JourneyMove(NOW + hour * HOUR, kind, row_id, stage.value)


def placed(stage: Stage, hour: int) -> Enrolment:
    return Enrolment(journey_id="news", stage=stage, since=NOW + hour * HOUR)


def twin(moves: Sequence[JourneyMove]) -> Enrolment | None:
    """Only what follows the last exit counts: the first of it enters, the last that sets a stage sets it."""
    exits = [m for m in moves if m.move is Move.EXITED]
    after = [m for m in moves if m.move is not Move.EXITED and all(m.at > e.at for e in exits)]
    if not after:
        return None
    first = min(after, key=lambda m: (m.at, m.move.value, m.row_id))
    setting = [m for m in after if m.move is not Move.PRESENTED]
    last = max(setting, key=lambda m: (m.at, m.move.value, m.row_id)) if setting else first
    return Enrolment(journey_id="news", stage=Stage(last.stage), since=first.at)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(MOVES, st.randoms(use_true_random=False))
def test_any_order_of_the_same_moves_gives_the_place_of_the_naive_twin(
    moves: list[JourneyMove], random: Random
) -> None:
    shuffled = sorted(moves, key=lambda _: random.random())
    assert enrolment("news", shuffled) == enrolment("news", moves) == twin(moves)


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], None),
        ([move(Move.PRESENTED, 0, Stage.USE)], placed(Stage.USE, 0)),
        ([move(Move.ENTERED, 0, Stage.NEED)], placed(Stage.NEED, 0)),
        ([move(Move.ADVANCED, 0, Stage.USE)], placed(Stage.USE, 0)),
        ([move(Move.EXITED, 0)], None),
        ([move(Move.ENTERED, 0, Stage.USE), move(Move.PRESENTED, 1, Stage.NEED)], placed(Stage.USE, 0)),
        ([move(Move.PRESENTED, 0, Stage.NEED), move(Move.ADVANCED, 1, Stage.USE)], placed(Stage.USE, 0)),
        ([move(Move.ENTERED, 0, Stage.USE), move(Move.ADVANCED, 1, Stage.NEED)], placed(Stage.NEED, 0)),
        ([move(Move.ENTERED, 0, Stage.USE), move(Move.ENTERED, 1, Stage.NEED)], placed(Stage.NEED, 0)),
        ([move(Move.ENTERED, 0), move(Move.EXITED, 1)], None),
        ([move(Move.ENTERED, 0), move(Move.EXITED, 1), move(Move.PRESENTED, 2, Stage.USE)], placed(Stage.USE, 2)),
        ([move(Move.ENTERED, 1), move(Move.EXITED, 1)], None),
        (
            [move(Move.ADVANCED, 1, Stage.USE, "a"), move(Move.ADVANCED, 1, Stage.NEED, "b")],
            placed(Stage.NEED, 1),
        ),
    ],
    ids=[
        "nothing-happened",
        "presented-enters",
        "entered",
        "advanced-enters-too",
        "an-exit-alone",
        "presented-moves-nobody-back",
        "advanced-after-presented",
        "back-is-a-move-too",
        "entered-again-keeps-since",
        "exited",
        "presented-after-an-exit",
        "an-exit-wins-its-instant",
        "the-greater-id-wins-its-instant",
    ],
)
def test_moves_place_the_customer(moves: list[JourneyMove], expected: Enrolment | None) -> None:
    assert enrolment("news", moves) == expected
