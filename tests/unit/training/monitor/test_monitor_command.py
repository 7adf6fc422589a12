"""`rumbo monitor` on plain and exported logs: what it ends with, what it says, and what it refuses."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

from features.columns.arrow import columns_of
from models.bundle import Bundle
from models.learnt import RewardKind
from models.scorer import Scorer
from service.cli import main
from service.decision.journey import NO_JOURNEY
from tests.model_builders import JOURNEYS, PANTRY, bundle, customers
from tests.unit.training.monitor.logs import DAY, START, World
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.monitor.expected import by_bundle
from training.monitor.prometheus import METRICS
from training.monitor.report import Monitoring
from training.monitor.tables import print_monitoring

QUIET = World(seed=3, a_day=100)
DRIFTED = World(seed=3, a_day=300, days=45, drift=1.6, drift_from=30)
TOLD = ("--probability", "p", "--features", "x,segment")


def run(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["monitor", "--log", str(path), *options])


def looked(path: Path, *options: str, status: int = 0) -> dict[str, Any]:
    """What `--json` has; it is there, too, where nothing could be judged."""
    result = run(path, *options, "--json")
    assert result.exit_code == status, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_without_alarm_it_ends_with_0_and_has_every_figure(tmp_path: Path) -> None:
    found = looked(QUIET.write(tmp_path), *TOLD)
    table = QUIET.table()
    everything = [week for week in found["weeks"] if week["kind"] == "all"]
    assert found["alarms"] == []
    assert sum(week["rows"] for week in everything) == found["rows_judged"] == 6000
    assert sum(week["observed"] for week in everything) == sum(table["reward"].to_pylist())
    assert sum(week["expected"] for week in everything) == pytest.approx(sum(table["p"].to_pylist()))
    assert {week["kind"] for week in found["weeks"]} == {"all", "promotional", "service", "loyalty"}
    assert {one["feature"] for one in found["features"]} == {"x", "segment"}
    assert 0.0 < found["features"][-1]["missing"] < 0.05, "2 % of x"
    assert all(sum(week["shares"].values()) == pytest.approx(1.0) for week in found["mix"])
    assert found["reference"]["rows"] == 1400


def test_a_drift_ends_it_with_1_and_one_sentence_says_what_since_when_how_much_and_what_to_do(tmp_path: Path) -> None:
    result = run(DRIFTED.write(tmp_path), *TOLD)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("Alarm (calibration): all kinds")]
    assert ": of what was decided since the week of 2026-02-02 1." in line
    assert " × as much came true as was expected (1." in line
    assert ": train again, compare, and look --since the new model serves." in line


def test_looked_at_since_the_change_it_is_as_expected_again(tmp_path: Path) -> None:
    """A new model whose probabilities are right: the drift before it is no alarm any more."""
    table = DRIFTED.table()
    at, p = np.array(table["decided_at"]), np.array(table["p"])
    right = np.where(at >= START + 30 * DAY, np.minimum(1.6 * p, 1.0), p)
    path = replace(DRIFTED, drift_from=15).write(tmp_path, p=right)
    assert looked(path, *TOLD, status=1)["alarms"]
    since = looked(path, *TOLD, "--since", "2026-01-31")
    assert (since["alarms"], since["judged_from"]) == ([], "2026-01-31")
    assert since["rows_judged"] == 15 * 300


@pytest.mark.parametrize(
    ("options", "columns", "told"),
    [
        ((), {}, None),
        (("--probability", "q"), {}, "q: there is no such column (--probability)"),
        (("--probability", "p"), {"p": np.full(6000, 1.5)}, "row 0: p: 1.5 is no probability"),
        (("--probability", "p"), {"reward": None}, "reward: there is no such column (--reward)"),
        (("--probability", "p"), {"decided_at": ["no day"] * 6000}, "row 0: decided_at: 'no day' is no time"),
        (("--probability", "p"), {"journey_id": pa.nulls(6000, pa.string())}, "row 0: journey_id: there is no journey"),
        (("--probability", "p", "--features", "y"), {}, "y: there is no such column (--features)"),
        (("--probability", "p", "--model", "m"), {}, "say one of --model and --probability"),
        (("--model", "nowhere"), {}, "there is no bundle in 'nowhere'"),
        (("--since", "soon"), {}, "'soon' is no day"),
        (("--probability", "p", "--plot", "m.txt"), {}, "'m.txt' ends in none of .png, .svg, .pdf"),
        (("--probability", "p", "--plot", "/dev/null/m.png"), {}, "/dev/null cannot be written"),
        (("--probability", "p", "--reference", "nowhere"), {}, "nowhere: there is no such file or folder"),
    ],
)
def test_what_cannot_be_used_is_told_by_file_row_and_column_and_ends_it_with_2(
    options: Sequence[str], columns: dict[str, Any], told: str | None, tmp_path: Path
) -> None:
    path = QUIET.write(tmp_path, **columns) if told is not None else tmp_path / "nothing.parquet"
    result = run(path, *options)
    assert result.exit_code == 2
    assert (told or "there is no such file or folder") in result.output


def test_without_a_company_there_is_nothing_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUMBO_COMPANY", raising=False)
    for options in ([], ["--log", str(QUIET.write(tmp_path)), "--mlflow"], ["--model", "champion"]):
        result = CliRunner().invoke(main, ["monitor", *options])
        assert (result.exit_code, "no company" in result.output) == (2, True)


def test_a_log_without_kinds_and_one_of_a_single_kind(tmp_path: Path) -> None:
    assert {week["kind"] for week in looked(QUIET.write(tmp_path, kind=None), *TOLD)["weeks"]} == {"all"}
    single = looked(QUIET.write(tmp_path, kind=["service"] * 6000), *TOLD)
    assert {week["kind"] for week in single["weeks"]} == {"service"}


def test_few_rows_conclude_nothing(tmp_path: Path) -> None:
    found = looked(World(seed=1, days=3, a_day=5).write(tmp_path), *TOLD, status=2)
    assert all(week["low_since"] is None for week in found["weeks"])
    assert found["calibration_not_judged"].startswith("too few yet, 30 customers")
    assert found["mix_not_judged"].startswith("there are no seven days from 2026-01-15 on")


UNKNOWN_YET = {"reward": pa.nulls(6000, pa.float64())}


@pytest.mark.parametrize(
    ("world", "columns", "options", "told"),
    [
        (QUIET, {}, ("--since", "2026-03-02"), "calibration was not judged: no row in that time has both"),
        (QUIET, {}, ("--since", "2026-03-02"), "features and mix were not judged: there are no seven days"),
        (World(seed=1, days=3, a_day=10), {}, (), "calibration was not judged: too few yet"),
        (replace(QUIET, customers=40), UNKNOWN_YET, (), "features and mix were not judged: the reference has fewer"),
    ],
)
def test_where_nothing_could_be_judged_it_ends_with_2_and_says_why(
    world: World, columns: dict[str, Any], options: Sequence[str], told: str, tmp_path: Path
) -> None:
    result = run(world.write(tmp_path, **columns), *TOLD, *options)
    assert (result.exit_code, "No alarm" in result.output) == (2, False)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: nothing could be judged: ")]
    assert told in line


def test_where_calibration_alone_could_not_be_judged_no_alarm_says_so(tmp_path: Path) -> None:
    result = run(QUIET.write(tmp_path, **UNKNOWN_YET), *TOLD)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == (
        "No alarm; calibration was not judged: no row in that time has both an outcome that is known and a probability."
    )


def test_how_old_the_newest_row_is_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = Monitoring.model_validate(looked(QUIET.write(tmp_path), *TOLD))
    for today, age in ((date(2026, 3, 1), "today"), (date(2026, 3, 2), "1 day ago"), (date(2026, 11, 30), "274 days")):
        print_monitoring(found, today)
        assert f"Newest row: of 2026-03-01, {age}" in capsys.readouterr().out
    assert "Newest row: of 2026-03-01, " in run(tmp_path / "log.parquet", *TOLD).output


def test_metrics_of_what_was_not_judged_raise_no_green_flag(tmp_path: Path) -> None:
    """No alarms that are 0, and a 0 that can be asked for."""
    run(QUIET.write(tmp_path), *TOLD, "--since", "2026-03-02", "--prometheus", str(tmp_path / "m.prom"))
    text = (tmp_path / "m.prom").read_text()
    assert "rumbo_monitor_alarms{" not in text
    assert 'rumbo_monitor_judged{figure="calibration"} 0.0' in text
    assert 'rumbo_monitor_judged{figure="mix"} 0.0' in text


def test_no_folder_is_made_for_metrics_for_nobody_else_could_read_there(tmp_path: Path) -> None:
    result = run(QUIET.write(tmp_path), *TOLD, "--prometheus", str(tmp_path / "collector" / "m.prom"))
    assert (result.exit_code, f"there is no folder {tmp_path / 'collector'}" in result.output) == (2, True)
    assert not (tmp_path / "collector").exists()


def test_a_week_without_rows_is_there_and_empty(tmp_path: Path) -> None:
    table = QUIET.table()
    at = np.array(table["decided_at"])
    gap = at + np.where(at >= START + 30 * DAY, 14, 0) * DAY
    found = looked(QUIET.write(tmp_path, decided_at=pa.array(gap).cast(pa.timestamp("us", "UTC"))), *TOLD)
    empty = [week for week in found["weeks"] if week["kind"] == "all" and week["rows"] == 0]
    assert [week["week"] for week in empty] == ["2026-02-02"]
    assert (empty[0]["ratio"], empty[0]["calibration_error"]) == (None, None)
    assert run(tmp_path / "log.parquet", *TOLD, "--plot", str(tmp_path / "gap.png")).exit_code == 0


def test_rows_without_probability_or_reward_are_counted_and_not_judged(tmp_path: Path) -> None:
    n = np.arange(6000)
    table = QUIET.table()
    path = QUIET.write(
        tmp_path,
        p=pa.array(np.array(table["p"]), mask=n % 10 == 0),
        reward=pa.array(np.array(table["reward"]), mask=n % 10 == 1),
    )
    found = looked(path, *TOLD)
    assert (found["rows_judged"], found["rows_without_probability"], found["rows_without_reward"]) == (4800, 600, 600)
    nothing = looked(QUIET.write(tmp_path, p=pa.nulls(6000, pa.float64())), *TOLD)
    assert (nothing["rows_judged"], nothing["weeks"]) == (0, [])
    assert nothing["calibration_not_judged"] == (
        "no row in that time has both an outcome that is known and a probability"
    )


def test_rewards_in_money_are_met_where_they_are_not_0(tmp_path: Path) -> None:
    as_flags = looked(QUIET.write(tmp_path), *TOLD)
    reward = np.array(QUIET.table()["reward"])
    money = reward * np.random.default_rng(0).lognormal(3.0, 2.0, reward.size)
    assert looked(QUIET.write(tmp_path, reward=money), *TOLD)["weeks"] == as_flags["weeks"]


def test_a_plain_log_says_by_itself_what_was_expected_if_it_has_p_outcome(tmp_path: Path) -> None:
    path = QUIET.write(tmp_path, p_outcome=QUIET.table()["p"].combine_chunks())
    assert looked(path)["expected_by"] == "as served"
    assert any("name them (--features)" in notice for notice in looked(path)["notices"])
    without = looked(QUIET.write(tmp_path))
    assert (without["expected_by"], without["rows_judged"]) == (None, 0)
    assert "name --probability or --model" in without["calibration_not_judged"]


def test_another_log_is_compared_with_if_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    before = World(seed=9, a_day=100, days=21).write(tmp_path / "before", segment=None)
    moved = replace(QUIET, shift=1.5, drift_from=0).write(tmp_path)
    found = looked(moved, *TOLD, "--reference", str(before), status=1)
    assert [(alarm["figure"], alarm["of"]) for alarm in found["alarms"]] == [("psi", "x")]
    assert found["reference"]["rows"] == 2100
    assert "the reference has no: segment" in found["notices"]
    assert looked(moved, *TOLD)["alarms"] == [], "by itself it never changed"


def test_a_text_beside_numbers_of_the_reference_is_refused(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    before = QUIET.write(tmp_path / "before", x=["a"] * 6000)
    result = run(QUIET.write(tmp_path), *TOLD, "--reference", str(before))
    assert (result.exit_code, "x: this has numbers, and the reference has not" in result.output) == (2, True)


def test_csv_is_read_as_parquet_is(tmp_path: Path) -> None:
    import pyarrow.csv

    path = QUIET.write(tmp_path)
    pyarrow.csv.write_csv(pq.read_table(path), tmp_path / "log.csv")
    as_csv, as_parquet = looked(tmp_path / "log.csv", *TOLD), looked(path, *TOLD)
    assert as_csv["weeks"] == as_parquet["weeks"]
    assert as_csv["features"] == as_parquet["features"]


def test_metrics_for_prometheus_are_the_figures_under_the_documented_names(tmp_path: Path) -> None:
    path = DRIFTED.write(tmp_path)
    found = looked(path, *TOLD, "--prometheus", str(tmp_path / "rumbo.prom"), status=1)
    families = {one.name: one for one in text_string_to_metric_families((tmp_path / "rumbo.prom").read_text())}
    assert families.keys() == METRICS.keys()
    assert all(families[name].documentation == METRICS[name] for name in METRICS)
    by_label = {
        name: {next(iter(sample.labels.values()), ""): sample.value for sample in one.samples}
        for name, one in families.items()
    }
    newest = [week for week in found["weeks"] if week["kind"] == "all"]
    assert by_label["rumbo_monitor_ratio"]["all"] == newest[0]["ratio_since"]
    assert by_label["rumbo_monitor_week_observed"]["all"] == newest[-1]["observed"]
    assert by_label["rumbo_monitor_alarms"]["calibration"] == len(found["alarms"]) > 0
    assert by_label["rumbo_monitor_alarms"]["stale"] == 0
    assert by_label["rumbo_monitor_psi"].keys() == {"x", "segment"}
    assert by_label["rumbo_monitor_mix_share"] == found["mix"][-1]["shares"]


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    assert run(DRIFTED.write(tmp_path), *TOLD, "--plot", str(tmp_path / "m.png")).exit_code == 1
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_what_nothing_was_expected_of_is_drawn(tmp_path: Path) -> None:
    path = QUIET.write(tmp_path, p=np.zeros(6000))
    assert run(path, *TOLD, "--plot", str(tmp_path / "m.png")).exit_code == 1
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_can_be_read_by_who_collects_them(tmp_path: Path) -> None:
    """node-exporter runs as a user of its own; what the command makes else is for its owner alone."""
    run(QUIET.write(tmp_path), *TOLD, "--prometheus", str(tmp_path / "m.prom"), "--plot", str(tmp_path / "m.png"))
    assert stat.S_IMODE((tmp_path / "m.prom").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "m.png").stat().st_mode) == 0o600


def test_what_the_machine_refuses_is_no_alarm(tmp_path: Path) -> None:
    result = run(tmp_path / ("a" * 300), *TOLD)
    assert (result.exit_code, "File name too long" in result.output) == (2, True)


@pytest.mark.parametrize("option", ["--plot", "--prometheus"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(option: str, tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere.parquet", *TOLD, option, "/dev/null/m")
    assert (result.exit_code, "/dev/null cannot be written" in result.output) == (2, True)


def test_a_fault_of_its_own_is_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A division by zero, say: whoever is woken by 1 would look at the model."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("training.commands.monitor._looked", fail)
    result = run(QUIET.write(tmp_path), *TOLD)
    assert result.exit_code == 2
    assert "ZeroDivisionError" in result.output


def test_the_schema_describes_what_json_has(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["monitor", "--schema"])
    schema = json.loads(result.stdout)
    assert schema["properties"].keys() == looked(QUIET.write(tmp_path), *TOLD).keys()


def exported(place: Path, *, missing: float, stale: float, rows: int = 6000) -> Path:
    """In the form of the export: from the 40th day on visits is missing and score stale, each in such a share."""
    draw, table = np.random.default_rng(7), QUIET.table()
    later = np.arange(rows) >= 4000
    is_missing, is_stale = later & (draw.random(rows) < missing), later & (draw.random(rows) < stale)
    absent = [
        [*([("visits", "NOT_FOUND")] if is_missing[i] else []), *([("score", "STALE")] if is_stale[i] else [])]
        for i in range(rows)
    ]
    source = np.where(np.arange(rows) % 5 == 0, "PRIOR", "MODEL")
    added: dict[str, Any] = {
        "decision_id": [f"d{i}" for i in range(rows)],
        "rank": [1] * rows,
        "eligible": table["journey_id"].combine_chunks(),
        "is_censored": [False] * rows,
        "p_outcome": table["p"].combine_chunks(),
        "score_source": source,
        "absent_features": pa.array(absent, pa.map_(pa.string(), pa.string())),
        "feature_visits": pa.array(draw.poisson(3, rows), mask=is_missing),
        "feature_score": pa.array(draw.normal(size=rows), mask=is_stale),
    }
    return QUIET.write(place, **added, p=None, x=None, segment=None)


def test_an_exported_log_is_judged_as_served_by_a_model_and_its_features_are_all_watched(tmp_path: Path) -> None:
    found = looked(exported(tmp_path, missing=0.0, stale=0.0))
    assert (found["expected_by"], found["rows_judged"], found["rows_without_probability"]) == ("as served", 4800, 1200)
    assert {one["feature"] for one in found["features"]} == {"visits", "score"}
    assert found["alarms"] == []


def test_rows_of_silence_change_nothing_of_what_is_told(tmp_path: Path) -> None:
    """Nothing was expected of them, and each stands among the others: every row keeps its own probability."""
    path = exported(tmp_path, missing=0.3, stale=0.0)
    shown, before = pq.read_table(path), looked(path, status=1)
    nothing = {"journey_id": NO_JOURNEY, "kind": None, "p_outcome": None, "score_source": None, "reward": 0.0}
    rows = [row for told in shown.to_pylist() for row in ([{**told, **nothing}, told] if told["p_outcome"] else [told])]
    pq.write_table(pa.Table.from_pylist(rows, shown.schema), path)
    assert looked(path, status=1) == before


def test_a_log_of_silence_alone_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path, missing=0.0, stale=0.0)
    table = pq.read_table(path)
    place = table.schema.get_field_index("journey_id")
    pq.write_table(table.set_column(place, "journey_id", pa.array([NO_JOURNEY] * table.num_rows)), path)
    result = run(path)
    assert result.exit_code == 2
    assert result.output.endswith("log.parquet: journey_id: nothing was shown in it: every row is of NO_JOURNEY\n")


def test_what_goes_missing_and_what_becomes_stale_are_told_apart(tmp_path: Path) -> None:
    found = looked(exported(tmp_path, missing=0.3, stale=0.2), status=1)
    told = {(alarm["figure"], alarm["of"]): alarm for alarm in found["alarms"]}
    assert {("missing", "visits"), ("stale", "score")} <= told.keys()
    assert not {("missing", "score"), ("stale", "visits")} & told.keys()
    assert told["missing", "visits"]["value"] == pytest.approx(0.3, abs=0.05)
    assert told["stale", "score"]["since"] == "2026-02-09", "the 40th day is the Tuesday after"
    assert "score is too old in " in told["stale", "score"]["text"]


def test_features_may_be_chosen_of_an_exported_log(tmp_path: Path) -> None:
    found = looked(exported(tmp_path, missing=0.3, stale=0.0), "--features", "score")
    assert {one["feature"] for one in found["features"]} == {"score"}


@pytest.fixture(scope="module")
def trained() -> Bundle:
    return bundle()


def of_customers(place: Path, n: int = 2000) -> tuple[Path, list[float]]:
    """A plain log over the features of that bundle, and what it tells; every tenth row is of a journey it never saw."""
    scorer, facts = Scorer(bundle()), customers(n, seed=4)
    at = START + np.arange(n) * np.timedelta64(30, "m")
    columns = {name: [one[name].value for one in facts] for name in facts[0]}
    table = pa.table({"at": pa.array(at).cast(pa.timestamp("us", "UTC")), **columns})
    known = columns_of(table, tuple(columns), "at")
    told = {one.journey_id: scorer.score_columns(known, replace(one, kind="", attributes={})) for one in JOURNEYS}
    journeys = ["stranger" if i % 10 == 0 else JOURNEYS[i % 2].journey_id for i in range(n)]
    p = [float("nan") if one == "stranger" else float(told[one][i]) for i, one in enumerate(journeys)]
    draw = np.random.default_rng(2)
    plain = {
        "customer_id": [f"c{i}" for i in range(n)],
        "decided_at": table["at"].combine_chunks(),
        "journey_id": journeys,
        "reward": (draw.random(n) < np.nan_to_num(p)).astype(np.float64),
        **columns,
    }
    pq.write_table(pa.table(plain), place / "log.parquet")
    return place / "log.parquet", p


def test_a_bundle_tells_what_it_expects_of_the_journeys_that_it_knows(trained: Bundle, tmp_path: Path) -> None:
    path, p = of_customers(tmp_path)
    trained.save(tmp_path / "bundle")
    found = looked(path, "--model", str(tmp_path / "bundle"))
    assert (found["rows_judged"], found["rows_without_probability"]) == (1800, 200)
    assert sum(week["expected"] for week in found["weeks"]) == pytest.approx(float(np.nansum(p)), rel=1e-12)
    assert {one["feature"] for one in found["features"]} <= set(trained.encoder.features_read()[0])
    assert "nothing tells until when the model learnt" in found["notices"][0]


def test_what_the_model_learnt_from_is_the_reference_and_no_proof(trained: Bundle, tmp_path: Path) -> None:
    path, _ = of_customers(tmp_path)
    trained.save(tmp_path / "bundle")
    found = looked(path, "--model", str(tmp_path / "bundle"), "--test-from", "2026-01-20")
    assert (found["judged_from"], found["notices"][:1]) == ("2026-01-20", [])
    assert found["rows_judged"] == sum(i % 10 != 0 for i in range(19 * 48, 2000))
    assert (found["reference"]["begins"], found["reference"]["ends"]) == ("2026-01-01", "2026-01-19")


def test_a_bundle_that_expects_amounts_has_no_probability_to_judge(trained: Bundle, tmp_path: Path) -> None:
    from models.errors import BundleCorrupt
    from tests.decision_logs import simulated
    from training.from_log import Order, train_from_log

    log = simulated(1, rows=600, money=True)
    pq.write_table(log.table, tmp_path / "money.parquet")
    columns = LogColumns(features=log.features)
    learnt = train_from_log(Order(log=tmp_path / "money.parquet", columns=columns), lambda stage: None).bundle
    assert learnt.policy is not None
    amounts = replace(learnt, policy=replace(learnt.policy, reward=replace(learnt.policy.reward, kind=RewardKind.MEAN)))
    with pytest.raises(BundleCorrupt, match="tells an expected reward, and no probability"):
        by_bundle(LogFiles(tmp_path / "money.parquet"), columns, amounts)


def test_a_feature_that_the_model_reads_and_the_log_lacks_is_named(trained: Bundle, tmp_path: Path) -> None:
    path, _ = of_customers(tmp_path)
    pq.write_table(pq.read_table(path).drop_columns(["spend_90d"]), path)
    trained.save(tmp_path / "bundle")
    result = run(path, "--model", str(tmp_path / "bundle"))
    assert (result.exit_code, "spend_90d: there is no such column" in result.output) == (2, True)
    assert PANTRY.journey_id in trained.history
