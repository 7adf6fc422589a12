"""Lists of incidents and consents: read, merged and written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import SituationUnreadable
from features.situation import (
    MOST_OPEN,
    MOST_RESOLVED,
    ConsentFact,
    ConsentStatus,
    IncidentFact,
    IncidentStatus,
    merge,
    parse,
    render,
)

AT = datetime(2018, 1, 3, 12, 0, tzinfo=UTC)

incidents = st.builds(
    IncidentFact,
    incident_id=st.sampled_from(["a", "b", "c"]),
    incident_class=st.just("delivery"),
    severity=st.none(),
    status=st.sampled_from(IncidentStatus),
    at=st.integers(0, 3).map(lambda hours: AT + timedelta(hours=hours)),
)
incident_lists = st.lists(incidents, max_size=5)


def incident(status: IncidentStatus, hours: int = 0, incident_id: str = "a") -> IncidentFact:
    at = AT + timedelta(hours=hours)
    return IncidentFact(incident_id=incident_id, incident_class=None, severity="high", status=status, at=at)


@given(one=incident_lists, two=incident_lists, three=incident_lists)
def test_merging_does_not_depend_on_order_or_repetition(
    one: list[IncidentFact], two: list[IncidentFact], three: list[IncidentFact]
) -> None:
    assert merge(merge(one, two), three) == merge(three, merge(two, [*one, *two]))


def test_an_older_state_never_hides_a_newer_one() -> None:
    newer, older = incident(IncidentStatus.OPEN, hours=2), incident(IncidentStatus.RESOLVED, hours=1)
    assert merge([newer], [older]) == (newer,)


def test_what_only_one_side_knows_is_kept() -> None:
    mine, theirs = incident(IncidentStatus.OPEN), incident(IncidentStatus.OPEN, incident_id="b")
    assert merge([theirs], [mine]) == (mine, theirs)


def test_opened_and_resolved_at_the_same_instant_is_resolved() -> None:
    opened, resolved = incident(IncidentStatus.OPEN), incident(IncidentStatus.RESOLVED)
    assert merge([resolved], [opened]) == merge([opened], [resolved]) == (resolved,)


def test_granted_and_withdrawn_at_the_same_instant_is_withdrawn() -> None:
    granted, withdrawn = (
        ConsentFact(purpose="marketing", channel="email", status=status, at=AT) for status in ConsentStatus
    )
    assert merge([withdrawn], [granted]) == (withdrawn,)


def test_a_list_is_read_back_as_it_was_written() -> None:
    facts = (incident(IncidentStatus.OPEN), incident(IncidentStatus.RESOLVED, hours=1, incident_id="ü"))
    assert parse(IncidentFact, render(facts)) == facts


def test_the_written_form_is_the_one_of_the_contract() -> None:
    fact = ConsentFact(purpose="marketing", channel="email", status=ConsentStatus.GRANTED, at=AT)
    assert render([fact]) == (
        '[{"purpose":"marketing","channel":"email","status":"granted","at":"2018-01-03T12:00:00Z"}]'
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "{}",
        "[1]",
        '[{"incident_id": "a"}]',
        '[{"incident_id": 7, "status": "open", "at": "2018-01-03T12:00:00Z"}]',
        '[{"incident_id": "a", "status": "ajar", "at": "2018-01-03T12:00:00Z"}]',
        '[{"incident_id": "a", "status": "open", "at": "2018-01-03T12:00:00"}]',
    ],
)
def test_a_list_that_breaks_the_contract_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SituationUnreadable) as caught:
        parse(IncidentFact, text)
    assert "2018" not in str(caught.value)


def test_a_list_of_very_many_incidents_keeps_the_latest_that_are_over() -> None:
    over = [incident(IncidentStatus.RESOLVED, hours, f"i{hours}") for hours in range(MOST_RESOLVED + 50)]
    kept = merge(over[:-1], over[-1:])
    assert {fact.incident_id for fact in kept} == {f"i{hours}" for hours in range(50, MOST_RESOLVED + 50)}


def test_an_open_incident_in_a_list_is_never_dropped_for_another() -> None:
    """Another source alone may know of it. New ones are not needed once so many close every gate."""
    listed = [incident(IncidentStatus.OPEN, hours, f"i{hours}") for hours in range(MOST_OPEN + 50)]
    assert len(merge(listed, ())) == MOST_OPEN + 50
    new = incident(IncidentStatus.OPEN, -1, "new")
    assert new not in merge(listed, [new])
    assert new in merge(listed[: MOST_OPEN - 1], [new])
    over = incident(IncidentStatus.RESOLVED, 500, "i7")
    assert over in merge(listed, [over])
