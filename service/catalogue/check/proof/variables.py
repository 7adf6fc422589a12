"""The facts of a condition as unknowns, what is known of them, and a model of the solver read back as facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

import z3

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
    Bounds,
    FactValue,
)
from service.catalogue.check.proof.doubles import Doubles, rational
from service.catalogue.check.proof.instants import instant_at, nanoseconds
from service.catalogue.check.proof.terms import (
    INT_MAX,
    INT_MIN,
    BoolTerm,
    DoubleTerm,
    IntTerm,
    Members,
    NotModelled,
    StringTerm,
    Term,
    python_text,
    text_value,
)

_MOST_LISTED = 1000
"""An example with a longer list is not worth trying."""
_NICE_SIZE, _NICE_NUMBER, _NICE_PART = 20, 10**9, 64
_NICE_INSTANTS = (datetime.fromisoformat("2000-01-01T00:00:00Z"), datetime.fromisoformat("2100-01-01T00:00:00Z"))


@dataclass(slots=True)
class Variables:
    """`wishes` are not facts: they ask for examples of a plain kind, which are likelier to survive the runtime."""

    types: Mapping[str, str]
    bounds: Mapping[str, Bounds]
    doubles: Doubles
    assumptions: list[z3.BoolRef] = field(default_factory=list)
    wishes: list[z3.BoolRef] = field(default_factory=list)
    _terms: dict[str, Term] = field(default_factory=dict)
    _unknowns: dict[str, z3.ExprRef] = field(default_factory=dict)

    def declare(self, names: Iterable[str]) -> None:
        """All facts at once: whether a customer is known decides on the others."""
        present = sorted(name for name in names if name in self.types)
        for name in present:
            is_known = z3.Bool(IS_KNOWN) if IS_KNOWN in present and _needs_row(name) else z3.BoolVal(True)
            self._terms[name] = self._declare(name, is_known)
        self._relate_incidents()
        self._relate_journeys()

    def term(self, name: str) -> Term:
        if name not in self._terms:
            raise NotModelled(f"the variable {name}")
        return self._terms[name]

    def facts(self, model: z3.ModelRef) -> dict[str, FactValue] | None:
        """The facts of a model, None if they are too large to be worth trying."""
        found: dict[str, FactValue] = {}
        for name, term in self._terms.items():
            if not z3.is_true(model.eval(term.ok, model_completion=True)):
                continue  # a fact that is missing
            value = self._value(name, term, model)
            if value is None:
                return None
            found[name] = value
        return found

    def differ(self, model: z3.ModelRef) -> z3.BoolRef:
        """That some scalar fact is another than in this model."""
        scalars = [t.value for t in self._terms.values() if isinstance(t, IntTerm | DoubleTerm | StringTerm)]
        return z3.Or(*(value != model.eval(value, model_completion=True) for value in scalars))

    def _declare(self, name: str, is_known: z3.BoolRef) -> Term:
        type_name, bounds = self.types[name], self.bounds.get(name, Bounds())
        if type_name == "bool":
            value = z3.Bool(name)
            return BoolTerm(z3.And(is_known, value), z3.And(is_known, z3.Not(value)))
        if type_name == "int":
            return self._int(name, bounds, is_known)
        if type_name == "double":
            return self._double(name, bounds, is_known)
        if type_name == "string":
            return self._text(name, bounds, is_known)
        if type_name == "timestamp":
            return self._instant(name, bounds, is_known)
        return self._collection(name, type_name, is_known)

    def _int(self, name: str, bounds: Bounds, ok: z3.BoolRef) -> IntTerm:
        value = z3.Int(name)
        self.assumptions += [value >= INT_MIN, value <= INT_MAX, *_ends(value, bounds)]
        self.wishes += [value >= -_NICE_NUMBER, value <= _NICE_NUMBER]
        return IntTerm(value, ok)

    def _double(self, name: str, bounds: Bounds, ok: z3.BoolRef) -> DoubleTerm:
        double = self.doubles.variable(name, ok)
        self.assumptions += _ends(double.value, bounds)
        self.wishes += [double.value >= -_NICE_NUMBER, double.value <= _NICE_NUMBER]
        self.wishes.append(double.value * _NICE_PART == z3.ToReal(z3.Int(f"{name}#parts")))
        return double

    def _text(self, name: str, bounds: Bounds, ok: z3.BoolRef) -> StringTerm:
        value = z3.String(name)
        if bounds.among:
            self.assumptions.append(z3.Or(*(value == text_value(text) for text in bounds.among)))
        self.wishes.append(z3.Length(value) <= _NICE_SIZE)
        return StringTerm(value, ok)

    def _instant(self, name: str, bounds: Bounds, ok: z3.BoolRef) -> IntTerm:
        """Python's microseconds, though CEL counts nanoseconds."""
        micros = self._unknowns[name] = z3.Int(name)
        for low, high, wanted in (
            (EARLIEST, LATEST, self.assumptions),
            (bounds.low, bounds.high, self.assumptions),
            (*_NICE_INSTANTS, self.wishes),
        ):
            wanted += [micros >= nanoseconds(low) // 1000] if isinstance(low, datetime) else []
            wanted += [micros <= nanoseconds(high) // 1000] if isinstance(high, datetime) else []
        return IntTerm(micros * 1000, ok)

    def _collection(self, name: str, type_name: str, ok: z3.BoolRef) -> Members:
        held = z3.Array(f"{name}#held", z3.StringSort(), z3.BoolSort())
        size = z3.Int(f"{name}#size")
        self.assumptions.append(size >= 0)
        self.wishes.append(size <= _NICE_SIZE)
        if type_name.startswith("list"):
            return Members(name, ok, size, held)
        values = z3.Array(f"{name}#values", z3.StringSort(), z3.StringSort())
        return Members(name, ok, size, held, values)

    def _relate_incidents(self) -> None:
        """The twin of `bounds._incidents_agree`."""
        has, count, classes = (self._terms.get(name) for name in (HAS_OPEN, OPEN_COUNT, OPEN_CLASSES))
        claims = [has.true] if isinstance(has, BoolTerm) else []
        claims += [count.value > 0] if isinstance(count, IntTerm) else []
        claims += [classes.size > 0] if isinstance(classes, Members) else []
        self.assumptions += [claims[0] == other for other in claims[1:]]
        if isinstance(count, IntTerm) and isinstance(classes, Members):
            self.assumptions.append(classes.size <= count.value)

    def _relate_journeys(self) -> None:
        """The twin of `bounds._journeys_agree`: both names share one set."""
        stages, journeys = self._terms.get(STAGES), self._terms.get(JOURNEYS)
        if isinstance(stages, Members) and isinstance(journeys, Members):
            self._terms[JOURNEYS] = Members(JOURNEYS, journeys.ok, stages.size, stages.held, asked=stages.asked)

    def close(self) -> list[z3.BoolRef]:
        """What can be said only when all is translated."""
        found = []
        for name, term in self._terms.items():
            if isinstance(term, Members):
                found.append(term.counted())
                if name == STAGES:
                    found += [z3.Implies(z3.Select(term.held, key), _is_stage(term, key)) for key in term.asked]
        return found

    def _value(self, name: str, term: Term, model: z3.ModelRef) -> FactValue | None:
        if isinstance(term, BoolTerm):
            return bool(z3.is_true(model.eval(term.true, model_completion=True)))
        if isinstance(term, Members):
            return self._listed(name, term, model)
        if name in self._unknowns:
            return instant_at(model.eval(self._unknowns[name], model_completion=True).as_long())
        if isinstance(term, IntTerm):
            return int(model.eval(term.value, model_completion=True).as_long())
        if isinstance(term, DoubleTerm):
            return _float(model.eval(term.value, model_completion=True))
        if isinstance(term, StringTerm):
            return python_text(model.eval(term.value, model_completion=True))
        return None

    def _listed(self, name: str, term: Members, model: z3.ModelRef) -> FactValue | None:
        """The strings asked for that are in, and as many others as the size demands."""
        size = model.eval(term.size, model_completion=True).as_long()
        keys = {python_text(model.eval(t, model_completion=True)): t for t in term.asked}
        held = [k for k, t in keys.items() if z3.is_true(model.eval(z3.Select(term.held, t), model_completion=True))]
        if size > _MOST_LISTED:
            return None
        fillers = (f"other-{i}" for i in range(size + len(keys)))
        held += [f for f in fillers if f not in keys][: size - len(held)]
        if term.values is None:
            return sorted(held)
        plain = min(STAGE_NAMES)
        return {
            k: python_text(model.eval(z3.Select(term.values, keys[k]), model_completion=True)) if k in keys else plain
            for k in sorted(held)
        }


def _needs_row(name: str) -> bool:
    """Whether the variable comes from a row of a view: whoever is not known has none, so it is missing."""
    return name.startswith("customer.") and name != IS_KNOWN


def _ends(value: z3.ArithRef, bounds: Bounds) -> list[z3.BoolRef]:
    found = [value >= rational(bounds.low)] if isinstance(bounds.low, int | float) else []
    return found + ([value <= rational(bounds.high)] if isinstance(bounds.high, int | float) else [])


def _is_stage(stages: Members, key: z3.SeqRef) -> z3.BoolRef:
    return z3.Or(*(z3.Select(stages.values, key) == text_value(stage) for stage in sorted(STAGE_NAMES)))


def _float(value: z3.ArithRef) -> float:
    if z3.is_algebraic_value(value):
        value = value.approx(30)
    exact = Fraction(value.numerator_as_long(), value.denominator_as_long())
    return float(exact) + 0.0  # never -0.0
