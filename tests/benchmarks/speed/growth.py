"""How the cost of a decision grows: with journeys, with features, and with what is known of a customer.

The loads of one comparison take turns, so that what else the machine does meets all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmarks.speed.figures import Figures, column, of_rounds, ratio
from tests.benchmarks.speed.measure import CALLERS, Measured


async def grown(sizes: Mapping[str, Measured], base: str, rounds: int, seconds: float) -> dict[str, Figures]:
    """The figures of each size, and the median of its CPU by that of `base` in the same round."""
    for measured in sizes.values():
        await measured.warm(seconds)
    found: dict[str, list[Figures]] = {name: [] for name in sizes}
    for _ in range(rounds):
        for name, measured in sizes.items():
            found[name].append((await measured.closed(CALLERS, seconds)).figures())
    own = column(found[base], "cpu_us")
    return {
        name: {**of_rounds(told), "cpu_by_base": ratio(column(told, "cpu_us"), own)} for name, told in found.items()
    }
