"""Instants and durations as whole nanoseconds, and the calendar over them.

The runtime's limits, measured with cel-expr-python 0.1.3: an instant lies in the years 1 to 9999; a sum of durations
and a difference of instants or durations must fit into 64 bits of nanoseconds (292 years), else it is an error;
arithmetic with a longer duration, as may be written out, saturates in some operations, so its result is left open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate

import z3
from cel_expr_python import cel

from service.catalogue.check.proof.terms import INT_MAX, INT_MIN, IntTerm, NotModelled, StringTerm, python_text

SECOND = 10**9
DAY = 86_400 * SECOND
_FIRST, _LAST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MONTH_STARTS = tuple(accumulate((0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30)))
_UTC_NAMES = ("", "UTC")


def nanoseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND * 1000


def instant_at(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def constant(function: str, text: str) -> IntTerm:
    """`timestamp("…")` or `duration("…")`, by the runtime's own reading. Raises: NotModelled below a microsecond."""
    read, same = _readers()[function]
    value = read.eval(data={"text": text}).value()
    if isinstance(value, datetime):
        nanos, rebuilt = nanoseconds(value), value.isoformat().replace("+00:00", "Z")
    elif isinstance(value, timedelta):
        nanos, rebuilt = value // _MICROSECOND * 1000, f"{value // _MICROSECOND}us"
    else:
        return IntTerm(z3.IntVal(0), z3.BoolVal(False))
    if same.eval(data={"text": text, "rebuilt": rebuilt}).value() is not True:
        raise NotModelled("an instant finer than a microsecond")
    return IntTerm(z3.IntVal(nanos), z3.BoolVal(True))


def is_zone(text: str) -> bool:
    return isinstance(_readers()["zone"][0].eval(data={"text": text}).value(), int)


@cache
def _readers() -> dict[str, tuple[cel.Expression, cel.Expression]]:
    env = cel.NewEnv(variables={"text": cel.Type.STRING, "rebuilt": cel.Type.STRING})
    found = {
        f: (env.compile(f"{f}(text)"), env.compile(f"{f}(text) == {f}(rebuilt)")) for f in ("timestamp", "duration")
    }
    zone = env.compile('timestamp("2024-01-01T00:00:00Z").getHours(text)')
    return {**found, "zone": (zone, zone)}


def plus(a: IntTerm, b: IntTerm, *, is_instant: bool) -> IntTerm:
    return _moved(a.value + b.value, a, b, is_instant=is_instant)


def minus(a: IntTerm, b: IntTerm, *, is_instant: bool) -> IntTerm:
    return _moved(a.value - b.value, a, b, is_instant=is_instant)


def between(later: IntTerm, earlier: IntTerm) -> IntTerm:
    """The duration from one instant to the other."""
    value = later.value - earlier.value
    return IntTerm(value, z3.And(later.ok, earlier.ok, _fits(value)))


def _moved(value: z3.ArithRef, a: IntTerm, b: IntTerm, *, is_instant: bool) -> IntTerm:
    """The result, exact if every duration fits 64 bits; open if not."""
    fits = z3.And(_fits(b.value), z3.BoolVal(True) if is_instant else _fits(a.value))
    inside = z3.And(value >= _FIRST, value <= _LAST) if is_instant else _fits(value)
    free, may = z3.FreshInt("moved"), z3.FreshBool("moves")
    return IntTerm(z3.If(fits, value, free), z3.And(a.ok, b.ok, z3.If(fits, inside, may)))


def seconds(a: IntTerm) -> IntTerm:
    """`int(instant)`: rounded down."""
    return IntTerm(a.value / SECOND, a.ok)


def from_seconds(a: IntTerm) -> IntTerm:
    value = a.value * SECOND
    return IntTerm(value, z3.And(a.ok, value >= _FIRST, value <= _LAST))


def quotient(a: z3.ArithRef, b: z3.ArithRef | int) -> z3.ArithRef:
    """Integer division towards zero; z3's leaves a remainder >= 0."""
    return z3.If(a >= 0, a / b, -((-a) / b))


