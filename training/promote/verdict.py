"""The verdict: what was asked of the challenger, and what came of each question. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isfinite
from typing import Any


class Check(StrEnum):
    """What is asked, in this order."""

    DIFFERENCE = "difference"
    CALIBRATION = "calibration"
    CONSTRAINTS = "constraints"
    SUPPORT = "support"


class Result(StrEnum):
    """What a verdict comes to."""

    BETTER = "better"
    NOT_ENOUGH_EVIDENCE = "not enough evidence"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A question that was answered, in a sentence. `is_settled`: more decisions would not change it."""

    check: Check
    is_passed: bool
    told: str
    is_settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Challenger minus champion a decision, in the reward's unit, with its confidence sequence at `level`."""

    value: float
    low: float
    high: float
    p: float
    level: float
    limit: float
    more_needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Of `challenger` against `champion`, versions of the registry, on decisions from `since` to `until`."""

    challenger: str
    champion: str
    since: str
    until: str
    decisions: int
    customers: int
    difference: Difference | None
    checks: tuple[Checked, ...]

    @property
    def result(self) -> Result:
        failed = [one for one in self.checks if not one.is_passed]
        if not failed:
            return Result.BETTER
        return Result.REFUSED if any(one.is_settled for one in failed) else Result.NOT_ENOUGH_EVIDENCE

    def document(self) -> dict[str, Any]:
        """As JSON has it: null for what is infinite."""
        found = {**asdict(self), "result": self.result.value}
        if self.difference is not None:
            found["difference"] = {k: _finite(v) for k, v in asdict(self.difference).items()}
        return found

    def markdown(self) -> str:
        """As people read it."""
        lines = [
            f"# Version {self.challenger} against {self.champion}: {self.result}",
            "",
            f"{self.decisions:,} decisions of {self.customers:,} customers, {self.since} to {self.until}.",
            "",
            "| check | passed | what was found |",
            "|---|---|---|",
            *(f"| {one.check} | {'yes' if one.is_passed else 'no'} | {one.told} |" for one in self.checks),
        ]
        return "\n".join(lines) + "\n"


def checked_difference(found: Difference) -> Checked:
    """Passed if the lower bound is above the limit; settled against it if the upper one is not."""
    interval = f"{found.value:+.4g} a decision, [{found.low:.4g}, {found.high:.4g}] at level {found.level:.3g}"
    is_passed, is_worse = found.low > found.limit, found.high <= found.limit
    if is_passed:
        said = f"above {found.limit:g}"
    elif is_worse:
        said = f"not above {found.limit:g}, which is proven"
    elif found.more_needed is None:
        said = f"nothing is proven, and it is {found.limit:g} so far"
    else:
        said = f"nothing is proven; about {found.more_needed:,} decisions more would settle it, were it as it seems"
    told = (
        f"{interval}: {said}" if isfinite(found.low) else f"{found.value:+.4g} a decision of too few customers: {said}"
    )
    return Checked(check=Check.DIFFERENCE, is_passed=is_passed, told=told, is_settled=is_passed or is_worse)


def failed(checks: Iterable[Checked]) -> tuple[Checked, ...]:
    return tuple(one for one in checks if not one.is_passed)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not isfinite(value) else value
