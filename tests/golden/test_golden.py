"""What was answered stays answered: one long story on both stores, and a store of before that is still read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from service.catalogue.load import parse
from service.decision.record import output, replay
from service.state.port import IMPORTED
from tests.example import COMPANY, TERMS
from tests.fixtures_features import company_at
from tests.fixtures_service import STATE_URL, Clock, ask_state, copied, records_in, settings_of
from tests.fixtures_stores import home_on
from tests.golden.kept import ANSWERS, DIGESTS, MOST_BYTES, RECORDS, STORE, lines_of, records_of, told, whole
from tests.golden.kept_store import KeptStore
from tests.golden.story import BEGIN, QUESTIONS, Answer, example_at
from tests.servers.postgres import PostgresServer, database_name

SAMPLE = 100
"""So many questions are asked in every run of the tests."""


async def told_over(home: Path, questions: int = QUESTIONS) -> list[Answer]:
    async with example_at(home, Clock(BEGIN)) as service:
        return await told(service, questions)


@pytest.fixture
def example_home(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The seeded home under the example's whole catalogue, on each store in turn."""
    with home_on(store, request, tmp_path / "home", without=("catalogue",)) as home:
        yield home


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_whole_story_is_answered_as_it_was(example_home: Path) -> None:
    answers = await told_over(example_home)
    assert whole(answers) == json.loads(ANSWERS.read_text())
    assert lines_of(answers) == DIGESTS.read_text().splitlines()


async def test_the_story_begins_as_it_did(seeded_home: Path, tmp_path: Path) -> None:
    answers = await told_over(copied(seeded_home, tmp_path / "home", without=("catalogue",)), SAMPLE)
    begun, expected = whole(answers), json.loads(ANSWERS.read_text())
    assert begun == {number: expected[number] for number in begun}
    assert lines_of(answers) == DIGESTS.read_text().splitlines()[:SAMPLE]


@pytest.fixture
def kept() -> KeptStore:
    return KeptStore.read(STORE)


async def test_what_is_recorded_has_the_form_of_before_or_another_number(
    seeded_home: Path, kept: KeptStore, tmp_path: Path
) -> None:
    """The kept records are of the same story; they have no number, which is form 1."""
    home = copied(seeded_home, tmp_path / "home", without=("catalogue",))
    await told_over(home, SAMPLE)
    before = {row["decision_id"]: json.loads(row["record"]) for row in kept.rows_of("decisions")}
    today = records_in(home)
    assert median(size for (size,) in ask_state(home, "SELECT length(record) FROM decisions")) <= MOST_BYTES
    both = before.keys() & today.keys()
    assert both
    for decision_id in both:
        old, new = before[decision_id], today[decision_id]
        new["input"]["catalogue_version"] = old["input"]["catalogue_version"]  # a hash of the example's files
        assert new["format"] != 1 or new == {"format": 1, **old}


@pytest.fixture
def home_of_before(kept: KeptStore, store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A home whose state an earlier program left, brought to the step of today as its operator would; no features."""
    home = tmp_path / "home"
    home.mkdir()
    company_at(home).symlink_to(COMPANY)
    if store == "sqlite":
        kept.restore(settings_of(home))
        yield home
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = database_name(home)
    (home / STATE_URL).write_text(server.empty_database(name))
    kept.restore(settings_of(home))
    yield home
    server.drop_database(name)


async def test_records_of_before_are_explained_and_exported_as_they_were(
    home_of_before: Path, kept: KeptStore, tmp_path: Path
) -> None:
    assert await records_of(home_of_before, tmp_path / "table", kept.decision_ids) == json.loads(RECORDS.read_text())


def test_records_of_before_are_decided_again_as_they_were(kept: KeptStore) -> None:
    catalogues = {row["version"]: parse(row["source"], TERMS) for row in kept.rows_of("catalogues")}
    for row in kept.rows_of("decisions"):
        record = json.loads(row["record"])
        if IMPORTED in record:
            continue  # holds nothing to decide from
        again = replay(catalogues[record["input"]["catalogue_version"]].plan, record["input"])
        assert output(again) == record["output"], row["decision_id"]
