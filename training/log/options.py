"""Which columns of a log say what."""

from __future__ import annotations

from dataclasses import dataclass

from training.log.files import LogFiles

FEATURE = "feature_"
"""What the names of the features' columns begin with in an exported log."""
KIND = "kind"
ATTRIBUTES = "attributes"
"""What a model knows of a journey beside its id and kind, where an exported log says it."""
VALUE = "value"
VALUE_SOURCE = "value_source"
"""What meeting a journey's objective was taken to be worth, and where that was from, where an exported log says it."""
DECISION = "decision_id"
SLOT = "rank"
WINDOW_END = "window_ends_at"
"""When it was known what came of a row, where a log says it."""
EXPORTED = frozenset({DECISION, "eligible", SLOT, KIND, "is_censored"})
"""Columns that a plain log has no reason to have, all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogColumns:
    """The columns of a log by what they say; the defaults are the names of the plain table.

    `value`: a column, or a number, by which the reward is multiplied. `surrogate`: an outcome that is denser than the
    reward, which the order is learnt from. `features` are names without FEATURE in an exported log, where all is meant
    if none is named; `categorical` are those of them whose values are names, whatever their type.
    """

    reward: str = "reward"
    value: str | float | None = None
    surrogate: str | None = None
    journey: str = "journey_id"
    propensity: str = "propensity"
    eligible: str | None = None
    group: str | None = None
    customer: str = "customer_id"
    decided_at: str = "decided_at"
    features: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    def for_log(self, log: LogFiles) -> LogColumns:
        """These, with what an exported log says by itself."""
        if not is_exported(log):
            return self
        stored = tuple(name.removeprefix(FEATURE) for name in log.columns if name.startswith(FEATURE))
        return LogColumns(
            reward=self.reward,
            value=self.value,
            surrogate=self.surrogate,
            journey=self.journey,
            propensity=self.propensity,
            eligible=self.eligible or "eligible",
            group=self.group,
            customer=self.customer,
            decided_at=self.decided_at,
            features=self.features or stored,
            categorical=self.categorical,
        )


def is_exported(log: LogFiles) -> bool:
    """Whether `rumbo state export` wrote it."""
    return set(log.columns) >= EXPORTED


def column_of(feature: str, log: LogFiles) -> str:
    """The column of a feature."""
    return FEATURE + feature if is_exported(log) else feature
