"""What rules cost, over four decisions that were worked out by hand (worked.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.state.export.denials import denials_schema
from tests.unit.training.rules.worked import D1, D2, DENIALS, SHOWN, denial, entry, log_of, shown, shown_table
from training.log.errors import LogInvalid
from training.rules import pictures
from training.rules.funnel import funnel, in_order, together
from training.rules.log import RulesLog, read_rules_log
from training.rules.never_wins import never_wins
from training.rules.nothing_shown import nothing_shown, what_stood_between
from training.rules.overlap import overlap, pairs
from training.rules.results import nps, results
from training.rules.withheld import expected_values, withheld
from training.study import rules as study
from training.study.shown import Sentence


@pytest.fixture
def log() -> RulesLog:
    return log_of(SHOWN, DENIALS)


def row(table: pd.DataFrame, key: object = None) -> dict[str, Any]:
    """The row of this key; the only one without."""
    (found,) = (table if key is None else table[table.index == key]).to_dict("records")
    return {str(name): cell for name, cell in found.items()}


def test_each_candidate_of_a_decision_is_counted_once(log: RulesLog) -> None:
    """d1 3, d2 3, d3 2, d4 3: what was denied at select is denied."""
    counted = log.candidates.groupby(["decision_id", "place"]).size().to_dict()
    assert counted == {
        ("d1", "RANKED"): 1,
        ("d1", "ELIGIBLE"): 1,
        ("d1", "DENIED"): 1,
        ("d2", "RANKED"): 1,
        ("d2", "DENIED"): 2,
        ("d3", "DENIED"): 2,
        ("d4", "RANKED"): 1,
        ("d4", "DENIED"): 2,
    }


def test_the_funnel_counts_what_a_rule_denies_alone_first_and_at_all(log: RulesLog) -> None:
    """Eleven candidates; AUDIENCE denies loan in d2, d3 and d4, alone in d4; in d3 consent comes first."""
    table = funnel(log)
    assert table.index.tolist() == ["CONSENT_MISSING", "AUDIENCE", "NEVER_WITH", "CONTACT_CAP", "CAPACITY"]
    assert table["denied"].tolist() == [2, 3, 1, 1, 2]
    assert table["alone"].tolist() == [1, 1, 1, 1, 1]
    assert table["first"].tolist() == [2, 2, 1, 1, 1]
    assert table["left"].tolist() == [9, 7, 6, 5, 4]
    assert table["share"].tolist() == pytest.approx([2 / 11, 3 / 11, 1 / 11, 1 / 11, 2 / 11])


def test_codes_come_in_the_order_of_the_rules_and_strangers_last() -> None:
    codes = ["TAKEN_MEANWHILE", "BUDGET", "POLICY_B", "KILLED", "POLICY_A", "AUDIENCE"]
    assert in_order(codes) == ["KILLED", "POLICY_A", "POLICY_B", "AUDIENCE", "BUDGET", "TAKEN_MEANWHILE"]


def test_rules_together_are_counted_by_pair_and_alone_on_the_diagonal(log: RulesLog) -> None:
    table = together(log)
    assert table.columns.tolist() == ["CONSENT_MISSING", "AUDIENCE", "NEVER_WITH", "CONTACT_CAP", "CAPACITY"]
    assert table.to_numpy().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1],
    ]


def test_audiences_overlap_where_both_hold_whatever_else_denies(log: RulesLog) -> None:
    """Offer is in its audience in all four decisions, tips in d1, d2 and d4, loan in d1 alone."""
    square = overlap(log)
    assert np.diag(square).tolist() == [1, 4, 3]  # loan, offer, tips
    found = pairs(log)
    assert found[["journey", "other", "both"]].to_numpy().tolist() == [
        ["offer", "tips", 3],
        ["loan", "offer", 1],
        ["loan", "tips", 1],
    ]
    assert found["share_of_journey"].tolist() == [0.75, 1.0, 1.0]
    assert found["share_of_other"].tolist() == [1.0, 0.25, pytest.approx(1 / 3)]


def test_a_journey_that_was_not_running_competes_with_none() -> None:
    log = log_of(SHOWN[:1], [denial("d1", "loan", "NOT_VALID_NOW")])
    assert overlap(log).index.tolist() == ["offer", "tips"]


def test_a_journey_that_never_won_says_which_rule_denied_it(log: RulesLog) -> None:
    found = never_wins(log)
    assert found["journey"].tolist() == ["loan"]
    assert found[["candidate", "denied", "allowed"]].to_numpy().tolist() == [[4, 4, 0]]
    assert row(found)["why"] == "never allowed: AUDIENCE denies it 3 of 4 times"


def test_a_journey_that_never_won_says_who_outranked_it() -> None:
    tips = entry("tips", "ELIGIBLE", 0.4)
    rows = [shown("d1", "offer", D) for D in [(entry("offer", "RANKED", 0.3), tips)]]
    rows.append(shown("d2", "loan", (entry("loan", "RANKED", 0.3), tips)))
    rows.append(shown("d3", "loan", (entry("loan", "RANKED", 0.3), tips)))
    found = never_wins(log_of(rows, [denial("d4", "tips", "COOLDOWN")]))
    assert found["why"].tolist() == [
        "denied 1 times, by COOLDOWN every time; else outranked, most often by loan (2 of 3)"
    ]


def test_decisions_with_nothing_are_told_by_channel(log: RulesLog) -> None:
    """Bob's e-mail had nothing; he saw something on the web, so no customer saw nothing at all."""
    table = nothing_shown(log)
    assert [*row(table, "email").values()] == [1, 1, 1.0, 1, 1]
    assert [*row(table, "web").values()] == [3, 0, 0.0, 2, 0]
    assert [*row(table, "all").values()] == [4, 1, 0.25, 2, 0]


