"""A challenger, trained from a log, looked at from all sides and measured against the champion on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.columns.encode import matrix_for
from models.bundle import Bundle
from models.learnt import RewardKind
from models.registry import CHAMPION
from models.scorer import Scorer
from models.valuation import Valuation, row_of
from training import pictures
from training.company import CompanyModels
from training.from_log import Order, Trained, instant, train_from_log
from training.learn.losses import log_losses
from training.learn.measures import measured
from training.log.cells import numbers
from training.log.decisions import read_choices
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.off_policy.clusters import Clusters
from training.off_policy.estimators import Scores
from training.off_policy.intervals import Estimate, normal
from training.register import KeptBundles, demand_fit, register
from training.study.shown import Picture, Sentence, Table, or_lacking, unless_lacking
from training.study.subject import Subject

Vector = NDArray[np.float64]

FOLDS: Final = 5
MOST_COLUMNS: Final = 14
P_OUTCOME: Final = "p_outcome"
NOT_TOLD: Final = "too few rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """What was asked for, and what came of it; `models` is what the company says of its models."""

    models: CompanyModels
    order: Order
    trained: Trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Champion and challenger on the rows that the challenger was measured on: the P(met) (n,) of each, and what came.

    `strangers`: rows of journeys that the champion does not know. `gain`: the log loss of the champion less that of the
    challenger, a row, paired; customers are clusters.
    """

    version: str
    champion: Vector
    challenger: Vector
    is_met: Vector
    strangers: int
    gain: Estimate


@or_lacking
def challenger(subject: Subject) -> Challenger:
    """As `rumbo train --company`, but not registered. Raises: what that ends with."""
    company, home, registry = subject.company, subject.places.home, subject.registry
    said, models = company.document.training, CompanyModels.of(company, home)
    held_out = said.test_from if subject.test_from is None else subject.test_from
    order = Order(
        log=subject.log_read(),
        columns=LogColumns(),
        folds=said.folds or FOLDS,
        test_from=None if held_out is None else instant(held_out),
        baselines=said.baselines,
        slices=said.slices,
        company=models,
        bundle_of=KeptBundles(registry).get,
    )
    return Challenger(models=models, order=order, trained=train_from_log(order, lambda said: None))


@unless_lacking
def what_it_learnt_from(of: Challenger) -> Sentence:
    """Rows, customers, days, and what no model saw."""
    trained = of.trained
    learnt, judged = trained.learnt_from, trained.measured_on
    how = "held out" if trained.is_held_out else "each by models that had not seen it"
    lines = [
        f"Model `{trained.bundle.version}` learnt from **{learnt.rows:,} rows** of {learnt.customers:,} customers, "
        f"{_day(learnt.first)} to {_day(learnt.last)}, and was measured on {judged.rows:,} ({how}). "
        f"{trained.without_reward:,} rows have no reward that is known, {trained.left_out:,} were left out.",
        *(f"- Left out: {notice}." for notice in trained.notices),
        *(f"- Parity: {line}." for line in trained.parity.lines()),
    ]
    return Sentence("\n".join([lines[0], "", *lines[1:]]))


@unless_lacking
def measures(of: Challenger) -> Table:
    """The model, and the simplest that could do instead."""
    by_name = {name: found.as_dict() for name, found in of.trained.judged.by_name.items()}
    return Table(pd.DataFrame.from_dict(by_name, orient="index").round(4))


@unless_lacking
def picture_of_calibration(of: Challenger) -> Picture:
    """What came, against what was expected."""
    return Picture(pictures.calibration(of.trained.judged))


