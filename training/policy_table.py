"""A policy as a table: the probability of each journey in each row of a log, from a bundle or from a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.bundle import Bundle
from service.decision.journey import NO_JOURNEY
from training.log import cells
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.score import FEATURES_KEY, bundle_in, score_log


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """`probability` (N, J) over `journeys`, of every row of a log; `features` are what it was made from, if known.

    `covered` (N,) rows of which the table says anything.
    """

    path: Path
    journeys: tuple[str, ...]
    probability: NDArray[np.float64]
    covered: NDArray[np.bool_]
    features: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    def demand_within(self, rows: int) -> None:
        """Raises: LogInvalid where it says something of rows that a log of so many does not have."""
        if self.covered.size > rows:
            text = f"it says something of row {self.covered.size - 1}, and the log has {rows} rows, counted from 0"
            raise LogInvalid(self.path, text, column="row")

    def taking(self, rows: NDArray[np.int64]) -> tuple[str, ...]:
        """Its journeys; NO_JOURNEY if it says nothing in one of these rows."""
        return tuple(name for name in self.journeys if name != NO_JOURNEY or self._is_silent(rows))

    def _is_silent(self, rows: NDArray[np.int64]) -> bool:
        inside = rows[rows < self.covered.size]
        return bool(self.probability[inside, self.journeys.index(NO_JOURNEY)].any())

    def on(self, rows: NDArray[np.int64], journeys: tuple[str, ...]) -> NDArray[np.float64]:
        """(n, J) the probabilities of these rows, over these journeys, among which must be all that it takes.

        Raises: LogInvalid for a row of which it says nothing.
        """
        lacking = rows[(rows >= self.covered.size) | ~self.covered[np.minimum(rows, self.covered.size - 1)]]
        if lacking.size:
            raise LogInvalid(self.path, f"it says nothing of row {lacking[0]} of the log", column="row")
        place = {name: j for j, name in enumerate(journeys)}
        out = np.zeros((rows.size, len(journeys)))
        taken = set(self.taking(rows))
        for j, name in enumerate(self.journeys):
            if name in taken:
                out[:, place[name]] = self.probability[rows, j]
        return out


def policy_at(path: Path, log: Path, eligible: str | None, costs: Mapping[str, float] | None) -> PolicyTable:
    """The policy of a bundle, which is a folder, on a log; or the one that a file says.

    Raises: LogInvalid, BundleCorrupt.
    """
    if path.is_dir():
        return policy_of(bundle_in(path), path, log, eligible, costs)
    return _of_file(path)


def policy_of(
    bundle: Bundle, path: Path, log: Path, eligible: str | None, costs: Mapping[str, float] | None
) -> PolicyTable:
    """The policy of a bundle on a log; `path` says in errors whose it is. Raises: LogInvalid, BundleCorrupt."""
    scores = score_log(log, bundle, eligible, costs, None)
    names, categorical = bundle.encoder.features_read()
    return PolicyTable(
        path=path,
        journeys=scores.journeys,
        probability=scores.probability,
        covered=np.ones(scores.probability.shape[0], dtype=np.bool_),
        features=names,
        categorical=categorical,
    )


def _of_file(path: Path) -> PolicyTable:
    files = LogFiles(path)
    for column in ("row", "journey_id", "probability"):
        files.demand(column, "of a policy")
    table = files.read({"row", "journey_id", "probability"}, {"journey_id"})
    found, journeys = cells.numbers(table, "row"), cells.texts(table, "journey_id")
    probability = cells.numbers(table, "probability")
    for column, broken in (
        ("row", np.isnan(found) | (found < 0.0) | (found != np.floor(found))),
        ("journey_id", journeys.codes < 0),
        ("probability", ~((probability >= 0.0) & (probability <= 1.0 + 1e-9))),
    ):
        if broken.any():
            raise table.fault("there is none that a policy can have", row=int(np.flatnonzero(broken)[0]), column=column)
    rows = found.astype(np.int64)
    out = np.zeros((int(rows.max()) + 1, len(journeys.levels)))
    _, first = np.unique(rows * len(journeys.levels) + journeys.codes, return_index=True)
    if first.size < rows.size:
        again = int(np.setdiff1d(np.arange(rows.size), first)[0])
        raise table.fault(f"this journey stands twice for row {rows[again]} of the log", row=again, column="journey_id")
    out[rows, journeys.codes] = probability
    covered = np.zeros(out.shape[0], dtype=np.bool_)
    covered[rows] = True
    features, categorical = _told(path)
    return PolicyTable(
        path=path,
        journeys=journeys.levels,
        probability=out,
        covered=covered,
        features=features,
        categorical=categorical,
    )


def _told(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `rumbo score` wrote beside the table: the features of its model, and which of them are names."""
    metadata = pq.read_schema(path).metadata if path.suffix == ".parquet" else None
    text = (metadata or {}).get(FEATURES_KEY)
    if text is None:
        return (), ()
    told = json.loads(text)
    return tuple(map(str, told["features"])), tuple(map(str, told["categorical"]))
