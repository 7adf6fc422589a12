"""COOLDOWN: after each answer, after being ignored, also by relatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from service.decision.constraints.cooldown import Cooldown, IgnoredRest, Rest
from service.decision.facts import Contact, Facts, Response, Situation
from tests.builders import NOW, contact, evaluation, facts

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
RULE = Cooldown(
    journeys=frozenset({"news", "digest"}),
    rests=(Rest(response="REJECTED", rests=30 * DAY), Rest(response="ACCEPTED", rests=60 * DAY)),
    ignored=IgnoredRest(times=2, window=7 * DAY, rests=14 * DAY),
)


def shown(
    age: timedelta, decision_id: str = "d", journey_id: str = "news", decided: timedelta | None = None
) -> Contact:
    decided_at = None if decided is None else NOW - decided
    made = contact(journey_id, at=NOW - age, is_presented=True)
    return replace(made, decision_id=decision_id, decided_at=decided_at)


def said(kind: str, age: timedelta, decision_id: str = "x", journey_id: str = "news") -> Response:
    return Response(decision_id=decision_id, journey_id=journey_id, type=kind, at=NOW - age)


def known(contacts: Sequence[Contact] = (), responses: Sequence[Response] = ()) -> Facts:
    return facts(situation=Situation(contacts=tuple(contacts), responses=tuple(responses)))


@pytest.mark.parametrize(
    ("answers", "left"),
    [
        ([], None),
        ([said("REJECTED", timedelta(0))], 30 * DAY),
        ([said("REJECTED", 30 * DAY - SECOND)], SECOND),
        ([said("REJECTED", 30 * DAY)], None),
        ([said("ACCEPTED", 30 * DAY)], 30 * DAY),
        ([said("CONVERTED", SECOND)], None),
        ([said("ENGAGED", SECOND)], None),
        ([said("REJECTED", DAY), said("ACCEPTED", 10 * DAY)], 50 * DAY),
        ([said("REJECTED", DAY, journey_id="digest")], 29 * DAY),
        ([said("REJECTED", DAY, journey_id="other")], None),
    ],
)
def test_each_answer_has_its_own_rest_and_the_longest_counts(
    answers: Sequence[Response], left: timedelta | None
) -> None:
    reason = RULE.check(evaluation(known(responses=answers)))
    assert (None if reason is None else reason.eligible_after) == (None if left is None else NOW + left)


@pytest.mark.parametrize(
    ("contacts", "answers", "left"),
    [
        # two in a row whose week is over: rest until 14 days after the end of the second one's week
        ([shown(7 * DAY)], [], None),
        ([shown(8 * DAY), shown(7 * DAY)], [], 14 * DAY),
        ([shown(8 * DAY), shown(7 * DAY - SECOND)], [], None),
        ([shown(7 * DAY), shown(8 * DAY)], [], 14 * DAY),
        ([shown(30 * DAY), shown(21 * DAY - SECOND)], [], SECOND),
        ([shown(30 * DAY), shown(21 * DAY)], [], None),
        # an answer within the week breaks the row, one after it does not
        ([shown(9 * DAY, "a"), shown(8 * DAY)], [said("ENGAGED", 3 * DAY, "a")], None),
        ([shown(9 * DAY, "a"), shown(8 * DAY)], [said("ENGAGED", DAY, "a")], 13 * DAY),
        # an answer to a contact whose week is not over breaks it at once
        ([shown(9 * DAY), shown(8 * DAY), shown(DAY, "a")], [said("ENGAGED", SECOND, "a")], None),
        # a third in the meantime, unanswered: its own week ends in 6 days, and 14 later the rest
        ([shown(9 * DAY), shown(8 * DAY), shown(DAY)], [], 20 * DAY),
        # they stand in the order in which they were shown, whatever that of their decisions
        (
            [shown(20 * DAY, decided=40 * DAY), shown(30 * DAY, decided=31 * DAY), shown(29 * DAY, decided=32 * DAY)],
            [],
            DAY,
        ),
        # a reservation that was never shown is not ignored; nor do two journeys make one row
        ([shown(9 * DAY), contact(at=NOW - 8 * DAY)], [], None),
        ([shown(9 * DAY), shown(8 * DAY, journey_id="digest")], [], None),
        ([shown(9 * DAY, journey_id="digest"), shown(8 * DAY, journey_id="digest")], [], 13 * DAY),
    ],
)
def test_what_was_ignored_so_often_in_a_row_rests(
    contacts: Sequence[Contact], answers: Sequence[Response], left: timedelta | None
) -> None:
    reason = RULE.check(evaluation(known(contacts, answers)))
    assert (None if reason is None else reason.eligible_after) == (None if left is None else NOW + left)


def test_the_reason_shows_what_the_rest_follows() -> None:
    reason = RULE.check(evaluation(known(responses=[said("REJECTED", DAY, journey_id="digest")])))
    assert reason is not None
    assert (reason.code, reason.params) == ("COOLDOWN", {"after": "REJECTED", "journey": "digest"})