def test_what_stood_between_is_a_rule_that_alone_denied_something(log: RulesLog) -> None:
    """In d3 consent alone kept the offer back; loan had two rules against it."""
    table = what_stood_between(log)
    assert table.index.tolist() == ["CONSENT_MISSING"]
    assert [*row(table).values()] == [True, 1, 1.0, 1, 1]


def test_what_was_to_be_expected_is_p_times_value_less_cost(log: RulesLog) -> None:
    """Offer was scored 0.3 and 0.5, so 0.4 x 10 - 1; loan never, so its prior of 0.05 x 100; tips 0.4 of 1."""
    by_journey = {"offer": 3.0, "loan": 5.0, "tips": 0.4}
    expected = [by_journey[row["journey_id"]] for row in DENIALS]
    assert expected_values(log).tolist() == pytest.approx(expected)


def test_a_cost_above_the_value_withholds_nothing() -> None:
    rows = [shown("d1", "offer", [entry("offer", "RANKED", 0.01)])]
    log = log_of(rows, [denial("d2", "offer", "CONTACT_CAP")])
    assert expected_values(log).tolist() == [0.0]


def test_value_withheld_counts_what_one_rule_alone_denied_and_its_best(log: RulesLog) -> None:
    """Each rule denies one candidate alone. AUDIENCE says for whom, so it comes after those that limit."""
    table = withheld(log)
    assert table["best"].to_dict() == pytest.approx(
        {"CAPACITY": 5.0, "CONSENT_MISSING": 3.0, "CONTACT_CAP": 3.0, "NEVER_WITH": 0.4, "AUDIENCE": 5.0}
    )
    assert table.index.tolist() == ["CAPACITY", "CONSENT_MISSING", "CONTACT_CAP", "NEVER_WITH", "AUDIENCE"]
    assert table["limits"].tolist() == [True] * 4 + [False]


def test_of_several_in_a_decision_the_best_alone_is_the_lower_bound() -> None:
    rows = [denial("d1", "offer", "INCIDENT_OPEN"), denial("d1", "loan", "INCIDENT_OPEN")]
    found = row(withheld(log_of(SHOWN[1:2], rows)))
    assert (found["value"], found["best"], found["most"]) == (pytest.approx(2.0 + 5.0), 5.0, "loan")
    assert (found["candidates"], found["decisions"], found["customers"]) == (2, 1, 1)


def test_results_are_told_by_journey_and_stage_with_what_is_expected(log: RulesLog) -> None:
    """Wilson's interval of 1 in 2 is 0.0945 to 0.9055."""
    table = results(log)
    offer = row(table, ("offer", "need"))
    assert offer["actions"] == "offer-need: signs"
    assert [offer[name] for name in ("shown", "presented", "known", "met")] == [2, 2, 2, 1]
    assert (offer["rate"], offer["reward"]) == (0.5, 5.0)
    assert [offer["low"], offer["high"]] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    tips = row(table, ("tips", "need"))
    assert tips["actions"] == "tips-need"
    assert (tips["nps_answers"], tips["nps"], tips["ces_answers"]) == (1, 100.0, 0)  # her last answer, a 9
    assert np.isnan(tips["ces"])


