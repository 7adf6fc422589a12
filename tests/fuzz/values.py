"""What may stand in a field: what the example company would send, and what nobody should."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import yaml

from tests.example import EXAMPLE

T = TypeVar("T")

WHO = "nobody-may-read-of-4711"
"""In every customer id that is made up, and in long texts, so that a log that tells of one is seen."""

INT32_EDGES = (0, 1, -1, 50, 51, 2**31 - 1, -(2**31))
INT64_EDGES = (0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
DOUBLE_EDGES = (0.0, -0.0, -1.0, 1e-320, 0.1, 10.5, 1e15, 1.8e308, -1.8e308, float("nan"), float("inf"), float("-inf"))
ENUM_EDGES = (0, 1, 2, 3, 7, 9, 99, -1, 2**31 - 1, -(2**31))
SECONDS_EDGES = (
    -(2**63),
    -62_135_596_801,  # a second before the year 1
    -62_135_596_800,
    -1,
    0,
    1,
    253_402_300_799,  # the last second of the year 9999
    253_402_300_800,
    2**62,
    2**63 - 1,
)
NANOS_EDGES = (-(2**31), -1, 1, 999, 999_999_999, 10**9, 2**31 - 1)
TEXT_EDGES = (
    "",
    " ",
    "\x00",
    f"{WHO}\x00x",
    "a\r\nb\tc",
    "\u202etxen si taht\u202c",
    "مرحبا بالعالم",
    "n\u0303 and \u00f1",
    "\ufeff\u200b\u2060",
    "\ud7ff\ue000\ufffe\uffff",
    "\U0010ffff\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "'; DROP TABLE events; --",
    '{"a": ["b", null, NaN]} \\u0000 \\',
    "%s %n %(x)s {0} {x}",
    "../../../etc/passwd",
    "*",
    "NaN",
    "kind:promotional",
    "NO_JOURNEY",
    "Infinity",
    "2026-11-29T12:00:00Z",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Names that the example's catalogue declares. `journeys`: the stages of each."""

    journeys: Mapping[str, Sequence[str]]
    channels: Sequence[str]
    purposes: Sequence[str]
    classes: Sequence[str]
    placements: Sequence[str]


@cache
def company() -> Company:
    policies = yaml.safe_load((EXAMPLE / "policies.yaml").read_text(encoding="utf-8"))
    files = sorted((EXAMPLE / "journeys").glob("*.yaml"))
    journeys = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    actions = [action for journey in journeys for stage in journey["stages"] for action in stage["actions"]]
    return Company(
        journeys={j["journey"]: [stage["stage"] for stage in j["stages"]] for j in journeys},
        channels=list(policies["channels"]),
        purposes=list(policies["purposes"]),
        classes=list(policies["incidents"]["classes"]),
        placements=sorted({place for action in actions for place in action.get("placements", ())}),
    )


class Draw:
    """Draws values. Same seed, same values, also where there was more to choose from."""

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)

    def likely(self, p: float) -> bool:
        return self.chance.random() < p

    def one(self, of: Sequence[T]) -> T:
        return of[int(self.chance.random() * len(of))]

    def weighted(self, of: Mapping[T, float]) -> T:
        return self.chance.choices(list(of), list(of.values()))[0]

    def up_to(self, most: int) -> int:
        """1 to `most`, small numbers more often."""
        return 1 + int(most * self.chance.random() ** 3)

    def text(self) -> str:
        """An edge: mostly short, at times about as long as a field may be, seldom much longer."""
        length = self.weighted({0: 80, 128: 6, 129: 6, 500: 3, 16_384: 2, 65_537: 2, 300_000: 0.3})
        if not length:
            return self.one(TEXT_EDGES)
        letter = self.one(("x", "ñ", "\U0001f6d2", "\x7f"))
        return (WHO + letter * length)[:length]

    def blob(self, most: int) -> bytes:
        return self.chance.randbytes(self.up_to(most))
