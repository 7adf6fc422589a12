"""A day in a catalogue is one of the company's zone: it begins when it does there, whatever clocks do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.catalogue.cases.document import CasesDocument
from service.catalogue.cases.facts import moment_of
from service.catalogue.load import Catalogue, load, parse
from service.decision.constraints.not_valid_now import NotValidNow
from tests.unit.catalogue.check.test_check import TERMS, catalogue

BEGINS = (
    ("UTC", "2027-03-14", "2027-03-14T00:00:00"),
    ("America/New_York", "2026-12-31", "2026-12-31T05:00:00"),
    ("America/New_York", "2027-07-01", "2027-07-01T04:00:00"),
    ("America/New_York", "2027-03-14", "2027-03-14T05:00:00"),  # spring forward at 02:00
    ("America/New_York", "2027-03-15", "2027-03-15T04:00:00"),
    ("Asia/Tokyo", "2026-12-31", "2026-12-30T15:00:00"),
    ("Asia/Kathmandu", "2026-12-31", "2026-12-30T18:15:00"),
    ("Pacific/Kiritimati", "2026-12-31", "2026-12-30T10:00:00"),
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00"),  # there is no midnight: it begins at 01:00
    ("America/Havana", "2026-11-01", "2026-11-01T04:00:00"),  # midnight comes twice: the first one
    ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00"),  # there was no such day: the next one
    ("Europe/Madrid", "9999-12-31", "9999-12-30T23:00:00"),
)


def read(folder: Path, zone: str | None, field: str) -> Catalogue:
    zoned = "" if zone is None else f"time_zone: {zone}\n"
    changes = {
        "policies.yaml": [{"old": "purposes:", "new": f"{zoned}purposes:"}],
        "journeys/pizza.yaml": [{"old": "tier: 4", "new": f"tier: 4\n{field}"}],
    }
    return load(catalogue(folder / "new", changes, {}), TERMS)


def validity(catalogue: Catalogue) -> NotValidNow:
    (rule,) = [rule for rule in catalogue.plan.rules if isinstance(rule, NotValidNow)]
    return rule


@pytest.mark.parametrize(("zone", "day", "begins"), BEGINS)
def test_day_begins_when_it_does_in_the_zone_of_the_policies(zone: str, day: str, begins: str, tmp_path: Path) -> None:
    instant = datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert validity(read(tmp_path / "from", zone, f"valid: {{from: {day}}}")).valid_from == instant
    assert validity(read(tmp_path / "until", zone, f"valid: {{until: {day}}}")).valid_until == instant


@pytest.mark.parametrize(("zone", "day", "begins"), BEGINS)
def test_lever_is_over_when_the_day_begins_there(zone: str, day: str, begins: str, tmp_path: Path) -> None:
    changes = {
        "policies.yaml": [{"old": "purposes:", "new": f"time_zone: {zone}\npurposes:"}],
        "journeys/pizza.yaml": [{"old": "until: 2030-01-01", "new": f"until: {day}"}],
    }
    plan = load(catalogue(tmp_path / "new", changes, {}), TERMS).plan
    (lever,) = {offered.journey.lever for offered in plan.journeys["email"] if offered.journey.lever is not None}
    assert lever.until == datetime.fromisoformat(begins).replace(tzinfo=UTC)


def test_case_that_names_a_day_is_decided_as_it_begins_there(tmp_path: Path) -> None:
    plan = read(tmp_path, "Asia/Tokyo", "").plan
    document = CasesDocument.model_validate_json(
        '{"cases": [{"name": "x", "now": "2026-12-31", "channel": "email", "eligible": []}]}'
    )
    assert moment_of(document.cases[0], plan) == (datetime(2026, 12, 30, 15, tzinfo=UTC), "email")


def test_without_a_zone_a_day_is_one_of_utc(tmp_path: Path) -> None:
    assert validity(read(tmp_path, None, "valid: {from: 2026-12-31}")).valid_from == datetime(2026, 12, 31, tzinfo=UTC)


def test_time_with_its_own_zone_is_that_instant_whatever_the_zone_of_the_policies(tmp_path: Path) -> None:
    field = "valid: {from: 2026-12-31T10:00:00+01:00, until: '2027-01-01 00:30Z'}"
    rule = validity(read(tmp_path, "Asia/Tokyo", field))
    assert rule.valid_from == datetime(2026, 12, 31, 9, tzinfo=UTC)
    assert rule.valid_until == datetime(2027, 1, 1, 0, 30, tzinfo=UTC)


def test_kept_text_holds_the_day_and_means_the_same_again(tmp_path: Path) -> None:
    """A catalogue is replayed from its text alone."""
    first = read(tmp_path, "Asia/Tokyo", "valid: {from: 2026-12-31}")
    assert '"valid":{"from":"2026-12-31","until":null}' in first.source
    assert validity(parse(first.source, TERMS)) == validity(first)


def test_catalogue_kept_by_an_earlier_release_keeps_its_instants(tmp_path: Path) -> None:
    """It held a day as the instant at which that began in UTC; records that refer to it are replayed with that."""
    source = read(tmp_path, "Asia/Tokyo", "valid: {from: 2026-12-31}").source
    earlier = source.replace('"from":"2026-12-31"', '"from":"2026-12-31T00:00:00Z"')
    assert validity(parse(earlier, TERMS)).valid_from == datetime(2026, 12, 31, tzinfo=UTC)
