"""Compiles the conditions of a catalogue that differs little from an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from service.catalogue.conditions import CelCondition, ConditionCompiler
from service.catalogue.patience import GoOn, always


class CompilerAgain(ConditionCompiler):
    """Takes over what an earlier one compiled over the same variables. Entered while it compiles; then it lets go.

    Conditions of two compilers are never mixed, since the comparisons of each stand in columns of their own.
    """

    def __init__(
        self,
        types: Mapping[str, str],
        earlier: CompilerAgain | None = None,
        go_on: GoOn = always,
        *,
        is_kept: bool = False,
    ) -> None:
        """`go_on` is asked before each condition that is new."""
        super().__init__(types, is_kept=is_kept)
        self._go_on = go_on
        self._earlier: Mapping[str, CelCondition] = {}
        if earlier is not None and earlier.types == self.types:
            self._env, self._earlier = earlier._env, earlier._compiled

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._earlier, self._go_on = {}, always
        self._comparisons.over({})  # lays them out, which the first request would else wait for

    def _new(self, text: str) -> CelCondition:
        known = self._earlier.get(text)
        if known is None:
            self._go_on()
        return super()._new(text) if known is None else known.among(self._comparisons)