def duration_part(function: str, a: IntTerm) -> IntTerm:
    """A duration in whole hours, minutes or seconds; getMilliseconds is what is left over the second."""
    if function == "getMilliseconds":
        return IntTerm(quotient(a.value - quotient(a.value, SECOND) * SECOND, 10**6), a.ok)
    unit = {"getHours": 3600, "getMinutes": 60, "getSeconds": 1}[function]
    return IntTerm(quotient(a.value, unit * SECOND), a.ok)


@dataclass(slots=True)
class CalendarTerms:
    """Local times, dates and weekdays of instants."""

    assumptions: list[z3.BoolRef] = field(default_factory=list)
    wishes: list[z3.BoolRef] = field(default_factory=list)
    _dates: dict[str, tuple[z3.ArithRef, z3.ArithRef, z3.BoolRef]] = field(default_factory=dict)
    _locals: dict[tuple[str, str], IntTerm] = field(default_factory=dict)

    def local(self, instant: IntTerm, zone: StringTerm) -> IntTerm:
        """The wall clock, as if it were UTC. Of zones only the names of UTC are known; the others are some offset."""
        key = (instant.value.sexpr(), zone.value.sexpr())
        if key not in self._locals:
            self._locals[key] = self._local(instant, zone)
        return self._locals[key]

    def _local(self, instant: IntTerm, zone: StringTerm) -> IntTerm:
        shift, is_valid = z3.FreshInt("offset"), z3.FreshBool("is_zone")
        is_utc = z3.Or(*(zone.value == name for name in _UTC_NAMES))
        self.assumptions.append(z3.Implies(is_utc, z3.And(shift == 0, is_valid)))
        if z3.is_string_value(zone.value):
            name = python_text(zone.value)
            self.assumptions.append(is_valid == is_zone(name))
            self.assumptions.append(z3.Implies(not any(c.isdigit() for c in name), _small(shift)))
        self.wishes.append(is_utc)
        return IntTerm(instant.value + shift, z3.And(instant.ok, zone.ok, is_valid))

    def part(self, function: str, local: IntTerm) -> IntTerm:
        """What a getter of instants returns for a wall clock."""
        if function in _CLOCK:
            unit, modulus = _CLOCK[function]
            return IntTerm((local.value / unit) % modulus, local.ok)
        if function == "getDayOfWeek":
            return IntTerm((local.value / DAY + 4) % 7, local.ok)
        year, day, is_leap = self._date(local.value / DAY)
        if function == "getFullYear":
            return IntTerm(year, local.ok)
        if function == "getDayOfYear":
            return IntTerm(day, local.ok)
        starts = [s + z3.If(is_leap, 1, 0) if s > 31 else z3.IntVal(s) for s in _MONTH_STARTS]
        if function == "getMonth":
            return IntTerm(z3.Sum([z3.If(day >= s, 1, 0) for s in starts[1:]]), local.ok)
        if function not in ("getDate", "getDayOfMonth"):
            raise NotModelled(function)
        start = z3.IntVal(0)
        for s in starts[1:]:
            start = z3.If(day >= s, s, start)
        return IntTerm(day - start + (1 if function == "getDate" else 0), local.ok)

    def _date(self, days: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef, z3.BoolRef]:
        """(year, day of the year from 0, whether it is a leap year) of a day counted from 1970-01-01."""
        key = days.sexpr()
        if key not in self._dates:
            year = z3.FreshInt("year")
            self.assumptions.append(z3.And(_new_year(year) <= days, days < _new_year(year + 1)))
            is_leap = z3.And(year % 4 == 0, z3.Or(year % 100 != 0, year % 400 == 0))
            self._dates[key] = (year, days - _new_year(year), is_leap)
        return self._dates[key]


_CLOCK = {
    "getHours": (3600 * SECOND, 24),
    "getMinutes": (60 * SECOND, 60),
    "getSeconds": (SECOND, 60),
    "getMilliseconds": (10**6, 1000),
}


def _new_year(year: z3.ArithRef) -> z3.ArithRef:
    """The day on which a year begins, counted from 1970-01-01."""
    leaps = (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400
    return 365 * (year - 1970) + leaps


def _small(shift: z3.ArithRef) -> z3.BoolRef:
    """No zone of the database is a day off UTC."""
    return z3.And(shift > -DAY, shift < DAY)


def _fits(value: z3.ArithRef) -> z3.BoolRef:
    return z3.And(value >= INT_MIN, value <= INT_MAX)
