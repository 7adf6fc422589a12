"""Verdicts in a real registry: a table on the run, and what tightens the level of others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import ModelMissing
from models.registry import CHALLENGER, PREVIOUS, PublishedModel, publish
from models.tracking import Registry, client_of
from tests.model_builders import NOW, bundle
from tests.unit.models.test_registry import record
from training.promote.kept import keep, number_of, p_values_beside
from training.promote.verdict import Check, Checked, Difference, Verdict

pytestmark = pytest.mark.timeout(180)

FIRST, LAST = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
VERDICT = Verdict(
    challenger="2",
    champion="1",
    since=FIRST.isoformat(),
    until=LAST.isoformat(),
    decisions=500,
    customers=200,
    difference=Difference(
        value=0.1, low=float("-inf"), high=float("inf"), p=0.04, level=0.05, limit=0.0, more_needed=70
    ),
    checks=(Checked(check=Check.DIFFERENCE, is_passed=False, told="nothing is proven", is_settled=False),),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, PublishedModel]:
    """Two versions, the second judged."""
    place = tmp_path_factory.mktemp("kept")
    (place / "files").mkdir()
    registry, first = Registry(home=place / "home", experiment="e", model="offers"), bundle()
    publish(registry, record(first, place / "files"), NOW)
    second = publish(registry, record(replace(first, history=frozenset({"another"})), place / "files"), NOW)
    keep(registry, VERDICT, NOW)
    return registry, second


def test_the_verdict_is_on_the_run_of_the_challenger_as_markdown_and_json(
    home: tuple[Registry, PublishedModel], tmp_path: Path
) -> None:
    registry, second = home
    with client_of(registry) as client:
        folder = Path(client.download_artifacts(second.run_id, "verdicts", str(tmp_path)))
        run = client.get_run(second.run_id)
    text, document = (folder / f"2018-01-03T12-00-00.{form}" for form in ("md", "json"))
    assert text.read_text(encoding="utf-8") == VERDICT.markdown()
    told = json.loads(document.read_text(encoding="utf-8"))
    assert told == json.loads(json.dumps(VERDICT.document()))
    assert (told["result"], told["difference"]["low"], told["checks"][0]["is_passed"]) == (
        "not enough evidence",
        None,
        False,
    )
    assert (run.data.tags["rumbo.verdict"], run.data.metrics["promote.p"]) == ("not enough evidence", 0.04)
    assert "promote.low" not in run.data.metrics  # nothing that is infinite


@pytest.mark.parametrize(
    ("number", "since", "until", "expected"),
    [
        ("1", FIRST, LAST, (0.04,)),
        ("1", LAST, datetime(2026, 5, 1, tzinfo=UTC), (0.04,)),
        ("1", datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC), ()),
        ("2", FIRST, LAST, ()),
    ],
    ids=["the same rows", "a common row", "later rows", "itself"],
)
def test_others_that_were_judged_on_some_of_the_rows_tell_their_p_values(
    home: tuple[Registry, PublishedModel], number: str, since: datetime, until: datetime, expected: tuple[float, ...]
) -> None:
    assert p_values_beside(home[0], number, since, until) == expected


def test_a_version_is_found_by_its_alias(home: tuple[Registry, PublishedModel]) -> None:
    assert number_of(home[0], CHALLENGER) == "2"
    with pytest.raises(ModelMissing, match="alias previous"):
        number_of(home[0], PREVIOUS)
