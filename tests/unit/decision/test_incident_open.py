"""INCIDENT_OPEN, and which candidates it guards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from features.values import FeatureStatus
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.registry import IncidentClass, Policies, RuleInputs, bind_rules
from service.decision.facts import Incident, OpenIncidents, Situation, UntoldIncident
from service.decision.journey import JourneyKind
from service.decision.verdict import ReasonKind
from tests.builders import HELPING, NOW, evaluation, facts

LOYALTY = JourneyKind.LOYALTY
ALSO_LOYALTY = HELPING | {LOYALTY}
DELIVERY_ALLOWS_LOYALTY = IncidentOpen(
    kind=LOYALTY,
    classes=frozenset({"delivery", "billing"}),
    allowing_classes=frozenset({"delivery"}),
)


def open_of(*classes: str | None, status: FeatureStatus = FeatureStatus.PRESENT) -> Situation:
    """Open incidents of these classes: the first an hour ago, each other an hour before."""
    known = tuple(
        Incident(incident_id=f"i{n}", opened_at=NOW - timedelta(hours=n), incident_class=one)
        for n, one in enumerate(classes, start=1)
    )
    return Situation(incidents=OpenIncidents(known=known, status=status))


def named(classes: Mapping[str, frozenset[JourneyKind]]) -> dict[str, IncidentClass]:
    """Classes that allow these kinds, whatever the severity."""
    return {name: IncidentClass(allows=kinds, severities={}) for name, kinds in classes.items()}


@pytest.mark.parametrize(
    ("classes", "is_allowed"),
    [
        ((), True),
        (("delivery",), True),
        (("delivery", "delivery"), True),
        (("billing",), False),
        (("delivery", "billing"), False),
        ((None,), False),
        (("unheard-of",), False),
        (("",), False),
    ],
)
def test_a_kind_is_allowed_only_while_every_open_incident_is_of_a_class_that_allows_it(
    classes: tuple[str | None, ...], is_allowed: bool
) -> None:
    assert (DELIVERY_ALLOWS_LOYALTY.check(evaluation(facts(situation=open_of(*classes)))) is None) is is_allowed


def test_the_reason_shows_the_oldest_incident_that_blocks_and_how_many_do() -> None:
    reason = DELIVERY_ALLOWS_LOYALTY.check(evaluation(facts(situation=open_of("billing", None, "delivery"))))
    assert reason is not None
    assert (reason.code, reason.kind, reason.eligible_after) == ("INCIDENT_OPEN", ReasonKind.DENIED, None)
    assert reason.params == {
        "kind": "loyalty",
        "incident_class": "",
        "opened_at": NOW - timedelta(hours=2),
        "open_incidents": 2,
    }


@pytest.mark.parametrize("status", [s for s in FeatureStatus if s is not FeatureStatus.PRESENT])
def test_incidents_that_cannot_be_read_in_full_are_not_permission(status: FeatureStatus) -> None:
    for situation in (open_of(status=status), open_of("delivery", status=status)):
        reason = DELIVERY_ALLOWS_LOYALTY.check(evaluation(facts(situation=situation)))
        assert reason is not None
        assert reason.kind is ReasonKind.UNKNOWN
        assert reason.params == {"fact": "incidents", "status": status.value}


def test_an_incident_that_is_known_denies_even_when_others_are_not() -> None:
    situation = open_of("billing", status=FeatureStatus.UNAVAILABLE)
    reason = DELIVERY_ALLOWS_LOYALTY.check(evaluation(facts(situation=situation)))
    assert reason is not None
    assert reason.kind is ReasonKind.DENIED


@pytest.mark.parametrize(
    ("classes", "fact"),
    [
        ((), None),
        (("delivery",), None),
        (("billing",), "customer.f0"),
        (("delivery", "unheard-of"), "customer.f1"),
    ],
)
def test_an_incident_of_which_features_do_not_tell_denies_as_an_open_one_would_and_names_the_fact(
    classes: tuple[str, ...], fact: str | None
) -> None:
    """But the reason says that it is not known, and what is lacking."""
    untold = tuple(
        UntoldIncident(incident_class=one, fact=f"customer.f{n}", status="STALE") for n, one in enumerate(classes)
    )
    situation = Situation(incidents=OpenIncidents(untold=untold))
    reason = DELIVERY_ALLOWS_LOYALTY.check(evaluation(facts(situation=situation)))
    told = None if reason is None else (reason.kind, dict(reason.params))
    assert told == (None if fact is None else (ReasonKind.UNKNOWN, {"fact": fact, "status": "STALE"}))


@pytest.mark.parametrize(
    ("default", "classes", "kind", "is_guarded"),
    [
        (HELPING, {}, JourneyKind.RESOLUTION, False),
        (HELPING, {}, LOYALTY, True),
        (ALSO_LOYALTY, {}, LOYALTY, False),
        (ALSO_LOYALTY, {"safety": HELPING}, LOYALTY, True),
        (HELPING, {"delivery": ALSO_LOYALTY}, LOYALTY, True),
        (HELPING, {"safety": frozenset({JourneyKind.RESOLUTION})}, JourneyKind.SERVICE, True),
    ],
)
def test_the_rule_is_built_only_for_a_kind_that_some_incident_forbids(
    default: frozenset[JourneyKind],
    classes: Mapping[str, frozenset[JourneyKind]],
    kind: JourneyKind,
    is_guarded: bool,
) -> None:
    """So an apology never waits for the incidents to be readable."""
    policies = Policies(incident_default=default, incident_classes=named(classes))
    rules = bind_rules(RuleInputs(journey_id="a", kind=kind, channel="web"), policies)
    assert any(isinstance(rule, IncidentOpen) for rule in rules) is is_guarded


def test_a_class_that_allows_more_than_the_default_does_so_for_its_own_incidents_alone() -> None:
    policies = Policies(incident_default=HELPING, incident_classes=named({"delivery": ALSO_LOYALTY}))
    guarded = RuleInputs(journey_id="a", kind=LOYALTY, channel="web")
    rule = next(r for r in bind_rules(guarded, policies) if isinstance(r, IncidentOpen))
    assert rule.check(evaluation(facts(situation=open_of("delivery")))) is None
    assert rule.check(evaluation(facts(situation=open_of("delivery", "billing")))) is not None
