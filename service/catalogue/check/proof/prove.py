"""One proof: can these conditions all hold, and no other of some? Can that fail?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

import z3

from service.catalogue.check.proof.bounds import Assignment, Bounds
from service.catalogue.check.proof.translate import Translation
from service.catalogue.conditions.tree import Node

_PROPOSALS = 3


class ProofResult(Enum):
    """The result of one question to z3."""

    IMPOSSIBLE = auto()
    CONFIRMED = auto()
    UNCONFIRMED = auto()
    """z3 finds an example, the runtime does not agree."""
    TIMED_OUT = auto()


class Proof:
    """The formulas of some conditions, translated once: "all of these hold, and none of those"."""

    def __init__(
        self,
        all_of: list[Node],
        none_of: list[Node],
        types: Mapping[str, str],
        bounds: Mapping[str, Bounds],
        timeout_ms: int,
    ) -> None:
        self._translation = Translation(types, bounds)
        claims = self._translation.claims([*all_of, *none_of])
        hold, fail = claims[: len(all_of)], claims[len(all_of) :]
        self._holds = z3.And(*(claim.true for claim in hold), *(z3.Not(claim.true) for claim in fail))
        self._known = self._translation.known()
        self._timeout_ms = timeout_ms

    def is_impossible(self, holds: bool) -> ProofResult:
        """IMPOSSIBLE, UNCONFIRMED or TIMED_OUT, without an example."""
        found = self._solver(holds).check()
        if found == z3.unsat:
            return ProofResult.IMPOSSIBLE
        return ProofResult.UNCONFIRMED if found == z3.sat else ProofResult.TIMED_OUT

    def can_be(self, holds: bool, confirms: Callable[[Assignment], bool]) -> ProofResult:
        """Whether that can hold (or fail to); `confirms` asks the runtime about an example."""
        if self._propose(self._solver(holds, wishes=self._translation.wishes()), confirms) is ProofResult.CONFIRMED:
            return ProofResult.CONFIRMED
        return self._propose(self._solver(holds), confirms)

    def doubt(self, holds: bool, verdict: ProofResult) -> str:
        """Why it was not decided."""
        question = "whether it can hold" if holds else "whether it can fail to hold"
        if verdict is ProofResult.TIMED_OUT:
            return f"{question}: the solver gave up after {self._timeout_ms} ms"
        gaps = dict.fromkeys(f"{gap.what} (at {gap.offset + 1})" for gap in self._translation.gaps)
        cause = f"nothing is known of {', '.join(gaps)}" if gaps else "it hangs on the rounding of doubles or on a zone"
        return f"{question}: {cause}"

    def _solver(self, holds: bool, wishes: list[z3.BoolRef] | None = None) -> z3.Solver:
        solver = z3.Solver()
        solver.set("timeout", self._timeout_ms)
        solver.add(*self._known, *(wishes or ()), self._holds if holds else z3.Not(self._holds))
        return solver

    def _propose(self, solver: z3.Solver, confirms: Callable[[Assignment], bool]) -> ProofResult:
        """Up to three examples, each with other facts than those before."""
        for proposal in range(_PROPOSALS):
            found = solver.check()
            if found == z3.unsat:  # later, only because the runtime refused what was proposed
                return ProofResult.UNCONFIRMED if proposal else ProofResult.IMPOSSIBLE
            if found != z3.sat:
                return ProofResult.TIMED_OUT
            model = solver.model()
            facts = self._translation.variables.facts(model)
            if facts is not None and confirms(facts):
                return ProofResult.CONFIRMED
            solver.add(self._translation.variables.differ(model))
        return ProofResult.UNCONFIRMED
