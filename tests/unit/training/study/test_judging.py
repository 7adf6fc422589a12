"""A log of eight rows that was drawn by a coin, and a policy that always takes the better of two journeys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.log.options import LogColumns
from training.study import judging
from training.study.judging import Judgement
from training.study.shown import Lacking, Picture, Sentence, Table
from training.study.subject import Subject

AT = datetime(2026, 3, 1, tzinfo=UTC)
SHOWN = ["mail", "call", "mail", "call", "mail", "call", "mail", "call"]
REWARD = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, None]


def subject_of(folder: Path, **said: str) -> Subject:
    log = pa.table(
        {
            "customer_id": [str(n) for n in range(8)],
            "decided_at": pa.array([AT + n * timedelta(days=1) for n in range(8)], pa.timestamp("us", "UTC")),
            "journey_id": SHOWN,
            "propensity": [0.5] * 8,
            "reward": pa.array(REWARD, pa.float64()),
            "visits": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        }
    )
    pq.write_table(log, folder / "log.parquet")
    policy = {"row": list(range(8)), "journey_id": ["mail"] * 8, "probability": [1.0] * 8}
    pq.write_table(pa.table(policy), folder / "policy.parquet")
    variables = {"HOME": str(folder / "home"), "LOG": str(folder / "log.parquet")}
    variables |= {"POLICY": str(folder / "policy.parquet"), **said}
    return Subject.of({f"RUMBO_{name}": text for name, text in variables.items()})


@pytest.fixture(scope="module")
def judgement(tmp_path_factory: pytest.TempPathFactory) -> Judgement:
    subject = subject_of(tmp_path_factory.mktemp("judging"), AGAINST="constant:call")
    found = judging.judged(subject, LogColumns(features=("visits",)))
    assert isinstance(found, Judgement), found
    return found


def table(shown: Table | Lacking) -> pd.DataFrame:
    assert isinstance(shown, Table), shown
    return shown.frame


def test_the_log_is_told_in_facts(judgement: Judgement) -> None:
    facts = table(judging.the_log(judgement))[""]
    assert facts["first decision"] == "2026-03-01T00:00:00"
    assert facts["last decision"] == "2026-03-07T00:00:00"
    assert facts["rows judged by"] == "7"
    assert facts["rows left out, for their reward is not known"] == "1"
    assert facts["rows with a reward other than 0"] == "57.1%"  # 4 of 7
    assert facts["rows in which nothing else could have been shown"] == "0.0%"


def test_choices_are_shares_of_the_rows_that_were_judged_by(judgement: Judgement) -> None:
    """Four of seven rows showed the mail; the last row has no reward."""
    found = judging.choices(judgement)
    assert found.index.tolist() == ["mail", "call"]
    assert found["logged"].tolist() == pytest.approx([4 / 7, 3 / 7])
    assert found["policy"].tolist() == [1.0, 0.0]


def test_weights_are_two_where_the_mail_was_shown_and_nothing_where_it_was_not(judgement: Judgement) -> None:
    assert judgement.weights.tolist() == [2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0]


def test_support_is_told_beside_what_is_asked_for(judgement: Judgement) -> None:
    """Four rows of equal weight tell as much as four: far from 100."""
    found = table(judging.support(judgement))["found"]
    assert found["effective sample size"] == "4 of 7"
    assert found["mean weight of a row"] == "1.143"  # 8 / 7
    assert found["largest share of one row in the weight"] == "25.0%"
    assert found["verdict"].startswith("thin · FEW_EFFECTIVE_ROWS")


def test_a_thin_log_is_answered_by_what_to_do(judgement: Judgement) -> None:
    told = str(judging.advice(judgement))
    assert "**FEW_EFFECTIVE_ROWS**: too few decisions" in told
    assert "**ONE_ROW_DOMINATES**" in told
    assert "WITHOUT_SUPPORT" not in told


def test_the_verdict_names_what_it_is_against(judgement: Judgement) -> None:
    """By IPS the mail is worth 2 x 3 / 7, a call 2 x 1 / 7: the difference is positive, and proves nothing here."""
    told = judging.verdict(judgement)
    assert isinstance(told, Sentence)
    assert "Against `constant:call` the policy brings +" in told.text
    assert "**not enough evidence**" in told.text
    values = table(judging.values(judgement))["ips"]
    assert (values["model"], values["constant:call"]) == (round(6 / 7, 4), round(2 / 7, 4))


def test_every_picture_is_drawn(judgement: Judgement) -> None:
    for draw in (judging.picture_of_choices, judging.picture_of_weights, judging.picture_of_values):
        assert isinstance(draw(judgement), Picture)


def test_a_policy_that_is_not_there_is_a_sentence_in_every_cell(tmp_path: Path) -> None:
    lacking = judging.judged(subject_of(tmp_path, AGAINST="no-such-file"), LogColumns(features=("visits",)))
    assert isinstance(lacking, Lacking)
    assert "'no-such-file' is none of logging" in lacking.text
    assert judging.the_log(lacking) is judging.advice(lacking) is lacking
