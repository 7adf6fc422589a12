"""The notebooks, run on the example and on a bank; what they say is counted again from the tables."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from features.company.company import load_company
from models.registry import registered
from models.tracking import Registry, client_of
from service.cli import main
from service.decision.journey import NO_JOURNEY
from tests.companies.bank import FIRST_HOLDER, HOLDERS, NOW
from tests.companies.bank_catalogue import (
    CARD,
    CES_SURVEY,
    DEPOSIT,
    LOAN,
    NPS_SURVEY,
    OPEN_DOOR,
    OUT_OF_REACH,
    OUTRANKED,
)
from tests.example import EXAMPLE
from tests.fixtures_logs import CompanyLog
from tests.fixtures_service import records_in
from tests.notebooks import Executed, executed

JUDGE, TRAIN, RULES = "judge_a_policy_offline", "train_and_compare", "which_rules_cost_what"
FOR_WHOM = {"AUDIENCE", "STAGE", "NOT_VALID_NOW"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def ran(name: str, of: CompanyLog, folder: Path, **variables: str | Path) -> Executed:
    said = {"company": of.company, "home": of.home, "log": of.export} | variables
    found = executed(name, folder, **said)
    assert found.strange == []
    return found


def rows_of(export: Path, columns: Iterable[str]) -> pd.DataFrame:
    """The rows of the first table that are of a journey, read file by file."""
    files = sorted(export.glob("day=*/decisions.parquet"))
    tables = [pq.ParquetFile(file).read(columns=[*dict.fromkeys((*columns, "journey_id"))]) for file in files]
    rows: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return rows[rows["journey_id"] != NO_JOURNEY].reset_index(drop=True)


def test_where_nothing_is_drawn_by_chance_the_log_of_the_example_is_thin(
    example_log: CompanyLog, tmp_path: Path
) -> None:
    """Every propensity is 1, so whatever the champion's policy takes beside what was shown has no support."""
    found = ran(JUDGE, example_log, tmp_path, slot="1")

    rows = rows_of(example_log.export, ("rank", "reward", "propensity"))
    known = rows[(rows["rank"] == 1) & rows["reward"].notna()]
    told = found.text("the_log")
    assert f"{len(known):,}" in told
    assert (known["propensity"] == 1.0).all()
    assert "100.0%" in told
    assert "thin" in found.text("judging.support(")
    assert "WITHOUT_SUPPORT" in found.text("judging.support(")
    assert "not enough evidence" in found.text("judging.verdict")
    assert "Draw what is shown by chance for a while" in found.text("judging.advice")
    assert found.pictures == 3


def test_a_pilot_of_the_bank_proves_what_the_pilot_was_made_of(bank_log: CompanyLog, tmp_path: Path) -> None:
    """Who has three accounts or more takes the deposit more often than the card, who has fewer the card."""
    truth = write_pilot(bank_log.company, tmp_path)
    pilot, policy = tmp_path / "pilot.parquet", tmp_path / "policy.parquet"
    found = ran(JUDGE, bank_log, tmp_path, log=pilot, policy=policy, against=f"constant:{CARD}")

    assert "**better**: the gain is proven" in found.text("judging.verdict")
    assert "can be relied on" in found.text("judging.advice")
    low, high = (
        float(word) for word in found.text("judging.verdict").split("interval ")[1].split(" (")[0].split(" to ")
    )
    assert low < truth < high


