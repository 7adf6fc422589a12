"""What is wrong with a catalogue: every fault with its place, so that an owner sees all of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.catalogue.conditions.compile import ConditionCompiler, ConditionInvalid
from service.decision.constraints.rule import Condition

POLICIES = "policies.yaml"
JOURNEYS = "journeys"


class Severity(StrEnum):
    """What a problem does to a catalogue."""

    ERROR = "ERROR"  # it may not be used
    WARNING = "WARNING"  # surely not what was meant, but no harm
    NOTICE = "NOTICE"  # worth knowing: among these what could not be decided


class FaultClass(StrEnum):
    """The classes of faults."""

    FILE = "FILE"  # missing, unreadable, no YAML
    FORM = "FORM"  # a field that is not what it must be
    CONDITION = "CONDITION"  # a condition that does not compile, or speaks of what does not exist
    NAME = "NAME"  # a channel, purpose, journey or event type that is not declared
    NEVER = "NEVER"  # a condition that can never hold
    ALWAYS = "ALWAYS"  # a condition that always holds
    NOT_DECIDED = "NOT_DECIDED"  # a condition of which neither could be told
    VALUE = "VALUE"  # a value that what it is compared with never has
    IMPOSSIBLE = "IMPOSSIBLE"  # a journey or action that no customer could ever get
    UNREACHABLE = "UNREACHABLE"  # a stage that no customer could ever be served at, or where some stand in vain
    TRANSLATION = "TRANSLATION"  # a text that lacks a language
    LEVER = "LEVER"  # a lever that is over, or out of bounds
    RANK = "RANK"  # journeys that are ranked by what cannot be compared
    CAPS = "CAPS"  # caps that contradict each other
    OVERLAP = "OVERLAP"  # quiet hours that are said twice
    BYPASS = "BYPASS"  # a bypass of a constraint that guards nothing there
    MEANING = "MEANING"  # an id that means something else than before


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault. `subject` is a journey id or a file name; `path` leads to the field within it.

    `column` is the 0-based place inside the text of that field, if the fault is at one. `suggestion` is what may have
    been meant.
    """

    subject: str
    path: tuple[str | int, ...]
    fault: FaultClass
    text: str
    column: int | None = None
    severity: Severity = Severity.ERROR
    suggestion: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.subject, ".".join(map(str, self.path)), self.text)))


class Problems:
    """Collects problems."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(
        self,
        subject: str,
        path: Sequence[str | int],
        fault: FaultClass,
        text: str,
        column: int | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.found.append(
            Problem(subject=subject, path=tuple(path), fault=fault, text=text, column=column, severity=severity)
        )

    def condition(
        self, compiler: ConditionCompiler, text: str, subject: str, path: Sequence[str | int]
    ) -> Condition | None:
        """The compiled condition, or None with its problems."""
        try:
            return compiler.compile(text)
        except ConditionInvalid as error:
            for fault in (error, *error.others):
                self.add(subject, path, FaultClass.CONDITION, str(fault), fault.column)
            return None
