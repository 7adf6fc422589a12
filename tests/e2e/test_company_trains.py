"""A bank learns from its own export, promotes what it learnt, and serves what it trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from features.company.company import load_company
from models.registry import CHAMPION, fetch_champion, registered
from models.scorer import Scorer
from models.tracking import Registry, client_of
from service.cli import main
from service.decision.journey import NO_JOURNEY
from service.state.export.table import ELIGIBLE
from tests.companies.bank import FIRST_HOLDER, HOLDERS, make_bank
from tests.e2e.test_command_line import rumbo
from tests.e2e.test_second_company import HELP, HOLDER, OF_THE_EXAMPLE, OFFER, asked, ranked, served, tell

RUMBO = """\
company: mybank
customer: {{entity: holder}}
features:
  repo: {repo}
  names: {{cards.rating: card_rating}}
  notes: features.yaml
  derived: {{relationship_days: days_since(first_account_at)}}
training: {{monotone: {{relationship_days: 1}}}}
catalogue: catalogue/
"""
NOTES = "balance: {personal_data: sensitive}\n"
KINDS = {OFFER: "promotional", HELP: "service"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def history(repo: Path, rows: int = 600, *, days_ago: int = 90, every_minutes: int = 144, seed: int = 7) -> pa.Table:
    """Randomised decisions, of 60 days that ended a month ago: who has more accounts takes the offer more often."""
    draw = np.random.default_rng(seed)
    accounts = pq.read_table(repo / "data" / "accounts.parquet").to_pylist()
    at = datetime.now(UTC) - timedelta(days=days_ago)
    holders = draw.integers(0, HOLDERS, rows)
    journeys = [(OFFER, HELP)[i] for i in draw.integers(0, 2, rows)]
    facts = [accounts[i] for i in holders]
    chance = [0.1 + 0.2 * f["accounts_open"] * (j == OFFER) for f, j in zip(facts, journeys, strict=True)]
    eligible = [
        {"journey_id": j, "place": "RANKED", "rank": 1, "p_outcome": None, "score_source": None, "propensity": 0.5}
        for j in KINDS
    ]
    return pa.table(
        {
            "customer_id": [str(FIRST_HOLDER + i) for i in holders],
            "decided_at": pa.array(
                [at + timedelta(minutes=every_minutes * i) for i in range(rows)], pa.timestamp("us", tz="UTC")
            ),
            "journey_id": journeys,
            "kind": [KINDS[j] for j in journeys],
            "propensity": [0.5] * rows,
            "eligible": pa.array([eligible] * rows, pa.list_(ELIGIBLE)),
            "reward": (draw.random(rows) < chance).astype(np.float64),
            "feature_balance": pa.array([f["balance"] for f in facts], pa.float64()),
            "feature_rating": [f["rating"] for f in facts],
            "feature_accounts_open": pa.array([f["accounts_open"] for f in facts], pa.int64()),
            "feature_first_account_at": pa.array([f["first_account_at"] for f in facts], pa.timestamp("us", tz="UTC")),
        }
    )


def exported(table: pa.Table) -> pa.Table:
    """With the columns by which an export is known."""
    ids = pa.array([f"d{i}" for i in range(len(table))])
    ranks, censored = pa.array([1] * len(table), pa.int32()), pa.array([False] * len(table))
    return table.append_column("decision_id", ids).append_column("rank", ranks).append_column("is_censored", censored)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a history, and a first model trained from the export of it."""
    place = tmp_path_factory.mktemp("trains")
    bank = make_bank(place / "existing", wealth=None)
    (bank.folder / "rumbo.yaml").unlink()
    folder = place / "mybank"
    assert rumbo("init", str(folder), "--feast", str(bank.repo)).returncode == 0
    (folder / "rumbo.yaml").write_text(RUMBO.format(repo=bank.repo), encoding="utf-8")
    (folder / "features.yaml").write_text(NOTES, encoding="utf-8")
    (place / "log").mkdir()
    pq.write_table(history(bank.repo), place / "log" / "log.parquet")
    said("state", "import", "--company", str(folder), str(place / "log"))
    told = said("train", "--company", str(folder))
    assert "champion, the first of all" in told
    assert "sensitive, not let in by `training.sensitive`: balance" in told
    return folder


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert not OF_THE_EXAMPLE.search(done.output)
    return done.exit_code, done.output


def said(*arguments: str) -> str:
    status, output = run(*arguments)
    assert status == 0, output
    return output


def looked(company: Path, *options: str, status: int = 0) -> dict[str, Any]:
    """What `rumbo monitor` has found, that nothing could be judged of, where it ends with 2."""
    ended, output = run("monitor", "--company", str(company), *options, "--json")
    assert ended == status, output
    found: dict[str, Any] = json.JSONDecoder().raw_decode(output[output.index("{") :])[0]
    return found