def test_stages_of_a_journey_are_kept_apart_and_an_open_window_is_no_failure() -> None:
    rows = [
        shown("d1", "offer", [], reward=10.0),
        shown("d2", "offer", [], reward=None, stage="use", outcomes=[("CES", 6.0)]),
        shown("d3", "offer", [], reward=None, stage="use", outcomes=[("CES", 3.0)]),
    ]
    table = results(log_of(rows, []))
    assert row(table, ("offer", "need"))["rate"] == 1.0
    used = row(table, ("offer", "use"))
    assert [used[name] for name in ("shown", "presented", "known", "ces_answers", "ces")] == [2, 0, 0, 2, 4.5]
    assert np.isnan(used["rate"])


def test_nps_is_promoters_less_detractors() -> None:
    assert nps(pd.Series([10.0, 9.0, 8.0, 7.0, 6.0, 0.0, 9.0, 3.0])) == 0.0  # 3 of 8 less 3 of 8
    assert nps(pd.Series([10.0, 8.0])) == 50.0
    assert np.isnan(nps(pd.Series([1.0])[:0]))


def test_what_was_imported_tells_of_no_rule() -> None:
    log = log_of([*SHOWN, shown("old", "loan", [entry("loan", "RANKED", 0.5)], catalogue="")], DENIALS)
    assert "old" not in set(log.candidates["decision_id"])
    assert never_wins(log)["journey"].tolist() == ["loan"]


def test_every_picture_is_drawn_also_of_little(log: RulesLog) -> None:
    for some in (log, log_of(SHOWN[:1], DENIALS[:1])):
        pictures.denials(funnel(some)).savefig("/dev/null", format="png")
        pictures.grid(together(some), "").savefig("/dev/null", format="png")
        pictures.grid(overlap(some), "").savefig("/dev/null", format="png")
        pictures.values_withheld(withheld(some)).savefig("/dev/null", format="png")
        pictures.rates(results(some)).savefig("/dev/null", format="png")


def write_decisions(folder: Path, day: str, rows: Sequence[Mapping[str, Any]], *lacking: str) -> None:
    table = shown_table(rows)
    for name in ("kind", "is_censored"):
        table = table.append_column(name, table["channel"])
    (folder / f"day={day}").mkdir()
    pq.write_table(table.drop_columns(list(lacking)), folder / f"day={day}" / "decisions.parquet")


def write_denials(folder: Path, day: str, rows: Sequence[Mapping[str, Any]]) -> None:
    place = folder / "_denials" / f"day={day}" / "denials.parquet"
    place.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows), denials_schema()), place)


def test_days_that_one_of_both_tables_lacks_are_left_out_and_counted(tmp_path: Path) -> None:
    """Where nothing is known of what was denied, all would seem allowed; a day of which nothing was is no such day."""
    write_decisions(tmp_path, "2026-02-27", [shown("before", "offer", D1)], "expects")
    write_decisions(tmp_path, "2026-03-01", SHOWN)
    write_denials(tmp_path, "2026-03-01", DENIALS)
    write_decisions(tmp_path, "2026-03-02", [shown("free", "tips", D2)])
    write_denials(tmp_path, "2026-03-02", [])
    write_denials(tmp_path, "2026-03-03", [denial("gone", "loan", "AUDIENCE")])
    found = read_rules_log(tmp_path)
    assert set(found.candidates["decision_id"]) == {"d1", "d2", "d3", "d4", "free"}
    assert set(found.denied["decision_id"]) == {"d1", "d2", "d3", "d4"}
    assert found.shown.loc[found.shown["decision_id"] == "d1", "expects"].tolist() == ["signs"]
    assert found.days_left_out == 2
    said = study.summary(found)
    assert isinstance(said, Sentence)
    assert said.text.endswith(" Left out are days that one of both tables lacks: 2.")
    assert "Left out" not in study.summary(log_of(SHOWN, DENIALS)).text


def test_tables_without_a_day_in_common_are_refused(tmp_path: Path) -> None:
    write_decisions(tmp_path, "2026-03-01", SHOWN)
    write_denials(tmp_path, "2026-03-02", DENIALS)
    with pytest.raises(LogInvalid, match="both of its tables have no day in common: export it again"):
        read_rules_log(tmp_path)


def test_an_export_without_the_second_table_is_told_what_to_do(tmp_path: Path) -> None:
    write_decisions(tmp_path, "2026-03-01", SHOWN)
    with pytest.raises(LogInvalid, match="no table of what was denied: export it again"):
        read_rules_log(tmp_path)


def test_a_plain_log_tells_of_no_rules(tmp_path: Path) -> None:
    pq.write_table(shown_table(SHOWN).select(["customer_id", "journey_id"]), tmp_path / "log.parquet")
    with pytest.raises(LogInvalid, match="this is no exported log"):
        read_rules_log(tmp_path / "log.parquet")
