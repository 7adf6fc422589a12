"""`rumbo train --log` without its command line: read, hold out, learn, measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np

from models.bundle import Bundle
from service.decision.journey import NO_JOURNEY
from training.company import CompanyModels, ModelTerms, sensitive_of
from training.learn.cuts import Source, cuts_of, sources_of
from training.learn.learn import Settings, learn
from training.learn.measures import MODEL, Judged, demand_baselines, measure
from training.learn.plain import schema_of
from training.learn.slices import Figures, Slices, figures_of, sliced
from training.log.decisions import DecisionLog, decisions_of, demand_reward
from training.log.errors import LogInvalid
from training.log.facts import texts_of_numbers
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.log.silent import SilentPairs, silent_pairs
from training.parity import Parity, demand_parity

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be learnt, and from what.

    `test_from`: the rows decided from then on are held out, and those before whose window was still open left out;
    `baselines` names what the model is measured beside, `slices` what else than kind, channel and sensitive features it
    is measured by. With a `company` its features and settings are learnt by, and `bundle_of` has the bundles of its
    registry by their versions.
    """

    log: Path
    columns: LogColumns
    costs: Mapping[str, float] = field(default_factory=dict)
    against: str | None = None
    guarded: bool = True
    folds: int = 5
    seed: int = 0
    test_from: np.datetime64 | None = None
    baselines: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    company: CompanyModels | None = None
    bundle_of: Callable[[str], Bundle | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Some rows of a log: how many, of how many customers, decided from when to when (UTC).

    `drawn`: the share of rows whose propensity is below 1, which is to say that something else could have been shown.
    """

    rows: int
    customers: int
    first: np.datetime64
    last: np.datetime64
    drawn: float

    @classmethod
    def of(cls, log: DecisionLog) -> Self:
        return cls(
            rows=log.size,
            customers=int(np.unique(log.customer).size),
            first=log.decided_at.min(),
            last=log.decided_at.max(),
            drawn=float((log.propensity < 1.0).mean()),
        )

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        times = {"first": f"{self.first}Z", "last": f"{self.last}Z"}
        return {"rows": self.rows, "customers": self.customers, **times, "drawn": self.drawn}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A bundle, and what was measured of it on rows that it had not seen.

    `left_out` rows were open when those held out began, `without_reward` have none that is known. `notices` say what no
    model saw, and why, `notes` what was learnt from and looks wrong; `parity` what of the log was scored again;
    `fingerprint` is of the `log`. `is_held_out`: the rows measured are not those learnt from; `figures` are of all of
    them, `slices` of parts. `about_silence`: what was learnt of what comes of showing nothing, or why nothing was.
    """

    bundle: Bundle
    judged: Judged
    figures: Figures
    slices: tuple[Slices, ...]
    log: Path
    fingerprint: str
    learnt_from: Extent
    measured_on: Extent
    is_held_out: bool
    left_out: int
    without_reward: int
    about_silence: str
    notices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parity: Parity = field(default_factory=Parity)

    def rows(self) -> dict[str, int]:
        """How many were used for what."""
        return {
            "trained": self.learnt_from.rows,
            "measured": self.measured_on.rows,
            "left_out": self.left_out,
            "without_reward": self.without_reward,
        }

    def document(self) -> dict[str, object]:
        """What was measured, as JSON has it: null where a figure means nothing."""
        guard = self.bundle.policy.guard if self.bundle.policy is not None else None
        return {
            "model_version": self.bundle.version,
            "left_out": list(self.notices),
            "silence": self.about_silence,
            "notes": list(self.notes),
            "parity": list(self.parity.lines()),
            "rows": self.rows(),
            "learnt_from": self.learnt_from.document(),
            "measured_on": {**self.measured_on.document(), "is_held_out": self.is_held_out},
            "figures": self.figures.document(),
            "slices": [one.document() for one in self.slices],
            "metrics": {
                name: {key: value if np.isfinite(value) else None for key, value in found.as_dict().items()}
                for name, found in self.judged.by_name.items()
            },
            "guard": None if guard is None else asdict(guard),
        }


def instant(at: datetime) -> np.datetime64:
    """In UTC, which it is in unless it says otherwise."""
    return np.datetime64(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).replace(tzinfo=None), "us")


