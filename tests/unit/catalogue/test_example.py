"""The example catalogue: what the guides and the demo promise of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.policies import IncidentClassDocument
from service.catalogue.load import Catalogue, load, parse
from service.decision.constraints.registry import BINDERS, group_of
from service.decision.journey import HELPING_KINDS, JourneyKind, Stage
from service.examples.complete_journey.data.journeys import JOURNEY_IDS
from tests.example import EXAMPLE, TERMS

CHANNELS = {"email", "web", "app", "sms", "push", "call_center", "store"}
HISTORY = {
    "pantry-mailer": ("A", "cold_cereal"),
    "freezer-mailer": ("A", "frozen_meat"),
    "beauty-mailer": ("A", "makeup"),
    "baby-care-coupons": ("B", "baby_food"),
    "breakfast-coupons": ("B", "cold_cereal"),
    "pizza-night-coupons": ("B", "frozen_pizza"),
    "gift-season-coupons": ("B", "greeting_cards"),
    "make-up-coupons": ("B", "makeup"),
    "targeted-coupons": ("B", "mixed"),
    "hair-care-club": ("C", "hair_care"),
    "everyday-care-club": ("C", "soap"),
    "long-run-coupons": ("C", "mixed"),
}


@pytest.fixture(scope="module")
def example() -> Catalogue:
    return load(EXAMPLE, TERMS)


@pytest.fixture(scope="module")
def journeys(example: Catalogue) -> tuple[JourneyDocument, ...]:
    return example.document.journeys


def test_there_are_at_least_twenty_journeys_of_every_kind(journeys: tuple[JourneyDocument, ...]) -> None:
    kinds = Counter(j.kind for j in journeys)
    assert len(journeys) >= 20
    assert set(kinds) == set(JourneyKind)
    assert kinds[JourneyKind.PROMOTIONAL] >= 12


def test_all_eight_stages_occur(journeys: tuple[JourneyDocument, ...]) -> None:
    assert {s.stage for j in journeys for s in j.stages} == set(Stage)


def test_several_journeys_have_more_than_one_stage(journeys: tuple[JourneyDocument, ...]) -> None:
    assert sum(len(j.stages) > 1 for j in journeys) >= 5


def test_every_channel_is_declared_and_spoken_on(example: Catalogue) -> None:
    assert set(example.plan.channels) == CHANNELS
    assert all(example.plan.journeys[channel] for channel in CHANNELS)


def test_titles_differ_between_the_languages_and_between_journeys(journeys: tuple[JourneyDocument, ...]) -> None:
    assert all(j.title.es != j.title.en for j in journeys)
    assert len({j.title.es for j in journeys}) == len({j.title.en for j in journeys}) == len(journeys)


def test_journeys_with_history_carry_the_attributes_that_the_model_learned(
    journeys: tuple[JourneyDocument, ...],
) -> None:
    attributes = {j.journey: j.attributes for j in journeys if j.attributes}
    assert {k: (a["campaign_type"], a["category"]) for k, a in attributes.items()} == HISTORY
    assert {key: journey for journey, key in HISTORY.items()} == JOURNEY_IDS


def test_journeys_with_history_have_an_offer_and_an_outcome_within_the_label_window(
    journeys: tuple[JourneyDocument, ...],
) -> None:
    """The model predicts a redemption within 28 days, so this is what they are for."""
    for journey in (j for j in journeys if j.journey in HISTORY):
        assert (journey.kind, journey.objective.outcome) == (JourneyKind.PROMOTIONAL, "CONVERTED")
        assert journey.objective.within.days == 28
        assert any(a.offer for a in journey.stages[0].actions)


def test_file_is_named_after_its_journey(journeys: tuple[JourneyDocument, ...]) -> None:
    assert {f.stem for f in (EXAMPLE / "journeys").glob("*.yaml")} == {j.journey for j in journeys}


def conditions(example: Catalogue) -> Iterator[str]:
    """Every condition of the files, whatever it is for."""
    yield from (p.require for p in example.document.policies.policies)
    for journey in example.document.journeys:
        if journey.audience is not None:
            yield journey.audience if isinstance(journey.audience, str) else journey.audience.when
        if journey.exit_when is not None:
            yield journey.exit_when
        yield from (w.when for w in journey.context_weight)
        for tone in (a.tone for s in journey.stages for a in s.actions):
            yield from () if isinstance(tone, str) else (choice.when for choice in tone.choose)


def test_every_condition_stands_on_one_line(example: Catalogue) -> None:
    lines = {
        line.strip()
        for file in (EXAMPLE / "policies.yaml", *(EXAMPLE / "journeys").glob("*.yaml"))
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    listed = list(conditions(example))
    assert len(listed) > len(example.document.journeys)
    assert all(any(condition in line for line in lines) for condition in listed)


def test_an_incident_class_allows_more_than_help_only_where_it_is_of_low_severity(example: Catalogue) -> None:
    """And never an offer: a class without a severity, or of one that is not named, leaves help alone."""
    incidents = example.document.policies.incidents
    assert not isinstance(incidents.default, IncidentClassDocument)
    assert set(incidents.default) == HELPING_KINDS
    assert incidents.classes
    for of_class in incidents.classes.values():
        if isinstance(of_class, IncidentClassDocument):
            assert set(of_class.allow) == HELPING_KINDS
            assert set(of_class.severities) <= {"low"}
            assert all(JourneyKind.PROMOTIONAL not in kinds for kinds in of_class.severities.values())
        else:
            assert set(of_class) <= HELPING_KINDS


def test_every_constraint_is_in_use(example: Catalogue) -> None:
    """The catalogue is where an owner sees how each is written."""
    assert {group_of(rule.code) for rule in example.plan.rules} == set(BINDERS)


def test_what_says_sorry_waits_for_no_fact_of_the_feature_store(example: Catalogue) -> None:
    """Of a rule that may lack a fact, only one that the apology bypasses guards it."""
    guarding = {
        (example.plan.rules[position].code, position in candidate.bypassed)
        for offered in example.plan.journeys.values()
        for journey in offered
        if journey.journey.journey_id == "complaint-apology"
        for staged in journey.by_stage.values()
        for candidate in staged
        for position in candidate.rules
    }
    assert {code for code, is_bypassed in guarding if is_bypassed} == {"PRESSURE_CAP", "QUIET_HOURS"}
    assert {code for code, is_bypassed in guarding if not is_bypassed} == {"KILLED", "CONSENT_MISSING", "AUDIENCE"}


def test_helping_journeys_promise_no_offer(journeys: tuple[JourneyDocument, ...]) -> None:
    helping = [j for j in journeys if j.kind in HELPING_KINDS]
    assert not any(a.offer for j in helping for s in j.stages for a in s.actions)


def test_what_went_wrong_is_put_right_before_anything_else(journeys: tuple[JourneyDocument, ...]) -> None:
    first = [j for j in journeys if j.tier == 1]
    assert {j.kind for j in first} == {JourneyKind.RESOLUTION}
    assert {j.kind for j in journeys if j.tier == 2} == {JourneyKind.SERVICE}


def test_apology_speaks_on_every_channel_at_every_stage(journeys: tuple[JourneyDocument, ...]) -> None:
    """At whatever stage an event puts it, no channel may fall silent about an open incident."""
    apology = next(j for j in journeys if j.journey == "complaint-apology")
    for stage in apology.stages:
        assert {c for a in stage.actions for c in a.channels} == CHANNELS
        assert not any(a.placements or a.offer for a in stage.actions)
    assert apology.contact is None


def test_a_lever_has_a_reason_and_a_distant_end(journeys: tuple[JourneyDocument, ...]) -> None:
    levers = [j.lever for j in journeys if j.lever is not None]
    assert levers
    assert all(lever.until.year >= 2030 and lever.why for lever in levers)


def test_version_survives_a_round_trip_through_the_source(example: Catalogue) -> None:
    assert parse(example.source, TERMS).version == example.version
