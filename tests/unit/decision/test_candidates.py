"""Candidates: at most one a journey, at the customer's stage, with an action that fits channel and placement."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.decision.facts import Enrolment, Situation
from service.decision.journey import Action, JourneyKind, Stage, StagePlan
from tests.builders import NOW, Entry, catalogue, facts, journey


def act(
    action_id: str, channels: set[str], placements: frozenset[str] = frozenset(), *, is_offer: bool = False
) -> Action:
    return Action(
        action_id=action_id, channels=frozenset(channels), tone="plain", placements=placements, is_offer=is_offer
    )


CLUB = journey(
    "club",
    kind=JourneyKind.LOYALTY,
    stages=(
        StagePlan(
            stage=Stage.NEED,
            actions=(
                act("mail", {"email"}),
                act("top-banner", {"web"}, frozenset({"home", "cart"})),
                act("any-banner", {"web", "app"}, is_offer=True),
            ),
        ),
        StagePlan(stage=Stage.USE, actions=(act("member-mail", {"email"}),)),
    ),
)
PLAN = catalogue(Entry(journey=CLUB)).plan


def proposed(channel: str, placement: str | None = None, stage: Stage | None = None) -> str | None:
    """The action that stands for the club, for a customer at this stage (None: not enrolled)."""
    enrolments = {} if stage is None else {"club": Enrolment(journey_id="club", stage=stage, since=NOW)}
    known = facts(channel=channel, placement=placement, situation=Situation(enrolments=enrolments))
    found = [c.action.action_id for c in PLAN.candidates(known)]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("channel", "placement", "expected"),
    [
        ("email", None, "mail"),
        ("email", "home", "mail"),
        ("web", None, "top-banner"),
        ("web", "home", "top-banner"),
        ("web", "cart", "top-banner"),
        ("web", "receipt", "any-banner"),
        ("app", "home", "any-banner"),
        ("nowhere", None, None),
    ],
)
def test_the_first_action_that_fits_the_channel_and_the_placement_is_proposed(
    channel: str, placement: str | None, expected: str | None
) -> None:
    assert proposed(channel, placement) == expected


@pytest.mark.parametrize(
    ("channel", "stage", "expected"),
    [
        ("email", None, "mail"),
        ("email", Stage.NEED, "mail"),
        ("email", Stage.USE, "member-mail"),
        # nothing at that stage fits: an action of another stands for the journey, and STAGE denies it (P4)
        ("web", Stage.USE, "top-banner"),
        ("email", Stage.RECOMMEND, "mail"),
    ],
)
def test_the_stage_is_that_of_the_enrolment_and_the_first_for_who_is_not_enrolled(
    channel: str, stage: Stage | None, expected: str | None
) -> None:
    assert proposed(channel, stage=stage) == expected


def test_an_enrolment_elsewhere_does_not_move_the_stage() -> None:
    enrolments = {"other": Enrolment(journey_id="other", stage=Stage.USE, since=NOW - timedelta(days=1))}
    known = facts(channel="email", situation=Situation(enrolments=enrolments))
    assert [c.stage for c in PLAN.candidates(known)] == [Stage.NEED]


def test_an_offer_counts_as_promotional_whatever_its_journeys_kind() -> None:
    kinds = {c.action.action_id: c.kind for channel in ("web", "app") for c in PLAN.candidates(facts(channel=channel))}
    assert kinds == {"top-banner": JourneyKind.LOYALTY, "any-banner": JourneyKind.PROMOTIONAL}
