"""Values that a feature never has, by what its notes say: outside of its bounds, or none of its levels."""

from __future__ import annotations

from features.documents.form import meant
from features.schema import FeatureSpec
from features.values import Scalar

_MAX_LISTED = 8


def never_is(spec: FeatureSpec, value: Scalar) -> str:
    """Why this feature is never this value; empty if it can be, or nothing is noted of it."""
    if isinstance(value, str) and spec.levels is not None and value not in spec.levels:
        near = meant(value, spec.levels)
        more = ", …" if len(spec.levels) > _MAX_LISTED else ""
        return f'`{spec.name}` is never "{value}", it is one of {", ".join(spec.levels[:_MAX_LISTED])}{more}{near}'
    if isinstance(value, bool) or not isinstance(value, int | float) or spec.bounds is None:
        return ""
    low, high = spec.bounds
    return "" if low <= value <= high else f"`{spec.name}` is never {value:g}, it is {low:g} to {high:g}"
