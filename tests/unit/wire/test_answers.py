"""Domain values to messages: nothing lost on the way, times rounded so that a promise holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from features.values import FeatureStatus
from rumbo.decision.v1 import decision_pb2, journey_pb2, outcomes_pb2, reason_pb2, record_pb2, row_pb2, value_pb2
from service.application.decider import ReplayedDecision
from service.application.scoring import Contributions
from service.decision.arbitrate import Score, ScoreSource
from service.decision.constraints.registry import Cap
from service.decision.constraints.rule import Span
from service.decision.decide import Decision, DecisionTerms, Degradation, begin, conclude
from service.decision.evaluation import Evaluation
from service.decision.explore import Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.facts import Contact, Situation, SituationPart
from service.decision.journey import Action, JourneyKind, Lever, Stage, StagePlan
from service.decision.reports.rows import Outcome, OutcomeType, RowResult, RowStatus
from service.decision.verdict import Observation, Verdict, deny
from service.state.port import ContactState, KeptOutcome, StoredDecision
from service.wire import answers, enums
from tests.builders import NOW, Entry, catalogue, contact, decide, facts, journey, scores_of
from tests.variants import with_rule

DAY = timedelta(days=1)


def answered(decision: Decision, *, is_full: bool, locale: str) -> decision_pb2.DecideResponse:
    """The answer as its caller reads it."""
    return decision_pb2.DecideResponse.FromString(answers.answer(decision, is_full=is_full, locale=locale))


def told_again(replayed: ReplayedDecision, *, is_full: bool, locale: str) -> record_pb2.GetDecisionResponse:
    """The record as its caller reads it."""
    return record_pb2.GetDecisionResponse.FromString(answers.record(replayed, is_full=is_full, locale=locale))


INSTANT = timedelta(microseconds=1)
AT = Timestamp(seconds=1_514_980_800)
"""NOW, 2018-01-03T12:00:00Z, in seconds from 1970 (by `date -ud 2018-01-03T12:00 +%s`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denies:
    """Denies with parameters of every type."""

    code: ClassVar[str] = "TEST"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = ()
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span()

    def named(self, journey_id: str) -> str:
        return self.code

    def denies(self, evaluation: Evaluation) -> bool:
        return True

    def check(self, evaluation: Evaluation) -> Verdict:
        return deny(self.code, flag=True, count=2**62, share=0.1, name="ñ", at=NOW - INSTANT)

    def seen(self, evaluation: Evaluation) -> Observation:
        return Observation(observed={})


OFFER = Action(action_id="mail", channels=frozenset({"web"}), tone="warm", is_offer=True, cost=0.25)
BEST = replace(
    journey("best", kind=JourneyKind.LOYALTY, value=6.5, stages=[StagePlan(stage=Stage.USE, actions=(OFFER,))]),
    lever=Lever(weight=2.0, until=NOW + DAY, why="push"),
)
PLAN = with_rule(
    catalogue(Entry(journey=BEST), Entry(journey=journey("next", tier=2)), Entry(journey=journey("denied"))).plan,
    Denies(),
    ["denied"],
)
STALE = Degradation(what="features.behaviour", status=FeatureStatus.STALE, effect="CONDITIONS_UNKNOWN")


def decision(limit: int = 1, placement: str | None = None) -> Decision:
    """`best` is ranked first, then `next`; `denied` is rejected."""
    terms = DecisionTerms(decision_id="d1", limit=limit, model_version="9f2a", degraded=(STALE,))
    return conclude(begin(PLAN, facts(placement=placement)), scores_of(PLAN), terms)


def test_a_ranked_journey_is_told_field_by_field() -> None:
    """Priority: 0.5 × 6.5 × 1 × lever 2 − 0.25 = 6.25."""
    (found,) = answered(decision(), is_full=False, locale="en").ranked
    (reason,) = found.reasons
    found.ClearField("reasons")
    assert found == journey_pb2.RankedJourney(
        rank=1,
        journey_id="best",
        kind=journey_pb2.JOURNEY_KIND_LOYALTY,
        stage=journey_pb2.STAGE_USE,
        action_id="mail",
        tone="warm",
        is_offer=True,
        priority=6.25,
        p_outcome=0.5,
        value=6.5,
        selection_probability=1.0,
    )
    assert (reason.code, reason.kind) == ("RANKED_BY_PRIOR", reason_pb2.REASON_KIND_RANKED)
    assert reason.params["lever_why"] == value_pb2.Value(string_value="push")
    assert not reason.HasField("eligible_after")


def test_an_answer_is_told_field_by_field() -> None:
    found = answered(decision(), is_full=False, locale="en")
    assert (found.decision_id, found.limit) == ("d1", 1)
    assert (found.model_version, found.catalogue_version) == ("9f2a", "test")
    assert found.decided_at == AT
    assert found.valid_until == Timestamp(seconds=AT.seconds + 15 * 60)
    assert found.counts == decision_pb2.Counts(candidates=3, eligible=1, rejected=1)
    (degraded,) = found.degraded
    assert (degraded.what, degraded.status) == ("features.behaviour", decision_pb2.FEATURE_STATUS_STALE)
    assert "features.behaviour" in degraded.effect


def test_a_summary_lists_what_was_ranked_and_a_full_answer_where_everything_else_ended() -> None:
    summary, full = (answered(decision(), is_full=f, locale="en") for f in (False, True))
    assert (list(summary.eligible), list(summary.rejected)) == ([], [])
    (eligible,), (rejected,) = full.eligible, full.rejected
    assert (eligible.journey_id, eligible.kind) == ("next", journey_pb2.JOURNEY_KIND_SERVICE)
    assert (eligible.stage, eligible.action_id) == (journey_pb2.STAGE_NEED, "act")
    assert (eligible.p_outcome, eligible.value, eligible.priority) == (0.5, 1.0, 0.5)
    assert [r.code for r in eligible.reasons] == ["NO_SLOT_LEFT", "RANKED_BY_PRIOR"]
    assert rejected.journey_id == "denied"
    full.ClearField("eligible")
    full.ClearField("rejected")
    assert full == summary


def test_parameters_of_a_reason_keep_their_types_and_times_are_text() -> None:
    (rejected,) = answered(decision(), is_full=True, locale="en").rejected
    (reason,) = rejected.reasons
    assert (reason.code, reason.kind) == ("TEST", reason_pb2.REASON_KIND_DENIED)
    assert dict(reason.params) == {
        "flag": value_pb2.Value(bool_value=True),
        "count": value_pb2.Value(int64_value=2**62),
        "share": value_pb2.Value(double_value=0.1),
        "name": value_pb2.Value(string_value="ñ"),
        "at": value_pb2.Value(string_value="2018-01-03T11:59:59.999999Z"),
    }


def test_texts_are_in_the_language_asked_for() -> None:
    in_english, in_spanish = (answered(decision(), is_full=True, locale=x) for x in ("", "es-MX"))
    assert in_english.eligible[0].reasons[0].text != in_spanish.eligible[0].reasons[0].text
    assert in_english.degraded[0].effect != in_spanish.degraded[0].effect


@pytest.mark.parametrize(("limit", "is_said"), [(1, False), (2, False), (3, True), (50, True)])
def test_no_journey_is_said_if_and_only_if_a_slot_was_left_empty(limit: int, is_said: bool) -> None:
    found = answered(decision(limit), is_full=False, locale="en")
    assert found.HasField("no_journey") is is_said
    if is_said:
        assert (found.no_journey.value, found.no_journey.selection_probability) == (0.0, 1.0)
        assert [r.code for r in found.no_journey.reasons] == ["NOTHING_MORE_ALLOWED"]


def drawn(decision_id: str) -> Decision:
    """`help` alone in its tier, then two of which one is drawn, then `last`, whose bar silence is above."""
    offered = [Entry(journey=journey("help"))]
    offered += [Entry(journey=journey(name, kind=JourneyKind.LOYALTY, tier=2)) for name in "ab"]
    offered += [Entry(journey=journey("last", kind=JourneyKind.CELEBRATION, tier=3))]
    epsilon = Exploration(scheme=Scheme.EPSILON, epsilon=0.4)
    plan = catalogue(
        *offered,
        exploration=ExplorationPolicy(by_kind={JourneyKind.LOYALTY: epsilon, JourneyKind.CELEBRATION: epsilon}),
        silence=Silence(value=0.1, threshold=0.3),
    ).plan
    chances = {"help": 0.9, "a": 0.8, "b": 0.7, "last": 0.2}
    scores = {name: Score(p_outcome=p, source=ScoreSource.PRIOR) for name, p in chances.items()}
    return decide(plan, facts(), limit=4, scores=scores, decision_id=decision_id)


def told(options: Iterable[journey_pb2.SlotOption]) -> dict[str, float]:
    return {option.journey_id: option.probability for option in options}


def test_a_full_answer_tells_what_each_slot_was_drawn_from_silence_too() -> None:
    """Of a and b: 0.8 and 0.2; of b or a alone, for certain; of last and silence, whose 0.4 is above 0.2: 0.2, 0.8."""
    found = [answered(drawn(f"d{i}"), is_full=True, locale="en") for i in range(20)]
    for one in found:
        assert [r.is_forced for r in one.ranked[:3]] == [True, False, True]
        assert told(one.ranked[0].drawn_from) == told(one.ranked[2].drawn_from) == {}
        assert told(one.ranked[1].drawn_from) == pytest.approx({"a": 0.8, "b": 0.2})
        assert one.ranked[1].selection_probability == told(one.ranked[1].drawn_from)[one.ranked[1].journey_id]
        last = one.no_journey if one.HasField("no_journey") else one.ranked[3]
        assert told(last.drawn_from) == pytest.approx({"last": 0.2, "": 0.8})
        assert (last.is_exploration, last.is_forced) == (len(one.ranked) == 4, False)
    assert {len(one.ranked) for one in found} == {3, 4}


def test_a_summary_tells_no_set_and_a_catalogue_without_draws_nothing_at_all() -> None:
    summary = answered(drawn("d1"), is_full=False, locale="en")
    assert [list(r.drawn_from) for r in summary.ranked] == [[] for _ in summary.ranked]
    assert summary.ranked[0].is_forced
    plain = answered(decision(3), is_full=True, locale="en")
    assert not any(r.is_forced or r.drawn_from for r in plain.ranked)
    assert plain.no_journey.selection_probability == 1.0
    assert not plain.no_journey.is_forced
    assert list(plain.no_journey.drawn_from) == []


def capped(*contacts: Contact, per: timedelta) -> journey_pb2.RejectedJourney:
    """`news` denied by these contacts under a cap of 1."""
    plan = catalogue(Entry(journey=journey("news"), contact=Cap(at_most=1, per=per))).plan
    made = decide(plan, facts(situation=Situation(contacts=contacts)))
    (rejected,) = answered(made, is_full=True, locale="en").rejected
    return rejected


@pytest.mark.parametrize(
    ("at", "per", "seconds"),
    [
        (NOW - DAY, 7 * DAY, 6 * 86_400),
        (NOW - DAY + INSTANT, 7 * DAY, 6 * 86_400 + 1),
        (NOW - DAY - INSTANT, 7 * DAY, 6 * 86_400),
        (NOW, 90 * DAY, 90 * 86_400),
        (NOW - INSTANT, 90 * DAY, 90 * 86_400),
        (NOW + INSTANT, 90 * DAY, None),
        (NOW, 91 * DAY, None),
    ],
    ids=["whole", "rounded-up", "rounded-up-to-whole", "the-horizon", "just-before", "just-beyond", "beyond"],
)
def test_eligible_after_is_in_whole_seconds_rounded_up_and_absent_beyond_ninety_days(
    at: datetime, per: timedelta, seconds: int | None
) -> None:
    rejected = capped(contact(at=at), per=per)
    (reason,) = rejected.reasons
    assert rejected.HasField("eligible_after") is reason.HasField("eligible_after") is (seconds is not None)
    if seconds is not None:
        assert rejected.eligible_after == reason.eligible_after == Timestamp(seconds=AT.seconds + seconds)


def test_eligible_after_is_absent_when_time_does_not_lift_the_denial() -> None:
    (rejected,) = answered(decision(), is_full=True, locale="en").rejected
    assert not rejected.HasField("eligible_after")
    assert not rejected.reasons[0].HasField("eligible_after")


def test_a_result_carries_a_rejection_if_and_only_if_it_was_rejected() -> None:
    for status in RowStatus:
        row = RowResult(row_id="x1", status=status, field="value", code="MISSING")
        event, outcome = answers.event_result(row), answers.outcome_result(row)
        assert (event.event_id, outcome.outcome_id) == ("x1", "x1")
        assert event.status == outcome.status == enums.ROW_STATUS[status]
        for found in (event, outcome):
            assert found.HasField("rejection") is (status is RowStatus.REJECTED)
    assert event.rejection == outcome.rejection == row_pb2.Rejection(field="value", code="MISSING")


def test_a_late_outcome_says_so() -> None:
    row = RowResult(row_id="o1", status=RowStatus.ACCEPTED, late=True)
    assert answers.outcome_result(row).late
    assert not answers.outcome_result(replace(row, late=False)).late


def test_an_outcome_that_is_kept_names_the_decision_it_was_given_to() -> None:
    for status in (RowStatus.ACCEPTED, RowStatus.DUPLICATE):
        row = RowResult(row_id="o1", status=status, decision_id="d1")
        assert answers.outcome_result(row).decision_id == "d1"
    refused = RowResult(row_id="o1", status=RowStatus.REJECTED, field="journey_id", code="NO_CONTACT")
    assert answers.outcome_result(refused).decision_id == ""


SHOWN = Outcome(
    outcome_id="o1", decision_id="d1", journey_id="best", type=OutcomeType.NPS, value=0.0, occurred_at=NOW - INSTANT
)


def recorded(
    *, placement: str | None = None, revoked: Iterable[str] = (), outcomes: tuple[KeptOutcome, ...] = ()
) -> ReplayedDecision:
    """`best` is presented and `next` reserved, unless revoked."""
    stored = StoredDecision(
        decision_id="d1",
        customer_id="1",
        valid_until=NOW + DAY,
        request_fingerprint="",
        record={},
        contact_states={"best": ContactState.PRESENTED, "next": ContactState.RESERVED},
        outcomes=outcomes,
    )
    return ReplayedDecision(
        decision=decision(2, placement),
        stored=stored,
        revoked=frozenset(revoked),
        contributions={"best": Contributions(base=-2.0, by_feature={"spend": 0.5})},
    )


def test_a_record_tells_the_decision_and_where_its_contacts_stand() -> None:
    found = told_again(recorded(placement="home"), is_full=False, locale="en")
    assert (found.decision_id, found.customer_id, found.channel, found.placement) == ("d1", "1", "web", "home")
    assert (found.decided_at, found.valid_until) == (AT, Timestamp(seconds=AT.seconds + 15 * 60))
    assert [(r.journey.journey_id, r.contact_state) for r in found.ranked] == [
        ("best", record_pb2.CONTACT_STATE_PRESENTED),
        ("next", record_pb2.CONTACT_STATE_RESERVED),
    ]
    assert (list(found.eligible), list(found.rejected)) == ([], [])
    assert not found.HasField("no_journey")


def test_what_present_facts_deny_is_revoked() -> None:
    found = told_again(recorded(revoked=["next"]), is_full=False, locale="en")
    assert [r.contact_state for r in found.ranked] == [
        record_pb2.CONTACT_STATE_PRESENTED,
        record_pb2.CONTACT_STATE_REVOKED,
    ]


def test_contributions_stand_beside_what_the_model_ranked_and_nowhere_else() -> None:
    best, other = told_again(recorded(), is_full=True, locale="en").ranked
    assert best.contributions == record_pb2.Contributions(base=-2.0, by_feature={"spend": 0.5})
    assert not other.HasField("contributions")


def test_a_placement_that_was_not_asked_for_is_absent_from_the_record() -> None:
    assert not told_again(recorded(), is_full=False, locale="en").HasField("placement")


def test_outcomes_in_a_record_are_as_they_were_sent() -> None:
    kept = KeptOutcome(outcome=SHOWN, recorded_at=NOW, is_late=True)
    silent = KeptOutcome(outcome=replace(SHOWN, value=None), recorded_at=NOW, is_late=False)
    first, second = told_again(recorded(outcomes=(kept, silent)), is_full=False, locale="en").outcomes
    assert first == record_pb2.RecordedOutcome(
        outcome=outcomes_pb2.Outcome(
            outcome_id="o1",
            decision_id="d1",
            journey_id="best",
            type=outcomes_pb2.OUTCOME_TYPE_NPS,
            value=0.0,
            occurred_at=Timestamp(seconds=AT.seconds - 1, nanos=999_999_000),
        ),
        recorded_at=AT,
        late=True,
    )
    assert first.outcome.HasField("value")
    assert not second.outcome.HasField("value")


def test_a_full_record_lists_what_was_rejected_as_of_the_decision() -> None:
    (rejected,) = told_again(recorded(), is_full=True, locale="en").rejected
    assert [r.code for r in rejected.reasons] == ["TEST"]
