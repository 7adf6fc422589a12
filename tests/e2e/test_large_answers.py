"""Answers too large for a message: long texts are quoted by their beginning, and nothing is reserved unanswered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from rumbo.decision.v1 import decision_pb2
from tests.e2e.wire import REGULAR, Refusal, refusal_of, values
from tests.fixtures_service import Service, row_counts, running

JOURNEYS = 60
LONG = "é" * 30_000
"""60 kB, which a context may have."""
MOST_BYTES = 4 * 1024 * 1024
TOO_LARGE = Refusal(code=grpc.StatusCode.FAILED_PRECONDITION, reason="ANSWER_TOO_LARGE")
SUMMARY = decision_pb2.EXPLAIN_SUMMARY


def write_curious_journeys(catalogue: Path) -> None:
    """Journeys that all read the same text of the context."""
    template = catalogue / "journeys" / "how-can-we-help.yaml"
    one: dict[str, Any] = yaml.safe_load(template.read_text(encoding="utf-8"))
    for n in range(JOURNEYS):
        file = catalogue / "journeys" / f"curious-{n}.yaml"
        content = {**one, "journey": file.stem, "audience": f'context.page == "page {n}"'}
        file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def write_verbose_policy(catalogue: Path) -> None:
    """A policy that denies them all, with more to say than 4 MB have room for."""
    file = catalogue / "policies.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["policies"] = [
        {"id": "verbose", "require": "customer.recency_days < 0.0", "text": {"es": "x" * 80_000, "en": "y" * 80_000}}
    ]
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize("locale", ["en", "es"])
async def test_many_journeys_that_read_the_same_long_text_quote_its_beginning(stored_home: Path, locale: str) -> None:
    write_curious_journeys(stored_home / "catalogue")
    async with running(stored_home) as service:
        answer = await service.decide(REGULAR, context=values(page=LONG), locale=locale)
        record = await service.recall(answer.decision_id, locale=locale)
        again = await service.decide(REGULAR, context=values(page=LONG), locale=locale, request_id="r")
        assert (await service.decide(REGULAR, context=values(page=LONG), request_id="r")).decision_id
    quoted = [reason for j in answer.rejected for reason in j.reasons if "context.page" in reason.params]
    assert len(quoted) == JOURNEYS
    assert {r.params["context.page"].string_value for r in quoted} == {LONG[:499] + "…"}
    assert all(LONG[:499] + "…" in r.text and len(r.text) < 1000 for r in quoted)
    assert again.decision_id
    assert max(answer.ByteSize(), record.ByteSize()) < MOST_BYTES


async def test_a_text_of_500_characters_is_quoted_whole(stored_home: Path) -> None:
    write_curious_journeys(stored_home / "catalogue")
    async with running(stored_home) as service:
        answer = await service.decide(REGULAR, context=values(page=LONG[:500]), dry_run=True)
    quoted = [r.params["context.page"] for j in answer.rejected for r in j.reasons if "context.page" in r.params]
    assert {value.string_value for value in quoted} == {LONG[:500]}


@pytest.fixture
async def verbose(stored_home: Path) -> Any:
    write_curious_journeys(stored_home / "catalogue")
    write_verbose_policy(stored_home / "catalogue")
    async with running(stored_home) as service:
        yield service


async def test_what_cannot_be_told_whole_is_refused_before_anything_is_reserved(verbose: Service) -> None:
    before = row_counts(verbose.home)
    assert await refusal_of(verbose.decide(REGULAR)) == TOO_LARGE
    assert await refusal_of(verbose.decide(REGULAR, request_id="r")) == TOO_LARGE
    assert await refusal_of(verbose.decide(REGULAR, dry_run=True)) == TOO_LARGE
    assert row_counts(verbose.home) == before


async def test_its_summary_is_told_and_its_record_too(verbose: Service) -> None:
    answer = await verbose.decide(REGULAR, explain=SUMMARY, request_id="r")
    assert await refusal_of(verbose.decide(REGULAR, request_id="r")) == TOO_LARGE
    assert await refusal_of(verbose.recall(answer.decision_id)) == TOO_LARGE
    assert (await verbose.decide(REGULAR, explain=SUMMARY, request_id="r")).decision_id == answer.decision_id
    assert (await verbose.recall(answer.decision_id, explain=SUMMARY)).decision_id == answer.decision_id
