"""What a model sees beside the features themselves: columns that depend on a customer and a journey at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from features.schema import FeatureSchema, FeatureType

_TERM = r"(?:[a-z0-9_]|\{[a-z][a-z0-9_]*\})+"
FORMULA = rf"{_TERM}( / {_TERM})?"
_ATTRIBUTE = re.compile(r"\{[a-z][a-z0-9_]*\}")
_NUMBERS = frozenset({FeatureType.DOUBLE, FeatureType.INT})
JOURNEY_COLUMNS = ("journey_id", "journey_kind")
"""What a model sees of every journey, beside its attributes."""
EXPECTED = (
    "expected a feature's name with an attribute of a journey in braces, such as spend_{product}_90d, or a ratio of "
    "two, such as spend_{product}_90d / spend_90d"
)


@dataclass(frozen=True, slots=True)
class Interaction:
    """A feature whose name depends on attributes of the journey, or the ratio of two features."""

    numerator: str
    denominator: str | None = None

    @classmethod
    def parsed(cls, text: str) -> Interaction:
        """Raises: ValueError that says what is expected."""
        if not re.fullmatch(FORMULA, text) or not _ATTRIBUTE.search(text):
            raise ValueError(EXPECTED)
        numerator, _, denominator = text.partition(" / ")
        return cls(numerator, denominator or None)

    def __str__(self) -> str:
        return " / ".join(self.terms)

    @property
    def terms(self) -> tuple[str, ...]:
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)

    def features(self, schema: FeatureSchema) -> frozenset[str]:
        """All stored numbers that it can become, whatever the journey."""
        return frozenset(name for term in self.terms for name in features_of_term(term, schema))


def features_of_term(term: str, schema: FeatureSchema) -> frozenset[str]:
    """The stored numbers whose names one term can become."""
    pattern = re.compile(".+".join(map(re.escape, _ATTRIBUTE.split(term))))
    stored = (spec for specs in schema.by_view.values() for spec in specs if spec.type in _NUMBERS)
    return frozenset(spec.name for spec in stored if pattern.fullmatch(spec.name))


def named(term: str, attributes: Mapping[str, str]) -> str | None:
    """The feature that a term is for a journey of these attributes; None if it lacks one."""
    try:
        return term.format_map(attributes)
    except KeyError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFeatures:
    """What a model learns from. `leave_out`: features that rules need; `interactions` by column, in their order."""

    leave_out: frozenset[str] = frozenset()
    interactions: Mapping[str, Interaction] = field(default_factory=dict)

    def faults(self, schema: FeatureSchema) -> Iterator[tuple[str, str]]:
        """(column, what is wrong) of each interaction that cannot be a column of this schema, whatever the journey."""
        for name, formula in self.interactions.items():
            if name in schema.by_name or name in JOURNEY_COLUMNS:
                yield name, f"'{name}' is a column already"
            for term in formula.terms:
                if not features_of_term(term, schema):
                    yield name, f"'{term}' becomes no feature of the registry that is a number"

    @classmethod
    def of(cls, leave_out: Iterable[str], interactions: Mapping[str, str]) -> ModelFeatures:
        """Raises: ValueError for an interaction that is none."""
        parsed = {name: Interaction.parsed(text) for name, text in interactions.items()}
        return cls(leave_out=frozenset(leave_out), interactions=parsed)
