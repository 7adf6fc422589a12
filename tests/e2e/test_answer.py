"""The shape of an answer: languages, how much is explained, how many slots, and what silence looks like."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from rumbo.decision.v1 import decision_pb2, reason_pb2
from tests.e2e.wire import (
    CHANNELS,
    REGULAR,
    SECOND_REGULAR,
    allowed_ids,
    assert_each_accounted_for,
    event,
    journeys_on,
    opened,
    proposals,
    ranked_ids,
)
from tests.example import EXAMPLE
from tests.fixtures_service import Service, copied, running

SLOTS = {
    name: channel["slots"]
    for name, channel in yaml.safe_load((EXAMPLE / "policies.yaml").read_text(encoding="utf-8"))["channels"].items()
}
CUSTOMERS = (REGULAR, "1", "never-seen-before")
IN_TROUBLE = SECOND_REGULAR


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One service for all: these tests ask without leaving a trace, or tell of a customer of their own."""
    async with running(copied(seeded_home, tmp_path_factory.mktemp("answers") / "home")) as started:
        yield started


def every_reason(answer: decision_pb2.DecideResponse) -> Iterator[reason_pb2.Reason]:
    for place in (answer.ranked, answer.eligible, answer.rejected):
        for journey in place:
            yield from journey.reasons
    yield from answer.no_journey.reasons


@pytest.mark.parametrize("customer", CUSTOMERS)
@pytest.mark.parametrize("channel", CHANNELS)
async def test_each_candidate_is_accounted_for_with_a_reason(service: Service, customer: str, channel: str) -> None:
    answer = await service.decide(customer, channel, dry_run=True)
    assert_each_accounted_for(answer, journeys_on(channel))
    assert [journey.rank for journey in answer.ranked] == list(range(1, len(answer.ranked) + 1))
    for journey in answer.ranked:
        assert journey.action_id == proposals(channel)[journey.journey_id].action_id
        assert journey.is_offer == proposals(channel)[journey.journey_id].is_offer
        assert journey.selection_probability == 1.0
        assert 0.0 <= journey.p_outcome <= 1.0


@pytest.mark.parametrize("customer", [*CUSTOMERS, IN_TROUBLE])
async def test_each_reason_has_a_sentence_in_both_languages(service: Service, customer: str) -> None:
    """A text that is one in both languages was never translated; one that shows a brace was never filled in."""
    if customer == IN_TROUBLE:
        about = event("consent.withdrawn", IN_TROUBLE, purpose="research")
        await service.tell(opened(IN_TROUBLE, incident_class="delivery"), about)
    for channel in CHANNELS:
        english = await service.decide(customer, channel, locale="en", dry_run=True)
        spanish = await service.decide(customer, channel, locale="es-MX", dry_run=True)
        for one, other in zip(every_reason(english), every_reason(spanish), strict=True):
            assert (one.code, one.kind) == (other.code, other.kind)
            assert one.text != other.text
            for text in (one.text, other.text):
                assert text.endswith(".")
                assert not {"{", "}", "["} & set(text.replace(one.params["condition"].string_value, ""))
        for one_part, other_part in zip(english.degraded, spanish.degraded, strict=True):
            assert one_part.effect != other_part.effect


@pytest.mark.parametrize("locale", ["", "en-GB", "tlh", "EN"])
async def test_every_other_locale_is_answered_in_english(service: Service, locale: str) -> None:
    english = await service.preview(REGULAR, locale="en")
    assert await service.preview(REGULAR, locale=locale) == english


@pytest.mark.parametrize("explain", [decision_pb2.EXPLAIN_UNSPECIFIED, decision_pb2.EXPLAIN_SUMMARY])
async def test_a_summary_has_the_counts_and_not_the_lists(service: Service, explain: decision_pb2.Explain) -> None:
    whole = await service.decide(REGULAR, dry_run=True)
    summary = await service.decide(REGULAR, dry_run=True, explain=explain)
    assert whole.eligible
    assert whole.rejected
    del whole.eligible[:]
    del whole.rejected[:]
    assert summary == whole
    assert summary.counts.rejected > 0


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_channel_says_how_many_slots_there_are(service: Service, channel: str) -> None:
    answer = await service.decide(REGULAR, channel, dry_run=True)
    assert answer.limit == SLOTS[channel]
    assert len(answer.ranked) <= answer.limit


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
async def test_the_limit_is_used_as_it_was_sent(service: Service, limit: int) -> None:
    answer = await service.decide(REGULAR, limit=limit, dry_run=True)
    assert answer.limit == limit
    assert len(answer.ranked) == min(limit, 13)


@pytest.mark.parametrize("customer", CUSTOMERS)
@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_silence_is_answered_exactly_when_a_slot_stays_empty(service: Service, customer: str, limit: int) -> None:
    for channel in CHANNELS:
        answer = await service.decide(customer, channel, limit=limit, dry_run=True)
        assert answer.HasField("no_journey") == (len(answer.ranked) < limit)
        if answer.HasField("no_journey"):
            assert answer.no_journey.reasons
            assert answer.no_journey.selection_probability == 1.0


async def test_a_smaller_slate_is_the_beginning_of_a_larger_one(service: Service) -> None:
    larger, smaller = [await service.decide(REGULAR, limit=limit, dry_run=True) for limit in (5, 2)]
    assert list(larger.ranked)[:2] == list(smaller.ranked)
    assert {journey.journey_id for journey in smaller.eligible} >= set(ranked_ids(larger)[2:])


async def test_an_eligible_journey_says_that_no_slot_was_left(service: Service) -> None:
    answer = await service.decide(REGULAR, limit=1, dry_run=True)
    assert answer.eligible
    for journey in answer.eligible:
        assert "NO_SLOT_LEFT" in {reason.code for reason in journey.reasons}
        assert {reason.kind for reason in journey.reasons} == {reason_pb2.REASON_KIND_ELIGIBLE}


async def test_a_placement_leaves_out_the_actions_of_other_places(service: Service) -> None:
    everywhere, at_home = [await service.preview(REGULAR, placement=p) for p in (None, "checkout")]
    left_out = allowed_ids(everywhere) - {
        j for p in (at_home.ranked, at_home.rejected) for j in [x.journey_id for x in p]
    }
    assert left_out
    assert at_home.counts.candidates < everywhere.counts.candidates
