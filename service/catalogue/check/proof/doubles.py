"""IEEE doubles over the reals, rounding included.

An operation gives a fresh real r, bound to the exact result e by what holds of every rounding to nearest:
|r - e| <= 2^-53 |e| (+ 2^-1075 for a product or quotient, which may underflow); e <= d implies r <= d for each double
d, and e >= d implies r >= d; e <= e' implies r <= r'. From 2^1024 - 2^970 on it overflows. What follows from an
infinity or a NaN is left open. So the formulas allow all that doubles do, and somewhat more.
Source: Goldberg (1991), What every computer scientist should know about floating-point arithmetic; IEEE 754-2019, 4.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

import z3

from service.catalogue.check.proof.terms import DoubleTerm, IntTerm

INFINITE = 2**1024
_OVERFLOW = 2**1024 - 2**970
_UNIT = Fraction(1, 2**53)
_TINY = Fraction(1, 2**1075)
_MOST_PAIRS, _MOST_GAPS = 300, 20
"""Beyond so many pairs of doubles their order is no longer told to the solver: it may prove less, not wrongly more."""


def rational(value: float | Fraction) -> z3.RatNumRef:
    exact = Fraction(value)
    return z3.Q(exact.numerator, exact.denominator)


_LARGEST = Fraction(math.nextafter(math.inf, 0.0))


@dataclass(frozen=True, slots=True)
class _Rounding:
    exact: z3.ArithRef
    result: DoubleTerm
    regular: z3.BoolRef
    """Whether the operands are finite and the operation is defined on them."""


@dataclass(slots=True)
class Doubles:
    """The doubles of one proof, and what is known of them."""

    known: list[DoubleTerm] = field(default_factory=list)
    rounded: list[_Rounding] = field(default_factory=list)
    assumptions: list[z3.BoolRef] = field(default_factory=list)

    def constant(self, value: float) -> DoubleTerm:
        if math.isnan(value):
            return DoubleTerm(rational(0.0), z3.BoolVal(True), z3.BoolVal(True))
        exact = Fraction(value) if math.isfinite(value) else Fraction(INFINITE if value > 0 else -INFINITE)
        return self._know(DoubleTerm(rational(exact), z3.BoolVal(False), z3.BoolVal(True)))

    def variable(self, name: str, ok: z3.BoolRef) -> DoubleTerm:
        """A fact: finite, for the reader turns NaN and infinities into NULL and the wire refuses them."""
        value = z3.Real(name)
        self.assumptions.append(_within(value, rational(_LARGEST)))
        return self._know(DoubleTerm(value, z3.BoolVal(False), ok))

    def unknown(self, ok: z3.BoolRef) -> DoubleTerm:
        value = z3.FreshReal("double")
        self.assumptions.append(_within(value, rational(INFINITE)))
        return self._know(DoubleTerm(value, z3.FreshBool("nan"), ok))

    def negate(self, a: DoubleTerm) -> DoubleTerm:
        return self._know(DoubleTerm(z3.simplify(-a.value), a.nan, a.ok))

    def add(self, a: DoubleTerm, b: DoubleTerm) -> DoubleTerm:
        if _are_constant(a, b):
            return self.constant(_float(a) + _float(b))
        return self._round(a.value + b.value, a, b, regular=_finite(a, b), error=0)

    def subtract(self, a: DoubleTerm, b: DoubleTerm) -> DoubleTerm:
        if _are_constant(a, b):
            return self.constant(_float(a) - _float(b))
        return self._round(a.value - b.value, a, b, regular=_finite(a, b), error=0)

    def multiply(self, a: DoubleTerm, b: DoubleTerm) -> DoubleTerm:
        if _are_constant(a, b):
            return self.constant(_float(a) * _float(b))
        exact = z3.FreshReal("product")
        self.assumptions.append(exact == a.value * b.value)
        return self._round(exact, a, b, regular=_finite(a, b), error=_TINY)

    def divide(self, a: DoubleTerm, b: DoubleTerm) -> DoubleTerm:
        """x / 0 is an infinity of either sign (zeros have one that no formula here sees), 0 / 0 is NaN."""
        if _are_constant(a, b) and _float(b) != 0.0:
            return self.constant(_float(a) / _float(b))
        exact, is_zero = z3.FreshReal("quotient"), b.value == 0
        self.assumptions.append(z3.Implies(z3.Not(is_zero), exact * b.value == a.value))
        result = self._round(exact, a, b, regular=z3.And(_finite(a, b), z3.Not(is_zero)), error=_TINY)
        infinite = z3.Or(result.value == rational(INFINITE), result.value == rational(-INFINITE))
        by_zero = z3.If(a.value == 0, result.nan, z3.And(z3.Not(result.nan), infinite))
        self.assumptions.append(z3.Implies(z3.And(_finite(a, b), is_zero), by_zero))
        return result

    def from_int(self, a: IntTerm) -> DoubleTerm:
        if z3.is_int_value(a.value) and z3.is_true(a.ok):
            return self.constant(float(a.value.as_long()))
        return self._round(
            z3.ToReal(a.value), DoubleTerm(z3.ToReal(a.value), z3.BoolVal(False), a.ok), regular=a.ok, error=0
        )

    def to_int(self, a: DoubleTerm) -> IntTerm:
        """Towards zero; an error unless strictly between ±2^63."""
        floor, ceiling = z3.ToInt(a.value), -z3.ToInt(-a.value)
        inside = z3.And(a.value > rational(-(2**63)), a.value < rational(2**63))
        return IntTerm(z3.If(a.value >= 0, floor, ceiling), z3.And(a.ok, z3.Not(a.nan), inside))

    def orders(self) -> Iterator[z3.BoolRef]:
        """Rounding keeps the order: of each result with each double, and of two results."""
        self.constant(0.0)
        yield from self._gaps()
        pairs = [(r, d) for r in self.rounded for d in self.known if d is not r.result][:_MOST_PAIRS]
        for r, d in pairs:
            valid = z3.And(r.regular, d.ok, z3.Not(d.nan))
            yield z3.Implies(z3.And(valid, r.exact <= d.value), r.result.value <= d.value)
            yield z3.Implies(z3.And(valid, r.exact >= d.value), r.result.value >= d.value)
        for r, other in list(combinations(self.rounded, 2))[:_MOST_PAIRS]:
            valid = z3.And(r.regular, other.regular)
            yield z3.Implies(z3.And(valid, r.exact <= other.exact), r.result.value <= other.result.value)
            yield z3.Implies(z3.And(valid, r.exact >= other.exact), r.result.value >= other.result.value)

    def _gaps(self) -> Iterator[z3.BoolRef]:
        """No double lies between a constant and the double next to it."""
        constants = [d.value.as_fraction() for d in self.known if z3.is_rational_value(d.value)]
        others = [d for d in self.known if not z3.is_rational_value(d.value)][:_MOST_GAPS]
        for at in dict.fromkeys(c for c in constants if abs(c) < _LARGEST):
            low, high = (math.nextafter(float(at), end) for end in (-math.inf, math.inf))
            for d in others:
                inside = [z3.And(rational(a) < d.value, d.value < rational(b)) for a, b in ((low, at), (at, high))]
                yield z3.Implies(z3.And(d.ok, z3.Not(d.nan)), z3.Not(z3.Or(*inside)))

    def is_exact(self) -> Iterator[z3.BoolRef]:
        """A preference, not a fact: that nothing is rounded, for such examples survive the runtime."""
        return (r.result.value == r.exact for r in self.rounded)

    def _know(self, double: DoubleTerm) -> DoubleTerm:
        self.known.append(double)
        return double

    def _round(
        self, exact: z3.ArithRef, *operands: DoubleTerm, regular: z3.BoolRef, error: Fraction | int
    ) -> DoubleTerm:
        result = self.unknown(z3.And(*(o.ok for o in operands)))
        size = z3.If(exact >= 0, exact, -exact)
        slack = rational(_UNIT) * size + rational(Fraction(error))
        near = z3.And(
            _within(result.value, rational(_LARGEST)), result.value - exact <= slack, exact - result.value <= slack
        )
        over = z3.If(exact > 0, result.value == rational(INFINITE), result.value == rational(-INFINITE))
        rounded = z3.And(z3.Not(result.nan), z3.If(size >= rational(_OVERFLOW), over, near))
        self.assumptions.append(z3.Implies(regular, rounded))
        self.rounded.append(_Rounding(exact, result, regular))
        return result


def _are_constant(*doubles: DoubleTerm) -> bool:
    """Whether Python can compute with them: constants, but no infinities."""
    return all(
        z3.is_rational_value(d.value)
        and z3.is_false(d.nan)
        and z3.is_true(d.ok)
        and abs(d.value.as_fraction()) <= _LARGEST
        for d in doubles
    )


def _float(constant: DoubleTerm) -> float:
    return float(constant.value.as_fraction())


def _within(value: z3.ArithRef, most: z3.RatNumRef) -> z3.BoolRef:
    return z3.And(-most <= value, value <= most)


def _finite(*doubles: DoubleTerm) -> z3.BoolRef:
    return z3.And(*(z3.And(d.ok, z3.Not(d.nan), _within(d.value, rational(_LARGEST))) for d in doubles))
