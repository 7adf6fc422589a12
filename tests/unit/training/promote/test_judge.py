"""Verdicts on logs whose truth is known: what is worse is refused, what is better proven, what is too little said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.bundle import Bundle
from tests.decision_logs import START, simulated
from training.from_log import Order, train_from_log
from training.log.options import LogColumns
from training.off_policy.clusters import Clusters
from training.promote.calibration import calibration_difference
from training.promote.judge import Contender, Contest, LearntUnknown, judge
from training.promote.verdict import Check, Checked, Result, Verdict

KEPT = Checked(check=Check.CONSTRAINTS, is_passed=True, told="nothing was replayed")
LEARNT_ROWS, ROWS = 3000, 9000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A log, of which the first rows were learnt from: as they came, and with their rewards shuffled."""

    log: Path
    columns: LogColumns
    good: Bundle
    shuffled: Bundle


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    place = tmp_path_factory.mktemp("judged")
    drawn = simulated(3, rows=ROWS, heterogeneity=1.5, met_share=0.3)
    hours = pa.array(START + np.arange(ROWS) * np.timedelta64(1, "h")).cast(pa.timestamp("us", "UTC"))
    table = drawn.table.set_column(drawn.table.column_names.index("decided_at"), "decided_at", hours)
    columns = LogColumns(features=drawn.features, categorical=("segment",))

    def learnt(name: str, rows: pa.Table) -> Bundle:
        pq.write_table(rows, place / name)
        order = Order(log=place / name, columns=columns, folds=2, guarded=False)
        return train_from_log(order, lambda stage: None).bundle

    first = table.slice(0, LEARNT_ROWS)
    mixed = np.random.default_rng(0).permutation(first["reward"].to_numpy())
    at = first.column_names.index("reward")
    pq.write_table(table, place / "log.parquet")
    return World(
        log=place / "log.parquet",
        columns=LogColumns(),
        good=learnt("first.parquet", first),
        shuffled=learnt("shuffled.parquet", first.set_column(at, "reward", pa.array(mixed))),
    )


def verdict(
    world: World,
    challenger: Bundle,
    champion: Bundle,
    *,
    constraints: Checked = KEPT,
    others: Sequence[float] = (),
    limit: float = 0.0,
) -> Verdict:
    contest = Contest(
        log=world.log,
        columns=world.columns,
        challenger=Contender(number="2", bundle=challenger),
        champion=Contender(number="1", bundle=champion),
        constraints=lambda since: constraints,
        others=lambda since, until: others,
        limit=limit,
    )
    return judge(contest, lambda stage: None)


@pytest.fixture(scope="module")
def better(world: World) -> Verdict:
    return verdict(world, world.good, world.shuffled)


def passed(found: Verdict) -> dict[Check, bool]:
    return {one.check: one.is_passed for one in found.checks}


def test_a_bundle_says_until_when_it_learned_and_only_later_rows_are_judged_by(
    world: World, better: Verdict, tmp_path: Path
) -> None:
    last = START + (LEARNT_ROWS - 1) * np.timedelta64(1, "h")
    assert world.good.learned_until == last.item().replace(tzinfo=UTC)
    world.good.save(tmp_path)
    assert Bundle.load(tmp_path).learned_until == world.good.learned_until
    assert better.decisions == ROWS - LEARNT_ROWS


def test_a_better_challenger_is_proven_better(better: Verdict) -> None:
    found = better
    assert found.result is Result.BETTER
    assert set(passed(found).values()) == {True}
    assert found.difference is not None
    assert 0.0 < found.difference.low < found.difference.value < found.difference.high


def test_a_worse_challenger_whose_labels_were_shuffled_is_refused(world: World) -> None:
    found = verdict(world, world.shuffled, world.good)
    assert found.result is Result.REFUSED
    assert not passed(found)[Check.DIFFERENCE]
    assert "which is proven" in found.checks[0].told


def test_too_little_data_is_not_enough_evidence_and_says_how_much_more_it_takes(world: World, tmp_path: Path) -> None:
    few = replace(world, log=tmp_path / "few.parquet")
    pq.write_table(pq.read_table(world.log).slice(0, LEARNT_ROWS + 300), few.log)
    found = verdict(few, world.good, world.shuffled)
    assert found.result is Result.NOT_ENOUGH_EVIDENCE
    assert found.difference is not None
    assert found.difference.more_needed is not None
    assert f"about {found.difference.more_needed:,} decisions more" in found.checks[0].told