def train_from_log(order: Order, announce: Announce) -> Trained:
    """Learns from a log, and measures on rows held out, or out of fold where none are.

    Raises: LogInvalid that names file, row and column.
    """
    announce("log")
    files, parity = LogFiles(order.log), Parity()
    demand_reward(files, order.columns)
    fingerprint = files.fingerprint()
    if order.company is not None and order.bundle_of is not None:
        parity = demand_parity(files, order.bundle_of, order.company.schema)
    columns = order.columns if order.company is None else order.company.columns_for(files, order.columns)
    log = decisions_of(files, columns, with_silence=order.against == NO_JOURNEY)
    _demand_features(log)
    sources = _sources(order, files)
    terms = ModelTerms(schema=schema_of(log))
    if order.company is not None:
        terms = order.company.terms_for(files, order.columns, log.choices.features)
    training, test = _held_out(log, order.test_from)
    demand_baselines(training, order.baselines)
    silent = None if order.company is None else silent_pairs(files, columns, log.choices.journeys)
    if silent is not None and order.test_from is not None:
        silent = silent.before(order.test_from)
    learnt = learn(training, terms.schema, terms.model, _settings(order, terms), announce, silent)
    announce("measures")
    judged = measure(learnt, training, test, order.baselines)
    figures = {name: value for name, value in judged.by_name[MODEL].as_dict().items() if np.isfinite(value)}
    bundle = replace(learnt.bundle, metrics=figures, learned_until=learned_until(training, silent))
    return Trained(
        bundle=bundle,
        judged=judged,
        figures=figures_of(judged),
        log=order.log,
        slices=sliced(judged, cuts_of(files, judged.log, sources, bundle.encoder)),
        left_out=log.size - training.size - (0 if test is None else test.size),
        without_reward=log.unknown,
        about_silence=learnt.about_silence,
        fingerprint=fingerprint,
        learnt_from=Extent.of(training),
        measured_on=Extent.of(judged.log),
        is_held_out=test is not None,
        notices=terms.notices,
        notes=texts_of_numbers(log.choices.features, columns.categorical),
        parity=parity,
    )


def learned_until(log: DecisionLog, silent: SilentPairs | None = None) -> datetime:
    """The latest moment of which these rows tell anything."""
    latest = log.decided_at.max()
    if silent is not None and silent.size:
        latest = max(latest, silent.decided_at.max())
    ends = log.window_ends_at
    if ends is not None and (known := ends[~np.isnat(ends)]).size:
        latest = max(latest, known.max())
    at: datetime = latest.astype("datetime64[us]").item()
    return at.replace(tzinfo=UTC)


def _settings(order: Order, terms: ModelTerms) -> Settings:
    company = order.company
    return Settings(
        objective=f"{order.columns.reward} of {order.log.name}" if company is None else company.objective,
        costs=order.costs,
        against=order.against,
        guarded=order.guarded,
        folds=order.folds,
        seed=order.seed,
        monotone=terms.monotone,
        by_probability=company is not None,
    )


def _sources(order: Order, files: LogFiles) -> tuple[Source, ...]:
    """What rows are cut by. Raises: LogInvalid for a segment that the log does not have."""
    schema = None if order.company is None else order.company.schema
    sensitive = () if schema is None else sensitive_of(schema)
    return sources_of(files, order.slices, schema, sensitive, order.columns.categorical)


def _demand_features(log: DecisionLog) -> None:
    facts = log.choices.features
    if not (facts.numbers or facts.texts or facts.instants):
        raise LogInvalid(log.path, "name the features (--features a,b): any other column may be an outcome")


def _held_out(log: DecisionLog, test_from: np.datetime64 | None) -> tuple[DecisionLog, DecisionLog | None]:
    """The rows to train on, and those to test on, if any are held out."""
    if test_from is None:
        return log, None
    later = log.decided_at >= test_from
    earlier = ~later if log.window_ends_at is None else ~later & ~(log.window_ends_at > test_from)
    for rows, said in ((earlier, "before"), (later, "from")):
        if not rows.any():
            raise LogInvalid(log.path, f"there is no row with a reward {said} {test_from}", column="--test-from")
    return log.where(earlier), log.where(later)
