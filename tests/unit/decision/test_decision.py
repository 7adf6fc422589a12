"""The decision as a whole: why it ends, how long it holds, and when a rejected journey may come back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from service.decision.constrain import Rejection, constrain, eligible_after
from service.decision.constraints.audience import Audience
from service.decision.constraints.registry import Cap
from service.decision.decide import begin
from service.decision.evaluation import Evaluation
from service.decision.facts import Consents, Incident, OpenIncidents, Situation
from service.decision.journey import JourneyKind
from service.decision.verdict import Reason, ReasonKind
from tests.builders import COMPILER, NOW, Entry, catalogue, contact, decide, facts, feature, journey

DAY = timedelta(days=1)
THREE = catalogue(*(Entry(journey=journey(name)) for name in "abc"))


@pytest.mark.parametrize(("limit", "is_silent"), [(1, False), (2, False), (3, False), (4, True), (50, True)])
def test_no_journey_is_said_exactly_when_fewer_slots_than_the_limit_were_filled(limit: int, is_silent: bool) -> None:
    assert (decide(THREE.plan, facts(), limit=limit).no_journey is not None) is is_silent


def test_no_journey_tells_whether_there_was_any_candidate() -> None:
    nothing = decide(catalogue().plan, facts(channel="email"), limit=1).no_journey
    never = Entry(journey=journey(), valid_until=NOW)
    withheld = decide(catalogue(never).plan, facts(), limit=1).no_journey
    short = decide(THREE.plan, facts(), limit=5).no_journey
    assert nothing is not None
    assert [(r.code, r.params) for r in nothing] == [("NO_CANDIDATE", {"channel": "email"})]
    assert withheld is not None
    assert [(r.code, r.params) for r in withheld] == [("NOTHING_MORE_ALLOWED", {"rejected": 1, "ranked": 0})]
    assert short is not None
    assert [(r.code, r.params) for r in short] == [("NOTHING_MORE_ALLOWED", {"rejected": 0, "ranked": 3})]


@pytest.mark.parametrize(("channel", "holds"), [("email", timedelta(hours=24)), ("web", timedelta(minutes=15))])
def test_an_answer_holds_as_long_as_its_channel_reserves(channel: str, holds: timedelta) -> None:
    decision = decide(THREE.plan, facts(channel=channel))
    assert (decision.decided_at, decision.valid_until) == (NOW, NOW + holds)


def test_every_rule_that_denies_a_candidate_gives_its_reason() -> None:
    """A journey that everything speaks against, and one beside it that nothing does."""
    everything = Entry(
        journey=journey("all", kind=JourneyKind.PROMOTIONAL),
        purposes=("marketing", "surveys"),
        audience=COMPILER.compile("customer.spend > 10.0"),
        contact=Cap(at_most=1, per=DAY),
        valid_until=NOW,
    )
    situation = Situation(
        incidents=OpenIncidents(known=(Incident(incident_id="i", opened_at=NOW),)),
        consents=Consents(granted_at={("marketing", "web"): NOW}),
        contacts=(contact("all"),),
    )
    plan = catalogue(everything, Entry(journey=journey("fine"))).plan
    draft = begin(plan, facts(situation=situation, features=[feature("spend", 1.0)]))
    (rejected,) = draft.constrained.rejected
    assert sorted(r.code for r in rejected.reasons) == [
        "AUDIENCE",
        "CONSENT_MISSING",
        "CONTACT_CAP",
        "INCIDENT_OPEN",
        "NOT_VALID_NOW",
    ]
    assert [r.params["purpose"] for r in rejected.reasons if r.code == "CONSENT_MISSING"] == ["surveys"]
    assert [c.journey_id for c in draft.survivors] == ["fine"]


def test_equal_rules_are_checked_once_and_their_reason_is_shared() -> None:
    offered = (Entry(journey=journey(n), audience=COMPILER.compile("customer.spend > 10.0")) for n in "abc")
    plan = catalogue(*offered).plan
    assert sum(isinstance(rule, Audience) for rule in plan.rules) == 1
    rejected = begin(plan, facts()).constrained.rejected
    assert len({id(reason) for r in rejected for reason in r.reasons}) == 1


def test_constrain_can_be_narrowed_to_some_of_the_rules() -> None:
    """As selection does, which checks only what a pick can change."""
    offered = Entry(journey=journey("a"), contact=Cap(at_most=1, per=DAY), valid_until=NOW)
    plan = catalogue(offered).plan
    known = facts(situation=Situation(contacts=(contact("a"),)))
    narrow = constrain(Evaluation(plan, known), plan.candidates(known), only=plan.contact_rules)
    assert [r.code for rejected in narrow.rejected for r in rejected.reasons] == ["CONTACT_CAP"]


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([NOW + DAY], NOW + DAY),
        ([NOW + 90 * DAY], NOW + 90 * DAY),
        ([NOW + 90 * DAY + timedelta(seconds=1)], None),
        ([NOW, NOW + 2 * DAY, NOW + DAY], NOW + 2 * DAY),
        ([None], None),
        ([NOW + DAY, None], None),
        ([None, NOW + DAY], None),
    ],
)
def test_a_journey_comes_back_with_the_last_of_its_denials_or_never_by_time_alone(
    ends: list[datetime | None], expected: datetime | None
) -> None:
    (candidate, *_) = THREE.plan.candidates(facts())
    reasons = tuple(Reason(code="SOME", kind=ReasonKind.DENIED, eligible_after=end) for end in ends)
    rejected = Rejection.of(candidate, reasons)
    assert eligible_after(Evaluation(THREE.plan, facts()), rejected) == expected
