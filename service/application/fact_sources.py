"""What facts follow from, beside what both stores say: a company's own, by its rumbo.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from features.derived import Formula


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSources:
    """`derived`: what is computed of the features when a decision is made, by name.

    `latest`: the features that tell when something last happened, of which events tell too.
    """

    derived: Mapping[str, Formula] = field(default_factory=dict)
    latest: frozenset[str] = frozenset()
