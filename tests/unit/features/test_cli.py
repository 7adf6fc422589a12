"""Commands of the features room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from features.cli import features, parse_instant
from features.errors import InvalidInstant
from service.examples.complete_journey.commands import prepare
from service.examples.complete_journey.data.dataset import Dataset
from service.examples.complete_journey.data.prepare import Report
from tests.example import COMPANY, SCHEMA


def test_features_schema_prints_what_the_registry_says() -> None:
    result = CliRunner().invoke(features, ["schema", "--company", str(COMPANY)])
    assert result.output == SCHEMA.dump()


def test_an_instant_is_read_in_any_zone() -> None:
    assert parse_instant("2018-01-03T13:00:00+01:00") == datetime(2018, 1, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2018-01-03T12:00:00", "2018-01-03"])
def test_what_is_no_instant_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(InvalidInstant):
        parse_instant(text)


def test_prepare_tells_each_step_and_where_the_data_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, datetime]] = []

    def prepare_company(folder: Path, now: datetime, report: Report) -> Dataset:
        asked.append((folder, now))
        report("Reading")
        return Dataset(source="Example", shift_weeks=3, data_end=now - timedelta(days=2), prepared_at=now, tables={})

    monkeypatch.setattr("service.examples.complete_journey.data.prepare.prepare_company", prepare_company)
    result = CliRunner().invoke(prepare, ["--company", str(tmp_path), "--now", "2018-01-03T12:00:00Z"])
    assert result.exit_code == 0
    assert asked == [(tmp_path, datetime(2018, 1, 3, 12, 0, tzinfo=UTC))]
    assert "Reading\n" in result.output
    assert "Example, 3 weeks later: purchases until 2018-01-01 12:00 UTC" in result.output