def write_pilot(company: Path, folder: Path, contacts: int = 6000) -> float:
    """Writes what a coin decided for these contacts, and a policy. Returns: its true gain over the card for all."""
    draw = np.random.default_rng(13)
    accounts = pq.read_table(company / "feast" / "data" / "accounts.parquet")["accounts_open"].to_numpy()
    holder = draw.integers(0, HOLDERS, contacts)
    is_deposit = draw.random(holder.size) < 0.5
    of_deposit, of_card = 0.1 * accounts, np.full(accounts.size, 0.25)
    met = draw.random(holder.size) < np.where(is_deposit, of_deposit[holder], of_card[holder])
    at = NOW - pd.Timedelta(days=90)
    facts = pq.read_table(company / "feast" / "data" / "accounts.parquet").take(holder)
    log = {
        "customer_id": [str(FIRST_HOLDER + n) for n in holder],
        "decided_at": pa.array([at + n * pd.Timedelta(minutes=10) for n in range(holder.size)]),
        "journey_id": np.where(is_deposit, DEPOSIT, CARD).tolist(),
        "propensity": [0.5] * holder.size,
        "reward": met.astype(np.float64),
        **{name: facts[name] for name in ("balance", "rating", "accounts_open")},
    }
    pq.write_table(pa.table(log), folder / "pilot.parquet")
    takes = accounts[holder] >= 3
    policy = {
        "row": list(range(holder.size)),
        "journey_id": np.where(takes, DEPOSIT, CARD).tolist(),
        "probability": [1.0] * holder.size,
    }
    pq.write_table(pa.table(policy), folder / "policy.parquet")
    return float(np.where(accounts >= 3, of_deposit - of_card, 0.0)[holder].mean())


def test_the_champion_of_the_example_is_measured_by_what_it_told_when_it_decided(
    example_log: CompanyLog, tmp_path: Path
) -> None:
    """It ranked every row of this log: those that it knows by its model, all others by priors."""
    found = ran(TRAIN, example_log, tmp_path)

    rows = rows_of(example_log.export, ("reward", "p_outcome", "score_source"))
    known = rows[rows["reward"].notna()]
    told = found.text("what_it_learnt_from")
    assert f"learnt from **{len(known):,} rows** of 100 customers" in told
    by_model, by_prior = (rows["score_source"] == source for source in ("MODEL", "PRIOR"))
    assert f"Parity: {by_model.sum():,} rows that a model scored were scored again: alike" in told
    assert "sensitive, not let in by `training.sensitive`: income_band, marital_status" in told
    lost = np.where(known["reward"] != 0.0, -np.log(known["p_outcome"]), -np.log1p(-known["p_outcome"]))
    figures = found.table("measures_of_both")
    assert float(figures["champion"]["log_loss"]) == round(float(lost.mean()), 4)
    assert float(figures["challenger"]["log_loss"]) < float(figures["champion"]["log_loss"])
    verdict, strangers = found.text("comparing.verdict"), by_prior & rows["reward"].notna()
    assert "**the challenger is better**" in verdict
    assert f"{strangers.sum():,} rows are of journeys that the champion does not know" in verdict
    rate = float(known["reward"].ne(0.0).mean())
    constant = float(found.table("comparing.measures(")["constant"]["brier"])
    assert constant == pytest.approx(rate * (1.0 - rate), abs=0.005)
    assert "Nothing was registered" in found.text("comparing.registered")
    assert found.pictures == 4


def test_the_bank_gets_a_challenger_beside_the_champion_of_its_pilot(bank_log: CompanyLog, tmp_path: Path) -> None:
    write_pilot(bank_log.company, tmp_path, contacts=800)
    home = tmp_path / "home"
    log = ("--log", tmp_path / "pilot.parquet", "--home", home, "--company", bank_log.company)
    trained = CliRunner().invoke(main, ["train", *map(str, log)])
    assert trained.exit_code == 0, trained.output
    found = ran(TRAIN, bank_log, tmp_path, home=home, register="yes")

    registry = Registry.of(load_company(bank_log.company), home)
    assert {one.number: one.aliases for one in registered(registry)} == {"1": ("champion",), "2": ("challenger",)}
    assert "Registered as version 2 of mybank, challenger" in found.text("comparing.registered")
    with client_of(registry) as client:
        (version,) = [v for v in client.search_model_versions("name = 'mybank'") if str(v.version) == "2"]
        logged = client.get_run(str(version.run_id)).data.metrics
    assert float(found.table("comparing.measures(")["model"]["auc"]) == round(logged["model.auc"], 4)
    assert float(found.table("measures_of_both")["challenger"]["log_loss"]) == round(logged["model.log_loss"], 4)
    assert "**the challenger is better**" in found.text("comparing.verdict")
    promotional = found.table("comparing.slices")["kind promotional"]
    assert int(promotional["rows"]) == sum(bank_log.told.presented[name] for name in (DEPOSIT, CARD, LOAN))
    assert found.pictures == 4


