"""What is declared: kills, stages, policies, feeds, what to do about the unknown, bypasses, tones, lifetimes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from features.values import FeatureStatus, FeatureValue
from service.decision.constraints.audience import CompanyPolicy
from service.decision.constraints.consent_missing import ConsentMissing
from service.decision.constraints.feed import Feed
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.killed import JourneyKilled
from service.decision.constraints.stage import AtStage
from service.decision.constraints.unknown import OnUnknown, WhenStale, WhenUnknown
from service.decision.decide import begin
from service.decision.enrolments import WhyEnded
from service.decision.facts import Consents, Enrolment, Incident, OpenIncidents, ResolvedIncident, Situation
from service.decision.journey import JourneyKind, Stage
from service.decision.plan import Lifetime, ToneChoice
from service.decision.reasons import for_pick
from service.decision.tone import tone_of
from service.decision.verdict import ReasonKind
from tests.builders import COMPILER, NOW, Entry, catalogue, decide, evaluation, facts, feature, journey

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
RICH = COMPILER.compile("customer.spend > 10.0")
ALLOW = WhenUnknown.ALLOW


@pytest.mark.parametrize(
    ("target", "is_killed"),
    [
        ("a", True),
        ("kind:loyalty", True),
        ("kind:promotional", True),
        ("*", True),
        ("b", False),
        ("kind:service", False),
    ],
)
def test_the_emergency_stop_knows_a_journey_its_kinds_and_everything(target: str, is_killed: bool) -> None:
    rule = JourneyKilled(journey_id="a", kinds=(JourneyKind.LOYALTY, JourneyKind.PROMOTIONAL))
    reason = rule.check(evaluation(facts(situation=Situation(kills={target: "wrong price"}))))
    assert (None if reason is None else dict(reason.params)) == (
        {"target": target, "why": "wrong price"} if is_killed else None
    )


@pytest.mark.parametrize(
    ("at", "offered_at", "is_allowed"),
    [(None, Stage.NEED, True), (None, Stage.USE, False), (Stage.USE, Stage.USE, True), (Stage.USE, Stage.NEED, False)],
)
def test_only_the_actions_of_the_customers_stage_may_be_shown(
    at: Stage | None, offered_at: Stage, is_allowed: bool
) -> None:
    enrolments = {} if at is None else {"a": Enrolment(journey_id="a", stage=at, since=NOW, ends_at=NOW + DAY)}
    rule = AtStage(journey_id="a", stage=offered_at, first_stage=Stage.NEED)
    reason = rule.check(evaluation(facts(situation=Situation(enrolments=enrolments))))
    assert (reason is None) is is_allowed
    if reason is not None:  # who leaves is at the first stage again
        assert reason.eligible_after == (NOW + DAY if offered_at is Stage.NEED else None)


@pytest.mark.parametrize(("at", "gone"), [(None, None), (Stage.SELECT, None), (Stage.USE, "use")])
def test_who_stands_at_a_stage_that_left_the_journey_is_told_apart(at: Stage | None, gone: str | None) -> None:
    enrolments = {} if at is None else {"a": Enrolment(journey_id="a", stage=at, since=NOW)}
    stages = frozenset({Stage.NEED, Stage.SELECT, Stage.PURCHASE})
    rule = AtStage(journey_id="a", stage=Stage.PURCHASE, first_stage=Stage.NEED, stages=stages)
    reason = rule.check(evaluation(facts(situation=Situation(enrolments=enrolments))))
    assert reason is not None
    assert reason.params.get("gone") == gone


@pytest.mark.parametrize(
    ("declared", "values", "is_known", "is_allowed"),
    [
        (OnUnknown(), [], True, False),
        (OnUnknown(on_missing=ALLOW), [], True, True),
        (OnUnknown(on_missing=ALLOW), [feature("spend", None, FeatureStatus.NULL)], True, True),
        (OnUnknown(on_missing=ALLOW), [feature("spend", None, FeatureStatus.UNAVAILABLE)], True, False),
        (OnUnknown(on_missing=ALLOW), [feature("spend", 50.0, FeatureStatus.STALE)], True, False),
        (OnUnknown(on_missing=ALLOW), [feature("spend", 1.0)], True, False),
        (OnUnknown(on_stale=WhenStale.ALLOW), [feature("spend", 1.0, FeatureStatus.STALE)], True, True),
        (OnUnknown(on_stale=WhenStale.USE), [feature("spend", 50.0, FeatureStatus.STALE)], True, True),
        (OnUnknown(on_stale=WhenStale.USE), [feature("spend", 1.0, FeatureStatus.STALE)], True, False),
        (OnUnknown(on_stale=WhenStale.USE), [feature("spend", float("nan"), FeatureStatus.STALE)], True, False),
        (OnUnknown(on_unknown_customer=ALLOW), [], False, True),
        (OnUnknown(on_unknown_customer=ALLOW), [], True, False),
        (OnUnknown(on_unknown_customer=ALLOW), [], None, False),
        (OnUnknown(on_missing=ALLOW, on_unknown_customer=WhenUnknown.DENY), [], False, False),
        (OnUnknown(on_missing=ALLOW, on_unknown_customer=WhenUnknown.DENY), [], True, True),
        (OnUnknown(on_missing=ALLOW, on_unknown_customer=WhenUnknown.DENY), [], None, False),
        (OnUnknown(on_missing=ALLOW, on_unknown_customer=ALLOW), [], None, True),
        (OnUnknown(on_missing=ALLOW), [], None, True),
        # the builder's features are two days old
        (OnUnknown(max_age=2 * DAY), [feature("spend", 50.0)], True, True),
        (OnUnknown(max_age=2 * DAY - SECOND), [feature("spend", 50.0)], True, False),
        (OnUnknown(max_age=DAY, on_stale=WhenStale.USE), [feature("spend", 50.0)], True, True),
        (OnUnknown(max_age=DAY, on_stale=WhenStale.ALLOW), [feature("spend", 1.0)], True, True),
    ],
)
def test_what_is_unknown_denies_unless_declared_for_that_very_status(
    declared: OnUnknown, values: Sequence[FeatureValue], is_known: bool | None, is_allowed: bool
) -> None:
    rule = CompanyPolicy(policy_id="fair-play", condition=RICH, on_unknown=declared)
    reason = rule.check(evaluation(facts(features=values, is_known=is_known)))
    assert (reason is None) is is_allowed
    assert reason is None or reason.code == "POLICY_FAIR_PLAY"


@pytest.mark.parametrize(("heard", "is_allowed"), [(None, False), (HOUR, True), (HOUR + SECOND, False)])
def test_a_feed_that_is_silent_for_too_long_is_not_permission(heard: timedelta | None, is_allowed: bool) -> None:
    feed = Feed(source="crm", max_age=HOUR)
    situation = Situation(
        feeds={} if heard is None else {"crm": NOW - heard},
        consents=Consents(granted_at={("marketing", "email"): NOW - DAY}),
    )
    consent = ConsentMissing(purpose="marketing", channel="email", feed=feed)
    incident = IncidentOpen(
        kind=JourneyKind.LOYALTY,
        classes=frozenset(),
        allowing_classes=frozenset(),
        feed=feed,
    )
    for rule in (consent, incident):
        reason = rule.check(evaluation(facts(situation=situation)))
        assert (reason is None) is is_allowed
        assert reason is None or (reason.kind, reason.params["fact"]) == (ReasonKind.UNKNOWN, "feed.crm")


BY_SEVERITY = IncidentOpen(
    kind=JourneyKind.SERVICE,
    classes=frozenset({"delivery"}),
    allowing_classes=frozenset(),
    severities=frozenset({("delivery", "high"), ("delivery", "low")}),
    allowing_severities=frozenset({("delivery", "low")}),
    graces=(("delivery", 2 * DAY),),
    longest_grace=3 * DAY,
)


@pytest.mark.parametrize(
    ("severity", "is_allowed"), [("low", True), ("high", False), (None, False), ("unheard-of", False)]
)
def test_severity_decides_where_a_class_says_so(severity: str | None, is_allowed: bool) -> None:
    known = (Incident(incident_id="i", opened_at=NOW, incident_class="delivery", severity=severity),)
    reason = BY_SEVERITY.check(evaluation(facts(situation=Situation(incidents=OpenIncidents(known=known)))))
    assert (reason is None) is is_allowed


@pytest.mark.parametrize(
    ("name", "severity", "age", "left"),
    [
        ("delivery", "high", timedelta(0), 2 * DAY),
        ("delivery", "high", 2 * DAY - SECOND, SECOND),
        ("delivery", "high", 2 * DAY, None),
        ("delivery", "low", timedelta(0), None),
        (None, None, 2 * DAY, DAY),
        ("unheard-of", None, 3 * DAY, None),
    ],
)
def test_after_an_incident_there_is_a_time_of_grace(
    name: str | None, severity: str | None, age: timedelta, left: timedelta | None
) -> None:
    resolved = (ResolvedIncident(incident_class=name, severity=severity, resolved_at=NOW - age),)
    reason = BY_SEVERITY.check(evaluation(facts(situation=Situation(incidents=OpenIncidents(resolved=resolved)))))
    assert (None if reason is None else reason.eligible_after) == (None if left is None else NOW + left)


def test_a_bypass_lets_a_journey_pass_and_says_so() -> None:
    offered = Entry(journey=journey("a"), audience=RICH, bypass=frozenset({"AUDIENCE"}))
    decision = decide(catalogue(offered).plan, facts(features=[feature("spend", 1.0)]))
    (pick,) = decision.picks
    said = [r for r in for_pick(pick, decision) if r.kind is ReasonKind.BYPASS]
    assert [(r.code, r.params["customer.spend"]) for r in said] == [("AUDIENCE", 1.0)]


def test_a_denial_that_is_not_bypassed_still_denies_and_is_the_only_one_told() -> None:
    offered = Entry(journey=journey("a"), audience=RICH, valid_until=NOW, bypass=frozenset({"AUDIENCE"}))
    (rejected,) = decide(catalogue(offered).plan, facts(features=[feature("spend", 1.0)])).rejected
    assert [r.code for r in rejected.reasons] == ["NOT_VALID_NOW"]


def test_the_first_tone_whose_condition_holds_is_spoken_with_its_reason() -> None:
    incident = COMPILER.compile("situation.has_open_incident")
    tones = (ToneChoice(when=RICH, tone="light"), ToneChoice(when=incident, tone="empathetic"))
    (candidate,) = catalogue(Entry(journey=journey(), tones=tones)).plan.candidates(facts())
    opened = Situation(incidents=OpenIncidents(known=(Incident(incident_id="i", opened_at=NOW),)))
    tone, reason = tone_of(candidate, evaluation(facts(situation=opened)))
    assert tone == "empathetic"
    assert reason is not None
    assert (reason.kind, reason.params["condition"]) == (ReasonKind.TONE, incident.text)
    assert tone_of(candidate, evaluation(facts())) == ("plain", None)
    both = evaluation(facts(features=[feature("spend", 11.0)], situation=opened))
    assert tone_of(candidate, both)[0] == "light"


@pytest.mark.parametrize(
    ("lifetime", "journey_id", "why"),
    [
        (Lifetime(), "a", None),
        (Lifetime(max_duration=DAY + SECOND), "a", None),
        (Lifetime(max_duration=DAY), "a", WhyEnded.MAX_DURATION),
        (Lifetime(exit_when=RICH), "a", WhyEnded.EXIT_WHEN),
        (Lifetime(exit_when=COMPILER.compile("customer.visits > 1")), "a", None),
        (Lifetime(), "gone", WhyEnded.NOT_IN_CATALOGUE),
    ],
)
def test_an_enrolment_ends_by_itself(lifetime: Lifetime, journey_id: str, why: WhyEnded | None) -> None:
    """The customer came in a day ago; how often she visits is not known, so no condition on it holds."""
    enrolments = {journey_id: Enrolment(journey_id=journey_id, stage=Stage.NEED, since=NOW - DAY)}
    plan = catalogue(Entry(journey=journey("a"), lifetime=lifetime)).plan
    draft = begin(plan, facts(situation=Situation(enrolments=enrolments), features=[feature("spend", 20.0)]))
    assert [e.why for e in draft.ended] == ([] if why is None else [why])
    assert draft.facts.variables["situation.journeys"] == ([] if why is not None else [journey_id])
