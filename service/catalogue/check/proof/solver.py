"""Whether a condition can ever hold, and ever not: by examples if there are, by proof if there are none.

An example is facts for which the CEL runtime itself says so: CONTINGENT always comes with one of each kind. What no
example shows is put to z3 as a formula that allows at least what the runtime does, so that what it rules out is ruled
out: then NEVER or ALWAYS. When neither is found, the outcome is NOT_DECIDED, with the cause.

Assumed: every fact that is read is present, apart from those of a customer who is not known; it keeps to its bounds
and to the relations of `bounds.is_possible`; doubles are finite (the reader turns NaN into NULL, the wire refuses
both); instants lie in the years 1 to 9999, in microseconds. A condition that fails (overflow of an int, division of an
int by zero, a missing key, an instant out of range) does not hold, as in a decision. Doubles are modelled with their
rounding (`proof.doubles`): `x * 0.1 * 10.0 == x` is not ALWAYS, and what hangs on the last bit may be NOT_DECIDED.
Of time zones only UTC is modelled; another is some offset below a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cel_expr_python import cel

from service.catalogue.check.proof.bounds import SITUATION_BOUNDS, Assignment, Bounds, bounds_of, is_possible
from service.catalogue.check.proof.samples import beside, samples
from service.catalogue.conditions.tree import CheckedExprUnreadable, Node, names, read

__all__ = ["Assignment", "Bounds", "Satisfiability", "Solver", "SolverAnswer", "bounds_of"]

_SAMPLES = 300
"""So many facts are tried before anything is proved: 4 µs each, where a proof takes 20 ms."""
_BESIDE = 100


class Satisfiability(StrEnum):
    """Whether some facts make conditions true, and some false."""

    ALWAYS = "ALWAYS"
    NEVER = "NEVER"
    CONTINGENT = "CONTINGENT"
    NOT_DECIDED = "NOT_DECIDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverAnswer:
    """The answer of the solver. `why`: the bounds that an ALWAYS or NEVER rests on, or what could not be decided.

    `example` are facts for which all conditions hold, if one was found (CONTINGENT has one, ALWAYS usually).
    """

    outcome: Satisfiability
    why: str = ""
    example: Assignment | None = None


@dataclass(slots=True)
class _Examples:
    """What was seen so far: facts for which all of the conditions hold and none of others, and facts for which not."""

    all_of: Sequence[cel.Expression]
    none_of: Sequence[cel.Expression]
    bounds: Mapping[str, Bounds]
    holding: Assignment | None = None
    failing: Assignment | None = None

    @property
    def are_both(self) -> bool:
        return self.holding is not None and self.failing is not None

    def try_all(self, tried: Iterable[Assignment]) -> None:
        for facts in tried:
            if self.are_both:
                return
            if self._hold(facts):
                self.holding = self.holding if self.holding is not None else facts
            else:
                self.failing = self.failing if self.failing is not None else facts

    def _hold(self, facts: Assignment) -> bool:
        return all(_holds(e, facts) for e in self.all_of) and not any(_holds(e, facts) for e in self.none_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """The checked trees of what is to hold and of what is not."""

    all_of: list[Node]
    none_of: list[Node]

    @property
    def nodes(self) -> list[Node]:
        return [*self.all_of, *self.none_of]


class Solver:
    """Decides on conditions over variables of known types."""

    def __init__(
        self, types: Mapping[str, str], bounds: Mapping[str, Bounds] | None = None, timeout_ms: int = 2000
    ) -> None:
        """`types` as for `ConditionCompiler`; `timeout_ms` bounds each question to z3, of which there are a few."""
        self.types = dict(types)
        self.bounds = {**SITUATION_BOUNDS, **(bounds or {})}
        self.timeout_ms = timeout_ms

    def decide(self, expression: cel.Expression) -> SolverAnswer:
        """Whether a checked condition holds for all facts, for none, or for some."""
        return self.decide_together([expression])

    def decide_together(
        self, expressions: Sequence[cel.Expression], *, none_of: Sequence[cel.Expression] = ()
    ) -> SolverAnswer:
        """The same for "all of these hold", as for an audience and the policies that guard it.

        Args:
            none_of: "and none of these does", be it false or failing, as for a choice and those before it.
        """
        try:
            asked = _Question(all_of=[read(e) for e in expressions], none_of=[read(e) for e in none_of])
        except CheckedExprUnreadable as unreadable:
            return SolverAnswer(outcome=Satisfiability.NOT_DECIDED, why=str(unreadable))
        seen = _Examples(expressions, none_of, self.bounds)
        seen.try_all(samples(asked.nodes, self.types, self.bounds, _SAMPLES))
        return self._prove(asked, seen) if not seen.are_both else _contingent(seen)

    def _prove(self, asked: _Question, seen: _Examples) -> SolverAnswer:
        """Settles the side of which no example was seen; both sides if there was none at all."""
        from service.catalogue.check.proof.prove import Proof, ProofResult

        proof = Proof(asked.all_of, asked.none_of, self.types, self.bounds, self.timeout_ms)
        doubts: list[str] = []
        for holds, outcome in ((True, Satisfiability.NEVER), (False, Satisfiability.ALWAYS)):
            if (seen.holding if holds else seen.failing) is not None:
                continue
            verdict = proof.can_be(holds, lambda facts: self._confirms(seen, facts, holds))  # noqa: B023 - used at once
            if verdict is ProofResult.IMPOSSIBLE:
                return SolverAnswer(outcome=outcome, why=self._ground(asked, holds), example=seen.holding)
            if verdict is not ProofResult.CONFIRMED:
                doubts.append(proof.doubt(holds, verdict))
        return SolverAnswer(outcome=Satisfiability.NOT_DECIDED, why="; ".join(doubts)) if doubts else _contingent(seen)

    def _confirms(self, seen: _Examples, facts: Assignment, holds: bool) -> bool:
        """Whether the runtime agrees with facts that z3 proposes, or with some a few roundings beside them."""
        if is_possible(facts, self.bounds):
            seen.try_all([facts, *beside(facts, self.bounds, _BESIDE)])
        return (seen.holding if holds else seen.failing) is not None

    def _ground(self, asked: _Question, holds: bool) -> str:
        """The bounds without which the proof fails, empty if it needs none."""
        from service.catalogue.check.proof.prove import Proof, ProofResult

        bounded = sorted(frozenset().union(*(names(node) for node in asked.nodes)) & self.bounds.keys())
        unbounded = Proof(asked.all_of, asked.none_of, self.types, {}, self.timeout_ms) if bounded else None
        if unbounded is None or unbounded.is_impossible(holds) is ProofResult.IMPOSSIBLE:
            return ""
        return "given that " + ", ".join(f"{name} is in {self.bounds[name]}" for name in bounded)


def _contingent(seen: _Examples) -> SolverAnswer:
    return SolverAnswer(outcome=Satisfiability.CONTINGENT, example=seen.holding)


def _holds(expression: cel.Expression, facts: Assignment) -> bool:
    """Whether the runtime says true.

    It raises rather than answers for a text that is no Unicode, which no fact can be, and for a condition that it
    cannot plan, such as one with a key twice in a map.
    """
    try:
        return expression.eval(data=facts).value() is True
    except (UnicodeEncodeError, RuntimeError):
        return False
