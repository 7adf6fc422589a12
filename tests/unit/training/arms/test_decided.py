"""Reading arms out of logs: which rows count, what an event is worth, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.arm_logs import MET, START, Row, exported
from training.arms.decided import Decided, read_decided
from training.log.errors import LogInvalid
from training.log.files import LogFiles


def read(tmp_path: Path, table: pa.Table, outcome: str | None = None) -> Decided:
    pq.write_table(table, tmp_path / "log.parquet")
    return read_decided(LogFiles(tmp_path / "log.parquet"), outcome)


def test_what_happens_at_one_instant_is_worth_the_most_that_an_objective_says_once(tmp_path: Path) -> None:
    """A purchase on day 1 that meets two objectives, and another on day 2: 8 + 3."""
    met = (("basket", 1.0, 5.0), ("welcome", 1.0, 8.0), ("basket", 2.0, 3.0))
    found = read(tmp_path, exported([Row(customer="a", at=0.0, met=met), Row(customer="b", at=0.5)]))
    assert found.value.tolist() == [11.0, 0.0]


def test_what_was_told_of_contacts_is_part_of_the_value_and_told_apart(tmp_path: Path) -> None:
    """8 by an event on day 1, 3 by an outcome on day 2; what stands at one instant for as much is by the event."""
    rows = [
        Row(customer="a", at=0.0, met=(("welcome", 1.0, 8.0),)),
        Row(customer="b", at=0.0, met=(("survey", 2.0, 3.0),), by="OUTCOME"),
        Row(customer="c", at=0.0, met=None),
    ]
    table = exported(rows)
    found = read(tmp_path, table)
    assert (found.value.tolist()[:2], found.told.tolist()[:2]) == ([8.0, 3.0], [0.0, 3.0])
    assert np.isnan(found.told[2])
    both = [
        {"journey_id": journey, "at": START.item(), "worth": 3.0, "by": by}
        for journey, by in (("welcome", "EVENT"), ("survey", "OUTCOME"))
    ]
    told = table.schema.get_field_index("met_in_windows")
    table = table.set_column(told, "met_in_windows", pa.array([both, both[1:], None], MET))
    found = read(tmp_path, table)
    assert (found.value.tolist()[:2], found.told.tolist()[:2]) == ([3.0, 3.0], [0.0, 3.0])


def test_an_export_of_before_outcomes_counted_has_events_alone(tmp_path: Path) -> None:
    old = pa.list_(pa.struct([MET.value_type.field(name) for name in ("journey_id", "at", "worth")]))
    table = exported([Row(customer="a", at=0.0, met=(("welcome", 1.0, 8.0),))])
    place = table.schema.get_field_index("met_in_windows")
    told = [[{name: one[name] for name in ("journey_id", "at", "worth")} for one in table["met_in_windows"][0].as_py()]]
    found = read(tmp_path, table.set_column(place, "met_in_windows", pa.array(told, old)))
    assert (found.value.tolist(), found.told.tolist()) == ([8.0], [0.0])


def test_days_of_before_there_were_arms_tell_nothing_of_them(tmp_path: Path) -> None:
    """They stay in an export as they were written, for the events of their time are gone."""
    table = exported([Row(customer="a", at=1.0, met=(("welcome", 2.0, 8.0),)), Row(customer="b", at=1.0)])
    before = table.drop_columns(["arm", "share", "met_in_windows", "windows_end_at"])
    for day, written in (("day=2025-12-31", before), ("day=2026-01-02", table)):
        (tmp_path / day).mkdir()
        pq.write_table(written, tmp_path / day / "decisions.parquet")
    found = read_decided(LogFiles(tmp_path))
    assert (found.size, found.value.tolist()) == (2, [8.0, 0.0])
    assert [found.arms[arm] for arm in found.arm] == ["CHAMPION", "CHAMPION"]


def test_open_windows_are_not_known(tmp_path: Path) -> None:
    found = read(tmp_path, exported([Row(customer="a", at=0.0, met=None), Row(customer="b", at=0.5, met=None)]))
    assert np.isnan(found.value).all()


def test_silence_counts_where_something_could_have_been_said(tmp_path: Path) -> None:
    """What nobody could have been shown anything at tells nothing of arms, and of a slate the first row is enough."""
    rows = [
        Row(customer="a", at=0.0, arm="HOLDOUT", share=0.1),
        Row(customer="b", at=0.0),
        Row(customer="c", at=0.0, ends=None, met=None),
        Row(customer="d", at=0.0, rank=2),
        Row(customer="e", at=0.0, arm=None, share=None),
    ]
    kept = read(tmp_path, exported(rows))
    assert kept.customer.tolist() == [0, 1]
    assert [kept.arms[arm] for arm in kept.arm] == ["HOLDOUT", "CHAMPION"]


def test_decisions_are_in_the_order_of_time(tmp_path: Path) -> None:
    found = read(tmp_path, exported([Row(customer="b", at=3.0), Row(customer="a", at=1.0)]))
    assert found.customer.tolist() == [0, 1]


def test_a_plain_log_says_by_a_column_what_came(tmp_path: Path) -> None:
    table = pa.table(
        {
            "customer_id": ["a", "b", "c"],
            "decided_at": ["2026-01-01", "2026-01-02", "2026-01-03"],
            "arm": ["X", "Y", "X"],
            "spent": [1.5, None, 0.0],
        }
    )
    found = read(tmp_path, table, "spent")
    assert found.arms == ("X", "Y")
    assert found.value[0] == 1.5
    assert np.isnan(found.value[1])
    assert np.isnan(found.share).all()
    assert (found.known_at == found.decided_at).all()


def test_a_log_without_arms_is_refused(tmp_path: Path) -> None:
    table = exported([Row(customer="a", at=0.0)])
    with pytest.raises(LogInvalid, match=r"log\.parquet: arm: there is no such column \(the arm of each customer\)"):
        read(tmp_path, table.drop_columns(["arm"]))


def test_an_export_that_does_not_say_what_customers_did_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogInvalid, match=r"met_in_windows: .*export again"):
        read(tmp_path, exported([Row(customer="a", at=0.0)]).drop_columns(["met_in_windows"]))


def test_arms_that_no_row_tells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LogInvalid, match="arm: no decision in it tells its arm"):
        read(tmp_path, exported([Row(customer="a", at=0.0, arm=None, share=None)]))


@pytest.mark.parametrize("share", [0.0, 1.2, -0.1])
def test_a_share_that_is_none_is_refused_by_its_row(tmp_path: Path, share: float) -> None:
    rows = [Row(customer="a", at=0.0), Row(customer="b", at=1.0, share=share)]
    with pytest.raises(LogInvalid, match=r"row 1: share: .* is no share"):
        read(tmp_path, exported(rows))


def test_an_outcome_cannot_be_named_of_an_export(tmp_path: Path) -> None:
    with pytest.raises(LogInvalid, match="--outcome is for others"):
        read(tmp_path, exported([Row(customer="a", at=0.0)]), "reward")
