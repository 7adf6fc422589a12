"""The interfaces of a constraint and of a condition, and how far a constraint looks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, Protocol

from service.decision.evaluation import Evaluation
from service.decision.facts import SituationPart
from service.decision.variables import Variables
from service.decision.verdict import Observation, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How far a rule looks, beside what it `reads`. What is beyond it is neither read, recorded nor compared.

    `contacts` and `responses`: how old one may be that counts, beside open reservations; `grace`: how long an incident
    that is over may deny; `consents`: the (purpose, channel) asked for; `sources`: those whose heartbeats it waits for;
    `conditions` it holds; `asks_if_known`: whether it treats strangers in another way.
    """

    contacts: timedelta = timedelta(0)
    responses: timedelta = timedelta(0)
    grace: timedelta = timedelta(0)
    consents: tuple[tuple[str, str], ...] = ()
    sources: frozenset[str] = frozenset()
    conditions: tuple[Condition, ...] = ()
    asks_if_known: bool = False


class Rule(Hashable, Protocol):
    """A constraint bound to its parameters. Hashable by value, so that equal rules are shared."""

    @property
    def code(self) -> str:
        """UPPER_SNAKE, the code of its reasons."""
        ...

    def named(self, journey_id: str) -> str:
        """Its code, and what tells it from others of the code where it guards this journey, in its owner's words.

        A purpose, a kind, an id of the policies, or the journey itself. What nobody writes goes by its code.
        """
        ...

    @property
    def reads_contacts(self) -> bool:
        """Whether it counts contacts, so that it is checked again after each pick and at commit."""
        ...

    @property
    def reads(self) -> tuple[SituationPart, ...]:
        """What of the situation it looks at, the weightiest first; unknown, without `check`, while one is unread.

        A condition has none: what is unread is no variable of it, so that it tells by itself.
        """
        ...

    @property
    def subjects(self) -> frozenset[str] | None:
        """The journeys, pools or kill targets without which it cannot deny; None if it must always be checked.

        A rule is passed over, and so allows, when no contact, response, enrolment, kill or use concerns one of them.
        """
        ...

    @property
    def span(self) -> Span: ...

    def denies(self, evaluation: Evaluation) -> bool:
        """Pure and total; unknown facts deny, unless its owner declared otherwise."""
        ...

    def check(self, evaluation: Evaluation) -> Verdict:
        """The same, with the reason, which few people are told: a rule is checked when somebody asks why it denies."""
        ...

    def seen(self, evaluation: Evaluation) -> Observation:
        """What it looks at, also when it allows. For people who ask: not on the path of a decision."""
        ...


class Told(NamedTuple):
    """What is said of the conditions of a panel, by their places, ascending; those that hold are left out.

    `unresolved` have to be asked one by one.
    """

    false: Sequence[int]
    unknown: Sequence[int]
    unresolved: Sequence[int]


class Panel(Protocol):
    """Conditions that are asked together."""

    def told(self, variables: Variables) -> Told: ...


class Columns(Protocol):
    """Conditions whose comparisons are made all at once."""

    def prefetch(self, customers: Sequence[Variables]) -> None:
        """Makes those of several customers in one pass; who asks later is told of them."""

    def panel(self, rows: Sequence[int]) -> Panel:
        """Some of the conditions, by their rows."""
        ...


class Condition(Hashable, Protocol):
    """A compiled expression over a request's variables."""

    @property
    def text(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]:
        """The variables it mentions."""

    @property
    def columns(self) -> Columns | None:
        """Those that hold its `row`; None if it has to be asked by itself."""

    @property
    def row(self) -> int | None: ...

    def holds(self, variables: Variables) -> bool | None:
        """Three-valued: None when the values that are known do not settle it."""

    def holds_alone(self, variables: Variables) -> bool | None:
        """The same, for variables that few other conditions are asked about."""
