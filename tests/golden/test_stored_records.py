"""Records as they are stored: small, of the meaning that they had before, and read in every form there was.

`form_2.json.xz`: records as they were stored when the document itself was, with the catalogues that they were made by.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from statistics import median
from typing import Any

import pytest

from service.catalogue.load import parse
from service.decision.arms import Arm, Arms
from service.decision.decide import Decision
from service.decision.explore import Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.facts_record import Json
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.record import canonical, output, replay, to_document
from service.state.port import IMPORTED
from service.state.rows.record import record_of, text_of
from tests.example import TERMS
from tests.golden.kept import FOLDER, MOST_BYTES, STORE
from tests.golden.kept_store import KeptStore

FORM_2 = FOLDER / "form_2.json.xz"
DRAWN = ExplorationPolicy(by_kind=dict.fromkeys(JourneyKind, Exploration(scheme=Scheme.EPSILON, epsilon=0.5)))
SHARES = dict.fromkeys((Arm.HOLDOUT, Arm.RANDOM, Arm.NO_LEVERS, Arm.CHALLENGER), 0.2)
SLOTS = 3


@cache
def kept_form_2() -> Json:
    document: Json = json.loads(lzma.decompress(FORM_2.read_bytes()))
    return document


@cache
def plans() -> Mapping[str, Plan]:
    """By version, of all kept catalogues."""
    sources = {row["version"]: row["source"] for row in KeptStore.read(STORE).rows_of("catalogues")}
    return {version: parse(text, TERMS).plan for version, text in {**sources, **kept_form_2()["catalogues"]}.items()}


@cache
def kept_records() -> tuple[Json, ...]:
    """Of both forms, each as it was stored."""
    of_form_1 = (json.loads(row["record"]) for row in KeptStore.read(STORE).rows_of("decisions"))
    return (*(record for record in of_form_1 if IMPORTED not in record), *kept_form_2()["records"])


@cache
def decisions() -> tuple[Decision, ...]:
    """What each was, decided again."""
    return tuple(replay(plans()[record["input"]["catalogue_version"]], record["input"]) for record in kept_records())


def stored_and_read(decision: Decision) -> Json:
    return record_of({"decision_id": decision.terms.decision_id, "record": text_of(decision)})


def sizes(of: Iterable[Decision]) -> list[int]:
    return [len(text_of(decision).encode()) for decision in of]


def test_records_of_each_form_are_decided_again_as_they_were() -> None:
    assert {record.get("format") for record in kept_records()} == {None, 2}
    for record, again in zip(kept_records(), decisions(), strict=True):
        assert output(again) == record["output"]


def test_what_is_stored_today_means_the_document_that_was_stored_then() -> None:
    for record, again in zip(kept_records(), decisions(), strict=True):
        if record.get("format") == 2:
            assert stored_and_read(again) == {**record, "format": 3}


def test_what_is_stored_means_the_document_of_the_decision() -> None:
    for decision in (*decisions(), *drawn()):
        assert stored_and_read(decision) == json.loads(canonical(to_document(decision)))


def test_a_document_itself_is_read_as_it_stands() -> None:
    for number in (2, 3):
        document = {**json.loads(canonical(to_document(decisions()[0]))), "format": number}
        assert record_of({"decision_id": "d", "record": canonical(document)}) == document


def drawn() -> Iterable[Decision]:
    """The same questions where several slots are drawn, silence among what may fill them, and customers are in arms."""
    for record in kept_records():
        own = plans()[record["input"]["catalogue_version"]]
        silence = Silence(value=0.25, threshold=0.1, is_explored=True)
        arms = Arms(shares=SHARES, salt="s", has_shadow=True)
        plan = replace(own, exploration=DRAWN, silence=silence, arms=arms)
        other = {"model_version": "other", "is_shown": True, "scores": record["input"]["scores"]}
        yield replay(plan, {**record["input"], "limit": SLOTS, "settled": None, "other": other})


def test_a_record_of_the_story_takes_few_bytes() -> None:
    assert median(sizes(decisions())) <= MOST_BYTES


def test_so_does_one_with_all_that_arms_and_slots_log() -> None:
    logged = list(drawn())
    assert {decision.arm for decision in logged} == set(Arm)
    assert any(len(decision.picks) == SLOTS for decision in logged)
    assert median(sizes(logged)) <= MOST_BYTES


class OtherFloat(float):
    """As a model of another library may give."""


@pytest.mark.parametrize("number", [OtherFloat(0.1), 2**70, -(2**70)])
def test_a_number_that_the_writer_does_not_know_is_stored_all_the_same(number: Any) -> None:
    decision = decisions()[0]
    facts = replace(decision.facts_as_read, context={"basket_value": number})
    asked = replace(decision, draft=replace(decision.draft, read=facts))
    assert stored_and_read(asked)["input"]["context"] == {"basket_value": number}
