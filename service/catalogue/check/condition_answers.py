"""The conditions of one catalogue, each compiled and decided once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

from cel_expr_python import cel

from service.catalogue.check.proof.bounds import Bounds
from service.catalogue.check.proof.solver import Satisfiability, Solver, SolverAnswer
from service.catalogue.conditions.compile import MAX_CONDITION, CelCondition, ConditionCompiler, ConditionInvalid

CHANNEL, PLACEMENT, NOW = "channel", "placement", "now"
_TIMEOUT_MS = 1000
ALL_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestScope:
    """The requests considered: their channel and placement are among these (empty: any), they come after `since`."""

    channels: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    since: datetime | None = None

    def seen_by(self, names: Iterable[str]) -> RequestScope:
        """The part of the scope that conditions reading only these names depend on."""
        read = set(names)
        return RequestScope(
            channels=self.channels if CHANNEL in read else (),
            placements=self.placements if PLACEMENT in read else (),
            since=self.since if NOW in read else None,
        )

    def bounds(self) -> dict[str, Bounds]:
        found: dict[str, Bounds] = {}
        if self.channels:
            found[CHANNEL] = Bounds(among=self.channels)
        if self.placements:
            found[PLACEMENT] = Bounds(among=self.placements)
        if self.since is not None:
            found[NOW] = Bounds(low=self.since)
        return found


class ConditionAnswers:
    """Answers whether conditions can hold, alone and together, and remembers the answers.

    Each question takes a few seconds at most; after `within_s` no more are asked, and the rest is not decided.
    """

    def __init__(
        self,
        compiler: ConditionCompiler,
        bounds: Mapping[str, Bounds],
        *,
        within_s: float = ALL_WITHIN_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._compiler = compiler
        self._long = ConditionCompiler(compiler.types, is_kept=True)
        self._bounds = dict(bounds)
        self._within_s = within_s
        self._clock = clock
        self._begins = clock()
        self._solvers: dict[RequestScope, Solver] = {}
        self._findings: dict[tuple[tuple[str, ...], tuple[str, ...], RequestScope], SolverAnswer] = {}

    def names(self, text: str) -> tuple[str, ...]:
        """The names that a condition reads; none if it cannot be compiled."""
        condition = self._condition(text)
        return () if condition is None else condition.names

    def together(self, texts: Sequence[str], scope: RequestScope, none_of: Sequence[str] = ()) -> SolverAnswer:
        """Whether all of these can hold at once, and none of the others."""
        hold, fail = tuple(sorted(set(texts))), tuple(sorted(set(none_of)))
        if any(self._condition(text) is None for text in (*hold, *fail)):
            return SolverAnswer(outcome=Satisfiability.NOT_DECIDED, why="what follows from it is nested too deeply")
        seen = scope.seen_by(name for text in (*hold, *fail) for name in self.names(text))
        key = (hold, fail, seen)
        if key not in self._findings and self._clock() - self._begins > self._within_s:
            why = f"the solver has worked on this catalogue for {self._within_s:g} s"
            return SolverAnswer(outcome=Satisfiability.NOT_DECIDED, why=why)
        if key not in self._findings:
            all_of, without = ([self.expression(text) for text in some] for some in (hold, fail))
            self._findings[key] = self._solver(seen).decide_together(all_of, none_of=without)
        return self._findings[key]

    def alone(self, text: str, scope: RequestScope) -> SolverAnswer:
        return self.together((text,), scope)

    def ever_after(self, text: str, scope: RequestScope, since: datetime) -> SolverAnswer:
        """The same from `since` on: what could hold once may be over."""
        return self.together((text,), replace(scope, since=since))

    def _solver(self, scope: RequestScope) -> Solver:
        if scope not in self._solvers:
            self._solvers[scope] = Solver(self._compiler.types, {**self._bounds, **scope.bounds()}, _TIMEOUT_MS)
        return self._solvers[scope]

    def _condition(self, text: str) -> CelCondition | None:
        """None if it cannot be compiled: one that was written can, one that says what follows from it may be longer."""
        compiler = self._compiler if len(text) <= MAX_CONDITION else self._long
        try:
            return compiler.compile(text)
        except ConditionInvalid:
            return None

    def expression(self, text: str) -> cel.Expression:
        """As CEL checked it; of a text that can be compiled."""
        condition = self._condition(text)
        assert condition is not None  # whoever asks has looked
        return condition.expression