def test_a_company_without_a_model_is_told_to_train_one(bank_log: CompanyLog, tmp_path: Path) -> None:
    found = ran(JUDGE, bank_log, tmp_path)

    told = found.text("judging.the_log")
    assert told.startswith("**Nothing to show:**")
    assert "run `rumbo train`" in told
    assert found.text("judging.advice") == told
    assert found.pictures == 0
    found = ran(TRAIN, bank_log, tmp_path, home=tmp_path / "home")
    assert "run `rumbo train`" in found.text("comparing.verdict")
    assert found.pictures == 4


class Recorded:
    """What the records of a store say of rules, counted one by one."""

    def __init__(self, of: CompanyLog) -> None:
        self.records = list(records_in(of.home).values())
        self.rejected = [
            (record, journey, codes)
            for record in self.records
            for journey, codes in record["output"]["rejected"].items()
        ]
        self.ranked = {ranked["journey_id"] for record in self.records for ranked in record["output"]["ranked"]}
        self.counts = Counter(code for _, _, codes in self.rejected for code in set(codes))
        catalogue = next(of.company.glob("catalogue"), EXAMPLE)
        policies = yaml.safe_load((catalogue / "policies.yaml").read_text(encoding="utf-8"))
        journeys = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in catalogue.glob("journeys/*.yaml")]
        self.value = {one["journey"]: one["objective"]["value"] for one in journeys}
        self.prior = {one["journey"]: one.get("prior", policies["priors"][one["kind"]]) for one in journeys}
        self.expects = {a["id"]: a["expects"] for one in journeys for stage in one["stages"] for a in stage["actions"]}

    @property
    def candidates(self) -> int:
        outputs = [record["output"] for record in self.records]
        return sum(len(out["ranked"]) + len(out["eligible"]) + len(out["rejected"]) for out in outputs)

    def best_withheld(self, costs: Mapping[tuple[str, str], float]) -> Mapping[str, float]:
        """By rule that limits: the best journey of each decision that it alone denied.

        Args:
            costs: by journey and channel; under the channel "" on any.
        """
        scored: dict[str, list[float]] = defaultdict(list)
        for record in self.records:
            if record["output"]["ranked"]:
                for journey, (p_outcome, _) in record["input"]["scores"].items():
                    scored[journey].append(p_outcome)
        best: dict[tuple[str, int], float] = defaultdict(float)
        for record, journey, codes in self.rejected:
            if len(set(codes)) == 1 and codes[0] not in FOR_WHOM:
                p_outcome = float(np.mean(scored[journey])) if scored[journey] else self.prior[journey]
                cost = costs.get((journey, record["input"]["channel"]), costs.get((journey, ""), 0.0))
                key = codes[0], id(record)
                best[key] = max(best[key], p_outcome * self.value[journey] - cost)
        totals: dict[str, float] = defaultdict(float)
        for (rule, _), amount in best.items():
            totals[rule] += amount
        return totals


def costs_of(rows: pd.DataFrame) -> Mapping[tuple[str, str], float]:
    """The mean cost of what was ranked, by journey and channel, and under the channel "" on any."""
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)
    for journey, channel, cost in rows[["journey_id", "channel", "cost"]].itertuples(index=False):
        costs[str(journey), str(channel)].append(cost)
        costs[str(journey), ""].append(cost)
    return {key: float(np.mean(listed)) for key, listed in costs.items()}


