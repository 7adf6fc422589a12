"""The record's text: one form for one document, and a form for numbers that JSON has none for."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from features.values import FeatureStatus, Scalar
from service.decision.arbitrate import Score, ScoreSource
from service.decision.constraints.registry import Cap
from service.decision.decide import Decision, revise
from service.decision.record import canonical, output, replay, to_document
from tests.builders import NOW, Entry, catalogue, contact, decide, facts, feature, journey, settled

MADE = catalogue(
    Entry(journey=journey("a"), contact=Cap(at_most=1, per=timedelta(days=7))), Entry(journey=journey("b"))
)


def scored(p_outcome: float) -> Decision:
    return decide(MADE.plan, facts(), scores={n: Score(p_outcome=p_outcome, source=ScoreSource.MODEL) for n in "ab"})


def test_the_text_has_sorted_keys_no_spaces_and_letters_as_they_are() -> None:
    assert (
        canonical({"ñ": 1, "b": [1.0, None], "a": {"d": True, "c": "é"}})
        == '{"a":{"c":"é","d":true},"b":[1.0,null],"ñ":1}'
    )


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_text_holds_a_number_that_json_does_not_know(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": number})


@pytest.mark.parametrize(
    ("p_outcome", "written"),
    [(0.25, 0.25), (0.0, 0.0), (-3.0, -3.0), (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")],
)
def test_a_score_is_recorded_as_it_came_and_by_its_name_when_it_is_not_finite(
    p_outcome: float, written: float | str
) -> None:
    decision = scored(p_outcome)
    document = json.loads(canonical(to_document(decision)))
    assert document["input"]["scores"] == {"a": [written, "MODEL"], "b": [written, "MODEL"]}
    assert [r["p_outcome"] for r in document["output"]["ranked"]] == [written, written]
    assert [r["priority"] for r in document["output"]["ranked"]] == [written, written]
    assert canonical(output(replay(MADE.plan, document["input"]))) == canonical(document["output"])


def test_a_customers_own_value_is_recorded_beside_its_score_and_decided_by_again() -> None:
    """`own` is worth 40 to this customer, `prior` 6.5 while no model tells, `fixed` 2 to everybody."""
    worth = {"own": 6.5, "prior": 6.5, "fixed": 2.0}
    journeys = [journey(name, value=value) for name, value in worth.items()]
    learnt = [replace(j, objective=replace(j.objective, is_value_learnt=j.journey_id != "fixed")) for j in journeys]
    plan = catalogue(*(Entry(journey=j) for j in learnt)).plan
    scores = {
        "own": Score(p_outcome=0.5, source=ScoreSource.MODEL, value=40.0),
        "prior": Score(p_outcome=0.5, source=ScoreSource.MODEL),
        "fixed": Score(p_outcome=0.5, source=ScoreSource.MODEL),
    }
    document = json.loads(canonical(to_document(decide(plan, facts(), scores=scores))))
    assert document["input"]["scores"] == {
        "own": [0.5, "MODEL", 40.0],
        "prior": [0.5, "MODEL"],
        "fixed": [0.5, "MODEL"],
    }
    found = [(r["journey_id"], r["value"], r.get("value_source"), r["priority"]) for r in document["output"]["ranked"]]
    assert found == [("own", 40.0, "MODEL", 20.0), ("prior", 6.5, "PRIOR", 3.25), ("fixed", 2.0, None, 1.0)]
    assert canonical(output(replay(plan, document["input"]))) == canonical(document["output"])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1, 1),
        (True, True),
        ("2018-01-03T12:00:00+00:00", "2018-01-03T12:00:00+00:00"),
        (NOW, {"time": "2018-01-03T12:00:00+00:00"}),
        (datetime(2018, 1, 3, 7, tzinfo=timezone(timedelta(hours=-5))), {"time": "2018-01-03T12:00:00+00:00"}),
        (math.inf, {"number": "inf"}),
        (math.nan, {"number": "nan"}),
    ],
)
def test_a_value_is_read_back_as_the_type_it_had(value: Scalar, written: object) -> None:
    known = facts(features=[feature("spend", value, FeatureStatus.STALE)], context={"said": value})
    document = json.loads(canonical(to_document(decide(MADE.plan, known))))
    assert document["input"]["features"]["spend"] == ["STALE", written, "2018-01-01T12:00:00+00:00"]
    assert document["input"]["context"]["said"] == written
    again = replay(MADE.plan, document["input"]).facts
    for read in (again.features["spend"].value, again.context["said"]):
        assert type(read) is type(value)
        assert repr(read) == repr(value.astimezone(UTC) if isinstance(value, datetime) else value)


def test_the_output_tells_where_every_candidate_ended() -> None:
    decision = revise(decide(MADE.plan, facts(), limit=1), settled(contact("a")))
    document = output(decision)
    assert [(r["rank"], r["journey_id"], r["tier"], r["selection_probability"]) for r in document["ranked"]] == [
        (1, "b", 1, 1.0)
    ]
    assert document["rejected"] == {"a": ["TAKEN_MEANWHILE", "CONTACT_CAP"]}
    assert document["taken"] == ["a"]
    assert document["eligible"] == []
    assert document["no_journey"] is None
    assert document["valid_until"] == "2018-01-03T12:15:00+00:00"


def test_contacts_that_settled_a_decision_are_part_of_its_record() -> None:
    decided = decide(MADE.plan, facts())
    revised = revise(decided, settled(contact("a", counts_until=NOW + timedelta(hours=1)), budget=3.5))
    assert to_document(decided)["input"]["settled"] is None
    document = json.loads(canonical(to_document(revised)))
    assert len(document["input"]["settled"]["contacts"]) == 1
    assert document["input"]["settled"]["uses"] == {"budget": [["2018-01-04T12:00:00+00:00", 3.5]]}
    again = replay(MADE.plan, document["input"])
    assert again.settled == revised.settled
    assert canonical(to_document(again)) == canonical(to_document(revised))


def test_the_record_says_which_form_it_has() -> None:
    document = to_document(decide(MADE.plan, facts()))
    assert list(document) == ["format", "input", "output"]
    assert document["format"] == 3


def test_the_record_names_the_features_that_the_registry_had_and_one_without_them_is_read() -> None:
    decided = decide(MADE.plan, facts())
    of_registry = replace(decided, terms=replace(decided.terms, features_version="9f2a"))
    recorded = to_document(of_registry)["input"]
    assert recorded["features_version"] == "9f2a"
    assert replay(MADE.plan, recorded).terms.features_version == "9f2a"
    assert replay(MADE.plan, to_document(decided)["input"]).terms.features_version == ""


def test_settling_over_no_contacts_is_not_the_same_as_not_settling() -> None:
    revised = revise(decide(MADE.plan, facts()), settled())
    assert replay(MADE.plan, json.loads(canonical(to_document(revised)))["input"]).settled == settled()
