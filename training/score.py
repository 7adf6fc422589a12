"""`rumbo score` without its command line: what each journey is worth to each row of a log, and which a policy takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.encoder import Encoder
from features.files import write_parquet
from models.bundle import MANIFEST_FILE, Bundle
from models.errors import BundleCorrupt
from models.learnt import GuardTerms, LearntPolicy
from models.valuation import Valuation, cost_vector
from service.decision.journey import NO_JOURNEY
from training.learn.guard import choose, guard_of
from training.log.decisions import Choices, read_choices
from training.log.errors import LogInvalid
from training.log.options import LogColumns
from training.off_policy.policies import deterministic

Matrix = NDArray[np.float64]

SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("journey_id", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
    ]
)

FEATURES_KEY = b"rumbo.features"
"""In the file's metadata: the features that the model read, by which whoever judges it can model rewards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of n rows and J journeys: `value` (n, J) net of cost, `probability` (n, J), 0 outside of `eligible` (n, J)."""

    journeys: tuple[str, ...]
    eligible: NDArray[np.bool_]
    value: Matrix
    probability: Matrix


def bundle_in(folder: Path) -> Bundle:
    """Raises: LogInvalid where there is none; BundleCorrupt."""
    if not (folder / MANIFEST_FILE).is_file():
        raise LogInvalid("--model", f"there is no bundle in '{folder}', no {MANIFEST_FILE}")
    return Bundle.load(folder)


def scores_of(bundle: Bundle, choices: Choices, costs: Mapping[str, float] | None, against: str | None) -> Scores:
    """The policy of a bundle on these rows.

    Args:
        choices: over the journeys of the bundle, those that it does not know after them.
        costs: in place of the bundle's, with which the constants and the guard are taken anew.
        against: the journey that gains are over, where the caller says one.
    Raises: LogInvalid for a cost of a journey that is none, or gains over one that the bundle does not have.
    """
    valuation = Valuation(bundle)
    policy = valuation.policy
    demand_against(policy, against)
    known = [journey.journey_id for journey in policy.journeys]
    used = policy.costs if costs is None else costs
    if strangers := sorted(set(used) - set(choices.journeys)):
        raise LogInvalid("--cost", f"there is no journey {strangers[0]!r}; there are: {', '.join(choices.journeys)}")
    guard = policy.guard
    if costs is not None:
        guard = guard_of(policy.evidence, cost_vector(known, used), known, guarded=guard.is_guarded)
    rewards = valuation.rewards(choices.features)
    value = _with_strangers(rewards, choices, policy) - cost_vector(choices.journeys, used)
    return Scores(
        journeys=choices.journeys,
        eligible=choices.eligible,
        value=value,
        probability=_probability(value, choices, guard),
    )


def score_log(
    path: Path, bundle: Bundle, eligible: str | None, costs: Mapping[str, float] | None, against: str | None
) -> Scores:
    """The policy of a bundle on every row of a log, whether its reward is known or not.

    Args:
        eligible: the column of what each row could be shown; without one, an exported log's own, else every journey.
    Raises: LogInvalid, BundleCorrupt.
    """
    if bundle.policy is None:
        raise BundleCorrupt(MANIFEST_FILE, "tells no rewards: it was not trained from a log")
    names, categorical = bundle.encoder.features_read()
    journeys = tuple(journey.journey_id for journey in bundle.policy.journeys)
    columns = LogColumns(features=names, categorical=categorical, eligible=eligible)
    choices = read_choices(path, columns, journeys, bundle.encoder.types_read())
    return scores_of(bundle, choices, costs, against)


def demand_against(policy: LearntPolicy, against: str | None) -> None:
    """Gains over a journey are differences of values, so any that the bundle knows will do. Raises: LogInvalid."""
    known = [journey.journey_id for journey in policy.journeys]
    if against is not None and against not in known:
        raise LogInvalid("--uplift-against", f"the bundle has no journey {against!r}; it has: {', '.join(known)}")


def write_scores(file: Path, scores: Scores, encoder: Encoder) -> None:
    """One row for each eligible journey of each row, in the order of the log. Raises: CannotWrite."""
    features, categorical = encoder.features_read()
    told = json.dumps({"features": features, "categorical": categorical}, ensure_ascii=False).encode()
    rows, journeys = np.nonzero(scores.eligible)
    names = pa.DictionaryArray.from_arrays(pa.array(journeys.astype(np.int32)), pa.array(list(scores.journeys)))
    columns = [
        pa.array(rows, pa.int64()),
        names.cast(pa.string()),
        pa.array(scores.value[rows, journeys]),
        pa.array(scores.probability[rows, journeys]),
    ]
    write_parquet(file, pa.Table.from_arrays(columns, schema=SCHEMA.with_metadata({FEATURES_KEY: told})))


def _with_strangers(rewards: Matrix, choices: Choices, policy: LearntPolicy) -> Matrix:
    """A journey that the bundle does not know is expected to be worth to each what those of its kind are, on average.

    Those of all kinds, where nothing says its kind or none is of it. Saying nothing is worth nothing.
    """
    kinds = [journey.kind for journey in policy.journeys]
    columns = [rewards]
    for stranger in choices.journeys[len(kinds) :]:
        if stranger == NO_JOURNEY:
            columns.append(np.zeros((len(rewards), 1)))
            continue
        kin = [place for place, kind in enumerate(kinds) if kind and kind == choices.kinds.get(stranger)]
        columns.append((rewards[:, kin] if kin else rewards).mean(axis=1, keepdims=True))
    return np.hstack(columns)


def _probability(value: Matrix, choices: Choices, guard: GuardTerms) -> Matrix:
    """A journey that the bundle does not know has proved nothing: it is taken where a row may have no other."""
    count, known = len(choices.journeys), len(guard.order)  # those that the bundle knows come first
    place = {name: j for j, name in enumerate(choices.journeys)}
    order = [*(place[name] for name in guard.order), *range(known, count)]
    eligible = choices.eligible.copy()
    eligible[:, known:] &= ~eligible[:, :known].any(axis=1, keepdims=True)
    return deterministic(choose(value, eligible, order, guard.margin), count)
