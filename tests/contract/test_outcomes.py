"""Outcomes are kept once, under the decision that ranked their journey, and listed with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.decision.reports.rows import Outcome, OutcomeType
from service.state.port import KeptOutcome, StateUnavailable
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.rows import (
    MINUTE,
    capped,
    committed,
    contacts,
    event,
    opened,
    outcome,
    propose,
    ranked,
    rejected,
    situation,
    taken,
    taken_before,
)

CONVERTED = outcome("o1", OutcomeType.CONVERTED, NOW + MINUTE, value=12.5)


async def kept(state: Store, decision_id: str = "d1") -> list[KeptOutcome]:
    stored = await state.decision(decision_id, NOW)
    assert stored is not None
    return list(stored.outcomes)


async def test_an_outcome_of_an_unknown_decision_is_rejected(state: Store) -> None:
    assert await state.record_outcomes([CONVERTED], NOW) == [rejected("o1", "decision_id", "UNKNOWN_DECISION")]


async def test_an_outcome_of_a_journey_that_was_not_ranked_is_rejected(state: Store) -> None:
    """`plain` was eligible in d1, but got no slot."""
    await committed(state, await propose(state, capped(with_open_door=True)))
    for journey_id in ("plain", "no such journey"):
        stray = replace(CONVERTED, journey_id=journey_id)
        assert await state.record_outcomes([stray], NOW) == [rejected("o1", "journey_id", "NOT_RANKED")]
    assert await kept(state) == []


async def test_a_rejected_outcome_changes_nothing_and_its_id_stays_free(state: Store) -> None:
    await ranked(state)
    before = await situation(state)
    await state.record_outcomes([replace(CONVERTED, journey_id="plain")], NOW)
    assert await situation(state) == before
    assert await state.record_outcomes([CONVERTED], NOW) == [taken("o1")]


async def test_the_same_outcome_again_is_a_duplicate_and_changes_nothing(state: Store) -> None:
    await ranked(state)
    await state.record_outcomes([CONVERTED], NOW)
    before = await situation(state)
    assert await state.record_outcomes([CONVERTED], NOW + MINUTE) == [taken_before("o1")]
    assert await situation(state) == before
    assert await kept(state) == [KeptOutcome(outcome=CONVERTED, recorded_at=NOW, is_late=False)]


@pytest.mark.parametrize(
    "other",
    [
        replace(CONVERTED, decision_id="d2"),
        replace(CONVERTED, journey_id="plain"),
        replace(CONVERTED, type=OutcomeType.ENGAGED),
        replace(CONVERTED, value=12.0),
        replace(CONVERTED, value=None),
        replace(CONVERTED, occurred_at=NOW),
    ],
    ids=["decision", "journey", "type", "value", "no-value", "time"],
)
async def test_an_id_reused_with_other_content_is_rejected(state: Store, other: Outcome) -> None:
    await ranked(state)
    await state.record_outcomes([CONVERTED], NOW)
    assert await state.record_outcomes([other], NOW) == [rejected("o1", "outcome_id", "ID_REUSED")]
    assert [k.outcome for k in await kept(state)] == [CONVERTED]


async def test_outcomes_come_back_as_sent_oldest_first(state: Store) -> None:
    await ranked(state)
    nps = outcome("o3", OutcomeType.NPS, NOW + 3 * MINUTE, value=0.0)
    shown = outcome("o9", OutcomeType.PRESENTED, NOW + timedelta(microseconds=1))
    silent = outcome("o2", OutcomeType.CONVERTED, NOW + 3 * MINUTE)
    await state.record_outcomes([nps, shown], NOW + 4 * MINUTE)
    await state.record_outcomes([silent], NOW + 5 * MINUTE)
    assert await kept(state) == [
        KeptOutcome(outcome=shown, recorded_at=NOW + 4 * MINUTE, is_late=False),
        KeptOutcome(outcome=silent, recorded_at=NOW + 5 * MINUTE, is_late=False),
        KeptOutcome(outcome=nps, recorded_at=NOW + 4 * MINUTE, is_late=False),
    ]


async def test_a_batch_answers_for_each_row_in_order(state: Store) -> None:
    await ranked(state)
    stray = outcome("o2", OutcomeType.ENGAGED, decision_id="d9")
    results = await state.record_outcomes([CONVERTED, stray, CONVERTED, replace(CONVERTED, value=1.0)], NOW)
    assert results == [
        taken("o1"),
        rejected("o2", "decision_id", "UNKNOWN_DECISION"),
        taken_before("o1"),
        rejected("o1", "outcome_id", "ID_REUSED"),
    ]


async def test_an_outcome_makes_nobody_known(state: Store) -> None:
    """`customer.is_known` asks for a row in a view or an event; what we showed is neither."""
    await ranked(state)
    await state.record_outcomes([CONVERTED], NOW)
    assert not (await situation(state)).has_events


async def test_an_event_and_an_outcome_may_share_an_id(state: Store) -> None:
    await ranked(state)
    await state.record_events([opened("same")], NOW)
    assert await state.record_outcomes([replace(CONVERTED, outcome_id="same")], NOW) == [taken("same")]


async def test_presented_does_not_move_back_who_is_further_in_the_journey(state: Store) -> None:
    await ranked(state)
    advanced = event("e1", "journey.entered", NOW - MINUTE, journey_id="news", stage="use")
    await state.record_events([advanced], NOW)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)
    enrolment = (await situation(state)).enrolments["news"]
    assert (enrolment.stage.value, enrolment.since) == ("use", NOW - MINUTE)


async def test_a_batch_that_breaks_in_the_middle_moves_no_contact(state: Store) -> None:
    """A decision id that is no text in UTF-8 stands for any failure half-way."""
    await ranked(state)
    shown = outcome("o1", OutcomeType.PRESENTED, NOW + MINUTE)
    with pytest.raises((UnicodeEncodeError, StateUnavailable)):
        await state.record_outcomes([shown, replace(CONVERTED, outcome_id="o2", decision_id="\ud800")], NOW)
    assert [c.at for c in await contacts(state)] == [NOW]
    assert await kept(state) == []