@unless_lacking
def slices(of: Challenger) -> Table:
    """By kind, channel, what `training.slices` names, and sensitive features."""
    rows = [
        {
            "by": one.by,
            "level": level.level,
            "rows": level.rows,
            "rate": NOT_TOLD if figures is None else f"{figures.rate:.1%}",
            "AUC": "" if figures is None or np.isnan(figures.auc) else f"{figures.auc:.3f}",
            "calibration error": "" if figures is None or np.isnan(figures.ece) else f"{figures.ece:.3f}",
            "observed ÷ expected": ""
            if figures is None
            else f"{figures.observed_to_expected:.2f} "
            f"[{figures.observed_to_expected_low:.2f}, {figures.observed_to_expected_high:.2f}]",
        }
        for one in of.trained.slices
        for level in one.levels
        for figures in [level.figures]
    ]
    if not rows:
        raise LogInvalid(of.order.log, "it says neither kind nor channel, and `training.slices` names nothing")
    return Table(pd.DataFrame(rows).set_index(["by", "level"]))


@unless_lacking
def picture_of_slices(of: Challenger) -> Picture:
    """What came ÷ what was expected, level by level. Raises: LogInvalid where none has rows enough."""
    drawn = pictures.by_slice(of.trained.slices)
    if drawn is None:
        raise LogInvalid(of.order.log, "no part of the rows is large enough to tell anything of")
    return Picture(drawn)


@unless_lacking
def picture_of_importance(of: Challenger) -> Picture:
    """The columns that the model learnt most from."""
    return Picture(pictures.importance(of.trained.bundle))


def contributions(of: Challenger, place: int = -1) -> tuple[str, pd.DataFrame]:
    """Of one of the rows measured, by `place` in the order of their decisions: its journey, and by column its part.

    `value`: as the model reads it, a text as itself; `part`: what it adds to the raw score, in log-odds of a
    probability. The largest first; the last row is where every customer begins.
    """
    log, bundle = of.trained.judged.log, of.trained.bundle
    assert bundle.policy is not None
    row = int(np.argsort(log.decided_at, kind="stable")[place])
    journey = next(one for one in bundle.policy.journeys if one.journey_id == log.choices.journeys[log.shown[row]])
    facts = log.choices.features.take(np.array([row]))
    parts = Scorer(bundle).contributions_of(facts, row_of(journey))[0]
    cells = matrix_for(bundle.encoder, facts, row_of(journey))[0]
    texts = {name: text.levels[text.codes[0]] for name, text in facts.texts.items() if text.codes[0] >= 0}
    texts |= {"journey_id": journey.journey_id, "journey_kind": journey.kind, **journey.attributes}
    read = ["(missing)" if np.isnan(cell) else f"{cell:.4g}" for cell in cells]
    names = bundle.encoder.columns
    table = pd.DataFrame(
        {"value": [texts.get(name, cell) for name, cell in zip(names, read, strict=True)], "part": parts[:-1]},
        index=pd.Index(names, name="column"),
    )
    table = table.iloc[np.argsort(-np.abs(parts[:-1]), kind="stable")]
    table.loc["(base)"] = ["", parts[-1]]
    return journey.journey_id, table


@unless_lacking
def one_decision(of: Challenger, place: int = -1) -> Picture:
    """What each column added to the score of one decision: the last one, unless another place is named."""
    journey, table = contributions(of, place)
    policy = of.trained.bundle.policy
    is_mean = policy is not None and policy.reward.kind is RewardKind.MEAN
    unit = "unit of the reward" if is_mean else "log-odds"
    return Picture(pictures.parts_of_a_score(table, f"Why {journey} was scored so", unit, MOST_COLUMNS))


@unless_lacking
def duel(of: Challenger, subject: Subject) -> Duel:
    """The challenger against the champion, on the same rows. Raises: VersionUnknown where there is no champion."""
    judged = of.trained.judged
    bundle = subject.bundle_of(CHAMPION)
    demand_fit(bundle, of.models.schema)
    champion, strangers = p_of_champion(bundle, of)
    told = judged.p_of(np.arange(judged.reward.size))
    assert told is not None, "a company's model tells a probability"
    is_met = (judged.reward != 0.0).astype(np.float64)
    gained = log_losses(is_met, champion) - log_losses(is_met, told)
    paired = Scores(numerator=gained, denominator=np.ones_like(gained), clusters=Clusters.of(judged.log.customer))
    return Duel(
        version=bundle.version,
        champion=champion,
        challenger=told,
        is_met=is_met,
        strangers=strangers,
        gain=normal(paired),
    )


