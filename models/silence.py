"""What a bundle knows of silence: how probable it is that an objective is met although its journey is not shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.calibration import Calibration

SILENCE_FILE = "silence.txt"


class SilentRows(StrEnum):
    """Of which decisions it was learnt."""

    HOLDOUT = "holdout"  # those for customers of the holdout: a random sample, who are never shown anything
    ALL = "all"  # every one that ended in silence, each weighing 1 / P(silence)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntSilence:
    """P(met | not shown) of `journeys`, by the model in SILENCE_FILE.

    `decisions` ended in silence for `customers` customers, and have `pairs` of a decision and a journey that was
    allowed; in `met` of them its objective was met all the same.
    """

    journeys: tuple[str, ...]
    learnt_from: SilentRows
    customers: int
    decisions: int
    pairs: int
    met: int
    calibration: Calibration

    def to_json(self) -> dict[str, object]:
        return {
            "journeys": list(self.journeys),
            "learnt_from": self.learnt_from.value,
            "customers": self.customers,
            "decisions": self.decisions,
            "pairs": self.pairs,
            "met": self.met,
            "calibration": self.calibration.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LearntSilence:
        """Raises: ValueError, KeyError or TypeError when `value` was not made by `to_json`."""
        counts = {name: int(value[name]) for name in ("customers", "decisions", "pairs", "met")}
        return cls(
            journeys=tuple(map(str, value["journeys"])),
            learnt_from=SilentRows(value["learnt_from"]),
            calibration=Calibration.from_json(value["calibration"]),
            **counts,
        )