def rows_in(folder: Path) -> list[Mapping[str, object]]:
    """Those of journeys."""
    files = sorted(folder.glob("**/decisions.parquet"))
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    return [row for row in rows if row["journey_id"] != NO_JOURNEY]


def registry_of(company: Path) -> Registry:
    return Registry.of(load_company(company), company / ".rumbo")


def test_what_is_served_is_what_was_trained_and_a_changed_log_is_refused(company: Path, tmp_path: Path) -> None:
    champion = fetch_champion(registry_of(company))
    assert {"accounts_open", "relationship_days"} <= set(champion.encoder.columns)
    assert "balance" not in champion.encoder.columns
    (card,) = (company / ".rumbo" / "mlflow" / "artifacts").rglob("card.md")
    assert "balance" in card.read_text(encoding="utf-8").partition("## Parity")[0]
    with served(company) as (client, _):
        tell(client, "consent.granted", purpose="marketing", channel="app")
        answer = asked(client)
        assert set(ranked(answer)) == {OFFER, HELP}
        assert answer.model_version == champion.version
        by_journey = {journey.journey_id: journey.p_outcome for journey in answer.ranked}
    told = said("train", "--company", str(company))
    assert "2 rows that a model scored were scored again: alike" in told
    assert "challenger" in told
    export = company / ".rumbo" / "export"
    rows = [row for row in rows_in(export) if row["decision_id"] == answer.decision_id]
    assert {str(row["journey_id"]): row["p_outcome"] for row in rows} == by_journey
    assert {row["customer_id"] for row in rows} == {HOLDER}
    assert Scorer(champion).history == {OFFER, HELP}

    altered = Path(shutil.copytree(export, tmp_path / "altered"))
    (file,) = [f for f in altered.rglob("decisions.parquet") if answer.decision_id in str(rows_in(f.parent))]
    table = pq.ParquetFile(file).read()
    place = table.column_names.index("feature_accounts_open")
    pq.write_table(table.set_column(place, "feature_accounts_open", pa.nulls(len(table), pa.int64())), file)
    status, output = run("train", "--company", str(company), "--log", str(altered))
    assert status == 2
    assert f"row 0: p_outcome: model {champion.version} gives" in output


def test_a_challenger_without_proof_is_promoted_by_force_alone_and_a_lost_feature_is_told_by_name(
    company: Path,
) -> None:
    """What the company can no longer fill is neither promoted nor served; its priors order the journeys."""
    for nowhere in (("promote", "9"), ("promote", "9", "--force")):
        status, output = run(*nowhere, "--company", str(company))
        assert (status, "the model mybank has no version 9; there are: 1" in output) == (1, True)
    for version in ((), ("2",)):
        status, output = run("promote", *version, "--company", str(company))
        assert (status, "version 1 stays champion: not enough evidence" in output) == (3, True), output
    told = said("promote", "2", "--company", str(company), "--force")
    assert "version 2 of mybank is champion, in place of 1" in told
    assert "version 1 of mybank is champion again, in place of 2" in said("rollback", "--company", str(company))
    assert "version 2 of mybank is champion again, in place of 1" in said("rollback", "--company", str(company))
    status, output = run("promote", "2", "--company", str(company))
    assert (status, "version 2 is the champion" in output) == (2, True)
    assert [one.number for one in registered(registry_of(company)) if CHAMPION in one.aliases] == ["2"]
    file = company / "rumbo.yaml"
    before = file.read_text(encoding="utf-8")
    lost = before.replace("  derived: {relationship_days: days_since(first_account_at)}\n", "").replace(
        "training: {monotone: {relationship_days: 1}}\n", ""
    )
    file.write_text(lost, encoding="utf-8")
    status, output = run("promote", "1", "--company", str(company), "--force")
    assert status == 1
    assert "relationship_days: there is no such feature" in output
    doctor = json.loads(run("doctor", "--company", str(company), "--port", "0", "--json")[1])
    (model,) = [finding for finding in doctor if finding["check"] == "model"]
    assert "relationship_days: there is no such feature" in model["text"]
    with served(company) as (client, _):
        tell(client, "consent.granted", purpose="marketing", channel="app")
        answer = asked(client)
        assert answer.model_version == ""
        assert [degraded.what for degraded in answer.degraded] == ["model"]
    told = said("train", "--company", str(company))
    assert "it reads what the company has no longer: relationship_days" in told
    file.write_text(before, encoding="utf-8")