def p_of_champion(bundle: Bundle, of: Challenger) -> tuple[Vector, int]:
    """(n,) its P(met) of what each row measured showed, and how many rows are of journeys that it does not know.

    Of those it is what was served then, a prior while no model knew them; where the log does not say, the mean of all.
    """
    log, valuation = of.trained.judged.log, Valuation(bundle)
    columns, categorical = bundle.encoder.features_read()
    choices = read_choices(of.order.log, LogColumns(features=columns, categorical=categorical), ())
    facts, p_met = choices.features.take(log.row), np.full(log.size, np.nan)
    for journey in valuation.policy.journeys:
        if journey.journey_id in bundle.history and journey.journey_id in log.choices.journeys:
            rows = np.flatnonzero(log.shown == log.choices.journeys.index(journey.journey_id))
            p_met[rows] = valuation.p_met(facts.take(rows), journey)
    unknown = np.isnan(p_met)
    p_met[unknown] = _served(of.order.log)[log.row][unknown]
    return np.where(np.isnan(p_met), np.nanmean(p_met), p_met), int(unknown.sum())


def _served(log: Path) -> Vector:
    """(N,) P(met) as every row of the log was ranked by; NaN where it does not say."""
    files = LogFiles(log)
    if P_OUTCOME not in files.columns:
        return np.full(files.read({"customer_id"}).table.num_rows, np.nan)
    return numbers(files.read({P_OUTCOME}), P_OUTCOME)


@unless_lacking
def measures_of_both(found: Duel, of: Challenger) -> Table:
    """Each by every figure of a probability."""
    judged = of.trained.judged
    group = judged.log.shown if judged.log.group is None else judged.log.group
    both = {"champion": found.champion, "challenger": found.challenger}
    figures = {name: measured(found.is_met, p_met, group).as_dict() for name, p_met in both.items()}
    return Table(pd.DataFrame.from_dict(figures, orient="index").drop(columns="loss").round(4))


@unless_lacking
def verdict(found: Duel, of: Challenger) -> Sentence:
    """Who tells better whether the objective is met, and what to make of it."""
    gain = found.gain
    said = "**neither is proven better**"
    if gain.low > 0.0:
        said = "**the challenger is better**"
    elif gain.high < 0.0:
        said = "**the champion is better**"
    notes = [
        "These rows were held out from the challenger."
        if of.trained.is_held_out
        else "The challenger had not seen the rows it told; the champion may have learnt from some, which favours it."
    ]
    if found.strangers:
        notes.append(f"{found.strangers:,} rows are of journeys that the champion does not know: it has their priors.")
    return Sentence(
        f"On {len(found.champion):,} rows the log loss of champion `{found.version}` less that of the challenger is "
        f"{gain.value:+.4g}, 95 % interval {gain.low:+.4g} to {gain.high:+.4g} (paired): {said}. {' '.join(notes)}"
    )


@unless_lacking
def registered(of: Challenger, subject: Subject) -> Sentence:
    """Into the registry, if the subject says so. Raises: as `register`."""
    if not subject.registers:
        return Sentence("Nothing was registered: `RUMBO_REGISTER=yes` registers it, as `rumbo train` does.")
    published = register(subject.registry, of.order, of.trained, of.models.schema, datetime.now(UTC))
    number = published.registry_version
    role = "champion, the first of all" if published.is_champion else f"challenger, until `rumbo promote {number}`"
    return Sentence(f"Registered as version {number} of {subject.registry.model}, {role}.")


def _day(at: np.datetime64) -> str:
    return str(at.astype("datetime64[D]"))
