"""Facts to try a condition with, at and beside the constants it names: most go both ways, and show it at once."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.catalogue.check.proof.bounds import (
    EARLIEST,
    HAS_OPEN,
    IS_KNOWN,
    JOURNEYS,
    LATEST,
    OPEN_CLASSES,
    OPEN_COUNT,
    STAGE_NAMES,
    STAGES,
    Assignment,
    Bounds,
    FactValue,
    is_possible,
)
from service.catalogue.conditions.tree import Call, Constant, FieldOf, Node, names, walk

_MICROSECOND = timedelta(microseconds=1)
_SOME_DAY = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)
_PLAIN_NUMBERS = (0, 1, 2, 5, 10, 100, 1000, -1)
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Pools:
    """The values worth trying, by type, from the constants of the conditions."""

    numbers: tuple[float, ...]
    texts: tuple[str, ...]
    instants: tuple[datetime, ...]

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Pools:
        found = [n for node in nodes for n in walk(node)]
        constants = [n.value for n in found if isinstance(n, Constant)]
        numbers = [float(v) for v in constants if isinstance(v, int | float) and not isinstance(v, bool)]
        texts = [v for v in constants if isinstance(v, str)]
        texts += [n.field_name for n in found if isinstance(n, FieldOf)]
        numbers += [float(text) for text in texts if text.isdecimal()]
        plain = [t for text in texts for t in (text, text.strip("^$.*"), text + " ")]
        around = [
            x for v in numbers for x in (v, v - 1, v + 1, math.nextafter(v, math.inf), math.nextafter(v, -math.inf))
        ]
        return cls(
            numbers=tuple(dict.fromkeys([*filter(math.isfinite, around), *_PLAIN_NUMBERS])),
            texts=tuple(dict.fromkeys([*plain, "", "UTC", "something else"])),
            instants=tuple(_instants(found)),
        )


def samples(
    nodes: Iterable[Node], types: Mapping[str, str], bounds: Mapping[str, Bounds], count: int
) -> Iterator[Assignment]:
    """Up to `count` possible assignments of the names that the conditions read, the same ones each time."""
    nodes = list(nodes)
    read = sorted(frozenset().union(*(names(node) for node in nodes)) & types.keys())
    pools, chance = Pools.of(nodes), random.Random(0)
    pool_of = {name: _pool(types[name], bounds.get(name, Bounds()), pools) for name in read}
    drawn = (_agreeing({name: _draw(pool_of[name], chance) for name in read}, chance) for _ in range(count))
    yield from (facts for facts in drawn if is_possible(facts, bounds))


def beside(facts: Assignment, bounds: Mapping[str, Bounds], count: int) -> Iterator[Assignment]:
    """Possible assignments whose doubles lie some roundings beside these."""
    chance = random.Random(0)
    doubles = [name for name, value in facts.items() if isinstance(value, float)]
    for _ in range(count if doubles else 0):
        near: dict[str, FactValue] = dict(facts)
        for name in doubles:
            near[name] = _stepped(facts[name], chance.randint(-3, 3))
        if is_possible(near, bounds):
            yield near


def _stepped(value: Any, steps: int) -> float:
    for _ in range(abs(steps)):
        value = math.nextafter(value, math.copysign(math.inf, steps))
    return value if math.isfinite(value) else 0.0


def _instants(found: list[Node]) -> Iterator[datetime]:
    """Some day and each instant that is written out, moved by each duration that is, give or take a microsecond."""
    written = [n for n in found if isinstance(n, Call) and n.overload in ("string_to_timestamp", "string_to_duration")]
    values = [_written(n) for n in written]
    bases = [_SOME_DAY, *(v for v in values if isinstance(v, datetime))]
    moves = [timedelta(0), timedelta(hours=9), timedelta(days=200), *(v for v in values if isinstance(v, timedelta))]
    for base in bases:
        for move in moves:
            for sign in (1, -1):
                for beside_it in (timedelta(0), _MICROSECOND, -_MICROSECOND):
                    try:
                        at = base + sign * move + beside_it
                    except OverflowError:
                        continue
                    if EARLIEST <= at <= LATEST:
                        yield at


def _pool(type_name: str, bounds: Bounds, pools: Pools) -> list[Any]:
    ends = [end for end in (bounds.low, bounds.high) if end is not None]
    if type_name == "bool":
        return [True, False]
    if type_name == "double":
        return [*(float(e) for e in ends if not isinstance(e, datetime)), *map(float, pools.numbers)]
    if type_name == "int":
        whole = [round(v) for v in (*pools.numbers, *(e for e in ends if not isinstance(e, datetime)))]
        return [v for v in whole if _INT_MIN <= v <= _INT_MAX]
    if type_name == "timestamp":
        return [*(e for e in ends if isinstance(e, datetime)), *pools.instants]
    if type_name == "string":
        return list(bounds.among or pools.texts)
    return [type_name, *pools.texts]


def _draw(pool: list[Any], chance: random.Random) -> FactValue:
    if pool[0] not in ("list<string>", "map<string, string>"):
        value: FactValue = chance.choice(pool)
        return value
    some = chance.sample(pool[1:], chance.choice((0, 1, 1, 2, min(4, len(pool) - 1))))
    if pool[0] == "list<string>":
        return sorted(some)
    return {key: chance.choice([*pool[1:], *STAGE_NAMES]) for key in sorted(some)}


def _agreeing(facts: dict[str, FactValue], chance: random.Random) -> Assignment:
    """The facts, made to agree with each other as `is_possible` demands."""
    if facts.get(IS_KNOWN) is False:
        facts = {n: v for n, v in facts.items() if n == IS_KNOWN or not n.startswith("customer.")}
    stages = facts.get(STAGES)
    if isinstance(stages, dict):
        plain = sorted(STAGE_NAMES)
        facts[STAGES] = {k: v if v in STAGE_NAMES else chance.choice(plain) for k, v in stages.items()}
        if JOURNEYS in facts:
            facts[JOURNEYS] = sorted(stages)
    classes, count = facts.get(OPEN_CLASSES), facts.get(OPEN_COUNT)
    if isinstance(classes, list) and isinstance(count, int):
        facts[OPEN_COUNT] = max(count, len(classes)) if classes else 0
    for name in (OPEN_CLASSES, OPEN_COUNT):
        if HAS_OPEN in facts and name in facts:
            facts[HAS_OPEN] = bool(facts[name])
    return facts


def _written(call: Call) -> datetime | timedelta | None:
    """The instant or duration of a text that is written out, None if Python cannot tell."""
    text = call.args[0]
    if not isinstance(text, Constant) or not isinstance(text.value, str):
        return None
    try:
        if call.overload == "string_to_timestamp":
            at = datetime.fromisoformat(text.value)
            return at if at.tzinfo is not None else None
        return _duration(text.value)
    except (ValueError, OverflowError):
        return None


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


def _duration(text: str) -> timedelta:
    """Go's notation, one unit: "168h". Raises: ValueError."""
    digits = text.rstrip("hmsu")
    return timedelta(seconds=float(digits) * _UNITS.get(text[len(digits) :], math.nan))