def test_it_is_watched_by_its_own_export_and_each_look_is_a_run(company: Path) -> None:
    """Nothing of 600 rows that an import brought tells a probability, and they are few: it says so, with figures."""
    found = looked(company, "--mlflow", status=2)  # of fewer than 200 customers nothing would raise an alarm
    assert found["log"] == str(company / ".rumbo" / "export")
    assert {one["feature"] for one in found["features"]} >= {"accounts_open", "first_account_at", "balance"}
    assert sum(week["rows"] for week in found["mix"]) >= 600
    assert found["calibration_not_judged"].startswith("no row in that time has both")
    registry = registry_of(company)
    with client_of(registry) as client:
        experiment = client.get_experiment_by_name(f"{registry.experiment}-monitor")
        assert experiment is not None
        (run_of_look,) = client.search_runs([experiment.experiment_id])
        assert run_of_look.data.metrics["alarms"] == len(found["alarms"])
        assert "psi.accounts_open" in run_of_look.data.metrics
        names = {file.path for file in client.list_artifacts(run_of_look.info.run_id)}
    assert names == {"monitor.png", "monitor.json"}


def test_a_model_is_judged_by_what_came_after_it_had_learnt(company: Path) -> None:
    """Its run began a moment ago, so that nothing of the history is proof."""
    found = looked(company, "--model", "champion", status=2)
    assert found["expected_by"].startswith("model ")
    assert (found["rows_judged"], found["judged_from"]) == (0, f"{datetime.now(UTC):%Y-%m-%d}")


def test_a_home_that_training_made_is_the_companys(company: Path, tmp_path: Path) -> None:
    """The first thing that a company does may be to learn from a log; the next finds the home again."""
    asked = ("train", "--company", str(company), "--home", str(tmp_path / "home"))
    log = ("--log", str(company / ".rumbo" / "export"))

    first = said(*asked, *log)
    second = said(*asked, *log)

    assert "version 1 of mybank, champion" in first
    assert "version 2 of mybank, challenger" in second


def test_what_its_history_lacks_is_filled_in_beside_its_own_export_and_learnt_from(
    company: Path, tmp_path: Path
) -> None:
    """The imported decisions came without the cards' features; those that were served have them."""
    told = said("backfill", "--company", str(company), "--out", str(tmp_path / "filled"))
    assert "claims_open" in told
    before, filled = rows_in(company / ".rumbo" / "export"), rows_in(tmp_path / "filled")
    assert [row["decision_id"] for row in filled] == [row["decision_id"] for row in before]
    own = {name: cell for name, cell in before[0].items() if not name.startswith("feature_")}
    for old, new in zip(before, filled, strict=True):
        absent, said_before = dict(list_of(new["absent_features"])), dict(list_of(old["absent_features"]))
        assert said_before.items() <= absent.items()
        assert {name: new[name] for name in own if name != "absent_features"} == {
            name: old[name] for name in own if name != "absent_features"
        }
        assert absent.get("claims_open") or new["feature_claims_open"] is not None
    told = said("train", "--company", str(company), "--log", str(tmp_path / "filled"))
    assert "2 rows that a model scored were scored again: alike" in told


def list_of(cell: object) -> list[tuple[str, str]]:
    assert isinstance(cell, list)
    return cell


def test_a_challenger_that_is_proven_better_is_promoted_and_its_run_has_the_verdict(
    company: Path, tmp_path: Path
) -> None:
    """The champion learned from shuffled rewards; both are judged by decisions of the month after."""
    repo = load_company(company).feature_repo
    learnt, later = exported(history(repo)), exported(history(repo, 3000, days_ago=28, every_minutes=12, seed=8))
    mixed = np.random.default_rng(0).permutation(learnt["reward"].to_numpy())
    shuffled = learnt.set_column(learnt.column_names.index("reward"), "reward", pa.array(mixed))
    for name, table in (("learnt", learnt), ("shuffled", shuffled), ("later", later)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    asked = ("--company", str(company), "--log")
    said("train", *asked, str(tmp_path / "shuffled.parquet"), "--no-guard")
    said("promote", "--company", str(company), "--force")
    before = [one.number for one in registered(registry_of(company)) if CHAMPION in one.aliases]
    said("train", *asked, str(tmp_path / "learnt.parquet"), "--no-guard")
    verdict = json.loads(said("promote", *asked, str(tmp_path / "later.parquet"), "--json"))
    assert (verdict["result"], [verdict["champion"]]) == ("better", before)
    assert {one["check"]: one["is_passed"] for one in verdict["checks"]} == dict.fromkeys(
        ("difference", "calibration", "constraints", "support"), True
    )
    champion = [one.number for one in registered(registry_of(company)) if CHAMPION in one.aliases]
    assert champion == [verdict["challenger"]]
    assert any(
        "| difference | yes |" in file.read_text(encoding="utf-8")
        for file in (company / ".rumbo" / "mlflow" / "artifacts").rglob("verdicts/*.md")
    )