def test_without_any_later_row_there_is_not_enough_evidence(world: World, tmp_path: Path) -> None:
    none = replace(world, log=tmp_path / "none.parquet")
    pq.write_table(pq.read_table(world.log).slice(0, LEARNT_ROWS), none.log)
    found = verdict(none, world.good, world.shuffled)
    assert (found.result, found.decisions, found.difference) == (Result.NOT_ENOUGH_EVIDENCE, 0, None)


def test_the_same_policy_twice_is_never_better(world: World) -> None:
    found = verdict(world, world.good, world.good)
    assert found.difference is not None
    assert (found.difference.value, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)
    assert not passed(found)[Check.DIFFERENCE]


def test_a_gain_below_the_limit_is_no_gain(world: World, better: Verdict) -> None:
    assert better.difference is not None
    assert verdict(world, world.good, world.shuffled, limit=better.difference.high).result is Result.REFUSED


def test_what_is_earned_is_less_what_it_costs_to_say_it(world: World) -> None:
    """The challenger does not know that a journey costs more than any brings: by rewards alone it would be no worse."""
    assert world.good.policy is not None
    dear = replace(world.good, policy=replace(world.good.policy, costs={"j0": 5.0}))
    found = verdict(world, world.good, dear)
    assert found.result is Result.REFUSED
    assert found.difference is not None
    assert found.difference.high < -0.5


def test_too_few_effective_decisions_say_how_many_more_it_takes(world: World, tmp_path: Path) -> None:
    few = replace(world, log=tmp_path / "few.parquet")
    pq.write_table(pq.read_table(world.log).slice(0, LEARNT_ROWS + 150), few.log)
    found = next(one for one in verdict(few, world.good, world.shuffled).checks if one.check is Check.SUPPORT)
    assert not found.is_passed
    assert not found.is_settled
    assert "decisions more like these would be enough" in found.told


def test_a_violated_constraint_refuses_what_is_better(world: World) -> None:
    violated = replace(KEPT, is_passed=False)
    assert verdict(world, world.good, world.shuffled, constraints=violated).result is Result.REFUSED


def test_other_challengers_on_the_same_rows_widen_the_interval(world: World, better: Verdict) -> None:
    alone, beside = better, verdict(world, world.good, world.shuffled, others=(0.5, 0.7, 0.9))
    assert alone.difference is not None
    assert beside.difference is not None
    assert beside.difference.level == pytest.approx(alone.difference.level / 4)
    assert beside.difference.low < alone.difference.low


def test_a_bundle_that_does_not_say_until_when_it_learned_is_refused(world: World) -> None:
    with pytest.raises(LearntUnknown, match="version 1 does not say"):
        verdict(world, world.good, replace(world.shuffled, learned_until=None))


def test_rows_are_later_than_what_either_learned(world: World) -> None:
    later = datetime.fromisoformat("2027-03-01T00:00:00+00:00")
    assert verdict(world, replace(world.good, learned_until=later), world.shuffled).decisions == 0
    assert verdict(world, world.good, replace(world.shuffled, learned_until=later)).decisions == 0


def test_a_verdict_is_a_table_in_markdown_and_json(better: Verdict) -> None:
    found = better
    text, document = found.markdown(), found.document()
    assert text.startswith("# Version 2 against 1: better\n")
    assert text.count("| yes |") == len(Check)
    assert (document["result"], document["decisions"]) == ("better", ROWS - LEARNT_ROWS)


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_probabilities_that_miss_by_more_are_proven_worse_calibrated(factor: float) -> None:
    draw = np.random.default_rng(5)
    p = draw.uniform(0.1, 0.5, 4000)
    met = (draw.random(4000) < p).astype(np.float64)
    customers = Clusters.of(np.arange(4000) // 4)
    found = calibration_difference(p * factor, p, met, customers)
    assert found.low > 0.0
    assert found.value == pytest.approx(abs(factor - 1.0) * 0.3, abs=0.03)
    assert calibration_difference(p, p * factor, met, customers).high < 0.0


def test_probabilities_that_are_alike_differ_by_nothing() -> None:
    p = np.random.default_rng(6).uniform(0.1, 0.5, 500)
    found = calibration_difference(p, p, np.zeros(500), Clusters.of(np.arange(500)))
    assert (found.value, found.se) == (0.0, 0.0)
