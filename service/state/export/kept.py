"""What the export asks of the catalogues that decisions were made by, which are kept as long as their decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from service.decision.plan import Plan
from service.state.export.rewards import RewardObjective

Read = Callable[[str], str | None]
"""Gives the text of a version, if it is kept."""


class KeptJourney(Protocol):
    """A journey as its catalogue has it. `prior`: P(objective met) before evidence; `expects`: by action."""

    @property
    def kind(self) -> str: ...

    @property
    def tier(self) -> int: ...

    @property
    def value(self) -> float | None:
        """Of its objective, when met; None where it is learned."""

    @property
    def prior(self) -> float: ...

    @property
    def attributes(self) -> Mapping[str, str]: ...

    @property
    def expects(self) -> Mapping[str, str]: ...


class Objectives(Protocol):
    """What the journeys of the kept catalogues are for, and what else is said of them there."""

    def of(self, read: Read, version: str, journey_id: str) -> RewardObjective:
        """Raises: what tells that the version is not kept, or has no such journey."""

    def all_of(self, read: Read, version: str) -> Mapping[str, RewardObjective]:
        """By journey; none of a version that is not kept, or whose objectives can be told no longer."""

    def journey_of(self, read: Read, version: str, journey_id: str) -> KeptJourney | None:
        """None of a journey, or of a whole version, that is not kept."""

    def plan_of(self, read: Read, version: str) -> Plan | None:
        """The catalogue bound anew; None where that cannot be, or can be no longer."""
