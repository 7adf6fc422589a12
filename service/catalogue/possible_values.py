"""Values that a feature never has, by what its notes say: outside of its bounds, or none of its levels."""

from __future__ import annotations

from dataclasses import dataclass

from features.documents.form import meant
from features.schema import FeatureSpec
from features.values import Scalar

_MAX_LISTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleValues:
    """What something can be: one of `levels`, or a number from the least to the greatest of `bounds`; None: any."""

    levels: tuple[str, ...] | None = None
    bounds: tuple[float, float] | None = None

    @classmethod
    def of(cls, spec: FeatureSpec) -> PossibleValues:
        return cls(levels=spec.levels, bounds=spec.bounds)

    def never(self, name: str, value: Scalar | None) -> str:
        """Why what is called `name` is never this value; empty if it can be, or nothing is known of it."""
        if isinstance(value, str) and self.levels is not None and value not in self.levels:
            listed = ", ".join(self.levels[:_MAX_LISTED]) + (", …" if len(self.levels) > _MAX_LISTED else "")
            return f'`{name}` is never "{value}", it is one of {listed}{meant(value, self.levels)}'
        if isinstance(value, bool) or not isinstance(value, int | float) or self.bounds is None:
            return ""
        low, high = self.bounds
        if low <= value <= high:
            return ""
        share = f": {value:g} % is written {value / 100:g}" if self.bounds == (0, 1) and 1 < value <= 100 else ""
        return f"`{name}` is never {value:.15g}, it is {low:.15g} to {high:.15g}{share}"
