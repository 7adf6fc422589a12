"""What a bundle knows beside P(met): what each journey is worth, by how much it beats another, and on what evidence.

reward of a journey = P(met) × factor                      BINARY
                    = P(met) × factor × amount(customer)   TWO_PART
                    = factor × mean(customer)              MEAN
with gains:         = reward of `against` + gain of the journey over it

Where what objectives are worth to customers was learnt from those of some journeys alone, the amount is that of these,
by a factor of each; the others have a fixed value: reward = P(met) × value.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.silence import SILENCE_FILE, LearntSilence

AMOUNT_FILE = "amount.txt"
EVIDENCE_FILE = "evidence.npz"
MAX_CELLS = 2_000_000
"""Of each array of the evidence: rows times journeys."""
MAX_EVIDENCE_BYTES = 64 * 1024 * 1024


class RewardKind(StrEnum):
    """How a reward is made of what the models tell."""

    BINARY = "binary"
    TWO_PART = "two_part"
    MEAN = "mean"


class GainLearner(StrEnum):
    """How a journey's gain over another is learnt.

    Source: Künzel, Sekhon, Bickel & Yu (2019) for S, T and X; Kennedy (2023) for DR.
    """

    S = "S"
    T = "T"
    X = "X"
    DR = "DR"


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardTerms:
    """How the reward follows from the models; `loss` is what the mean or the amount was fitted by.

    `is_log`: the amount's model tells its logarithm.
    """

    kind: RewardKind
    factor: float
    loss: str
    is_log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntJourney:
    """A journey with history. `text`: the file of a model of its own, if one is better than the common one.

    `gain_texts`: of a gain, the files of its models: one (DR), or what was shown it and what was not (X), of which the
    first counts by 1 - `treated_share`. `factor`: its amounts are its customers' own, and it stands in place of the
    common one. `value`: what it is worth to everybody once met, where the log says it and no amounts of its own tell.
    """

    journey_id: str
    kind: str
    rows: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    gain_texts: tuple[str, ...] = ()
    treated_share: float = 0.0
    factor: float | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardTerms:
    """When the policy leaves the best constant: only where it expects more than `margin` beyond it; None: never.

    `order` has the journeys by what each is worth to everyone, the best first: the constant of a row is the first that
    it may have. `gain` and `se` are per row, cross-fitted and paired, of the policy over that constant. Without the
    guard the margin is 0, proven or not.
    """

    order: tuple[str, ...]
    margin: float | None
    gain: float
    se: float
    unguarded_gain: float
    unguarded_se: float
    is_guarded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Rows that no model had seen when it told their values: what the guard is taken from, for any costs.

    `values` (m, J) is the reward that was expected, `scores` (m, J) the doubly robust score of what it was, with its
    largest corrections cut, both without costs; `eligible` (m, J); `customer` (m,) codes; `shown` (m,) journeys, with
    `propensity` (m,).
    """

    values: NDArray[np.float32]
    scores: NDArray[np.float32]
    eligible: NDArray[np.bool_]
    customer: NDArray[np.int32]
    shown: NDArray[np.int32]
    propensity: NDArray[np.float64]

    def to_bytes(self) -> bytes:
        """As an .npz file: equal evidence gives equal bytes."""
        out = io.BytesIO()
        np.savez(out, **{part.name: getattr(self, part.name) for part in fields(self)})
        return out.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, journeys: int) -> Evidence:
        """Raises: ValueError, KeyError, OSError, EOFError or BadZipFile for other bytes than `to_bytes` makes."""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_EVIDENCE_BYTES:
                raise ValueError("the evidence is too large")
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            parts = {name: _array(found[name], kind) for name, kind in _KINDS.items()}
        evidence = cls(**parts)
        rows = evidence.customer.size
        for name, part in parts.items():
            shape = (rows, journeys) if name in _BY_JOURNEY else (rows,)
            if part.shape != shape:
                raise ValueError(f"{name} of the evidence is of shape {part.shape}, not {shape}")
        if rows and not (evidence.shown.min() >= 0 and evidence.shown.max() < journeys):
            raise ValueError("the evidence shows a journey that is none")
        return evidence


