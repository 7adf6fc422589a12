"""What every constraint is."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Protocol

from service.decision.facts import Facts
from service.decision.verdict import Verdict


class Rule(Hashable, Protocol):
    """A constraint bound to its parameters. Hashable by value, so that equal rules are shared.

    `reads_contacts`: the rule counts contacts, so it is checked again after each pick and at commit.
    """

    code: ClassVar[str]

    @property
    def reads_contacts(self) -> bool: ...

    def check(self, facts: Facts) -> Verdict: ...


class Condition(Hashable, Protocol):
    """A compiled expression over a request's variables."""

    @property
    def text(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]:
        """The variables it mentions."""

    def holds(self, facts: Facts) -> bool | None:
        """Three-valued: None when the facts that are known do not settle it."""