@pytest.fixture(scope="module")
def example_rules(example_log: CompanyLog, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return ran(RULES, example_log, tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def bank_rules(bank_log: CompanyLog, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return ran(RULES, bank_log, tmp_path_factory.mktemp("rules"))


@pytest.fixture(params=["example", "bank"])
def company(request: pytest.FixtureRequest) -> tuple[CompanyLog, Executed]:
    """Each, and what the notebook says of it."""
    return request.getfixturevalue(f"{request.param}_log"), request.getfixturevalue(f"{request.param}_rules")


def test_which_rules_cost_what_is_what_the_records_say(company: tuple[CompanyLog, Executed]) -> None:
    of, found = company
    recorded = Recorded(of)

    told = found.text("rules.summary")
    (most, denied), *_ = recorded.counts.most_common(1)
    assert f"{len(recorded.records):,} decisions had {recorded.candidates:,} candidates" in told
    assert f"of which {len(recorded.rejected):,} were denied" in told
    assert f"**{most}** denies most: {denied:,}" in told
    funnel = found.table("rules.denials")
    assert {rule: int(row["denied"]) for rule, row in funnel.items()} == dict(recorded.counts)

    candidates = {journey for _, journey, _ in recorded.rejected} | recorded.ranked
    candidates |= {journey for record in recorded.records for journey in record["output"]["eligible"]}
    assert found.table("rules.journeys_never_shown").keys() == candidates - recorded.ranked

    rows = rows_of(of.export, ("journey_id", "channel", "cost"))
    best = recorded.best_withheld(costs_of(rows))
    dearest = max(best, key=lambda rule: best[rule])
    assert f"**{dearest}** withholds most: at most {best[dearest]:,.2f}" in found.text("rules.dearest_rule")
    assert found.pictures == 5


def test_the_bank_is_told_which_journeys_never_win_and_what_its_holders_answered(
    bank_log: CompanyLog, bank_rules: Executed
) -> None:
    """One has an audience that nobody is in; the other is allowed wherever the open door is, which comes before it."""
    found = bank_rules
    never = found.table("rules.journeys_never_shown")
    assert never[OUT_OF_REACH]["why"] == "never allowed: AUDIENCE denies it every time"
    assert never[OUTRANKED]["why"].startswith(f"always allowed, and outranked, most often by {OPEN_DOOR} (")

    answered = bank_log.told.answers
    told = found.table("rules.answers")
    assert float(told[f"{CES_SURVEY} need"]["ces"]) == round(float(np.mean(answered[CES_SURVEY])), 1)
    scores = np.array(answered[NPS_SURVEY])
    score = 100.0 * (np.mean(scores >= 9) - np.mean(scores <= 6))
    assert float(told[f"{NPS_SURVEY} need"]["nps"]) == round(float(score), 1)

    met = bank_log.told.met
    results = found.table("rules.what_came_of_it")
    assert int(results[f"{OPEN_DOOR} need"]["met"]) == met[OPEN_DOOR]
    assert int(results[f"{NPS_SURVEY} need"]["presented"]) == bank_log.told.presented[NPS_SURVEY]
    actions = results[f"{DEPOSIT} purchase"]["actions"]
    assert actions == f"{DEPOSIT}-sign: signs the contract"


def test_a_log_without_the_second_table_is_a_sentence_in_every_cell(bank_log: CompanyLog, tmp_path: Path) -> None:
    export = tmp_path / "export"
    shutil.copytree(bank_log.export, export, ignore=shutil.ignore_patterns("_denials"))
    found = ran(RULES, bank_log, tmp_path, log=export)

    told = found.text("rules.summary")
    assert told.startswith("**Nothing to show:**")
    assert "no table of what was denied" in told
    assert found.text("rules.answers") == told