_KINDS: Mapping[str, type[Any]] = {
    "values": np.float32,
    "scores": np.float32,
    "eligible": np.bool_,
    "customer": np.int32,
    "shown": np.int32,
    "propensity": np.float64,
}
_BY_JOURNEY = frozenset({"values", "scores", "eligible"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntPolicy:
    """All of it. `texts`: LightGBM's, by file, beside the common one; `costs` by journey, of each contact.

    `against` is the journey that gains are over, `learner` how they were learnt; `folds` says what kept the rows
    apart, in words. `silence`: what comes of showing nothing, where that was learnt.
    """

    journeys: tuple[LearntJourney, ...]
    reward: RewardTerms
    guard: GuardTerms
    evidence: Evidence
    folds: str
    costs: Mapping[str, float] = field(default_factory=dict)
    against: str | None = None
    learner: GainLearner | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    silence: LearntSilence | None = None

    def to_json(self) -> dict[str, object]:
        """All but what lies in files of its own."""
        return {
            "journeys": [_said(_lists(asdict(journey))) for journey in self.journeys],
            "reward": asdict(self.reward),
            "guard": _lists(asdict(self.guard)),
            "folds": self.folds,
            "costs": dict(sorted(self.costs.items())),
            "against": self.against,
            "learner": self.learner,
            "texts": sorted(self.texts),
            **({} if self.silence is None else {"silence": self.silence.to_json()}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], texts: Mapping[str, str], evidence: bytes) -> LearntPolicy:
        """Raises: ValueError, KeyError, TypeError, OSError or EOFError when `value` was not made by `to_json`."""
        journeys = tuple(_journey(item) for item in value["journeys"])
        if AMOUNT_FILE not in texts and any(journey.factor is not None for journey in journeys):
            raise ValueError(f"a journey has amounts of its own, and there is no {AMOUNT_FILE}")
        silence = LearntSilence.from_json(value["silence"]) if "silence" in value else None
        if (silence is not None) != (SILENCE_FILE in texts):
            raise ValueError(f"what comes of silence goes with {SILENCE_FILE}")
        guard = value["guard"]
        return cls(
            journeys=journeys,
            reward=RewardTerms(**{**value["reward"], "kind": RewardKind(value["reward"]["kind"])}),
            guard=GuardTerms(**{**guard, "order": tuple(map(str, guard["order"]))}),
            evidence=Evidence.from_bytes(evidence, len(journeys)),
            folds=str(value["folds"]),
            costs={str(name): float(cost) for name, cost in value["costs"].items()},
            against=value["against"],
            learner=None if value["learner"] is None else GainLearner(value["learner"]),
            texts=texts,
            silence=silence,
        )


_WORTH = ("factor", "value")


def _journey(item: Mapping[str, Any]) -> LearntJourney:
    attributes = {str(name): str(value) for name, value in item["attributes"].items()}
    worth = {name: float(item[name]) for name in _WORTH if name in item}
    gain_texts = tuple(map(str, item["gain_texts"]))
    return LearntJourney(**{**item, **worth, "gain_texts": gain_texts, "attributes": attributes})


def _said(fields: dict[str, object]) -> dict[str, object]:
    """Without what most bundles do not say, so that those of before it could be said keep their hash."""
    return {name: value for name, value in fields.items() if value is not None or name not in _WORTH}


def _lists(fields: dict[str, Any]) -> dict[str, object]:
    """As JSON gives it back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _array(found: NDArray[Any], kind: type[Any]) -> NDArray[Any]:
    if found.dtype != np.dtype(kind):
        raise ValueError(f"an array of the evidence is of {found.dtype}, not {np.dtype(kind)}")
    return found
