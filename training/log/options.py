"""Which columns of a log say what."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
ELIGIBLE = "eligible"
WINDOW_END = "window_ends_at"
"""When it was known what came of a row, where a log says it."""
WINDOWS_END = "windows_end_at"
"""When the last window that begins with a row's decision is over; null where nothing was allowed, whatever the arm."""
MET = "met_in_windows"
"""What the customer did that meets an objective of the catalogue, of an exported log: (journey_id, at, worth, by)."""
IN_WINDOW = "outcome_in_window"
ARM = "arm"
PROPENSITY = "propensity"
OVER_ARMS = "propensity_over_arms"
"""The probability within the customer's arm, and over all arms, by which rows of all arms are one log."""
SHARE = "share"
"""Of the customers in the row's arm."""
PRESENTED_AT = "presented_at"
CENSORED = "is_censored"
EXPORTED = frozenset({DECISION, ELIGIBLE, SLOT, KIND, CENSORED})
"""Columns that a plain log has no reason to have, all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogColumns:
    """The columns of a log by what they say; the defaults are the names of the plain table.

    `value`: a column, or a number, by which the reward is multiplied. `surrogate`: an outcome that is denser than the
    reward, which the order is learnt from. `features` are names without FEATURE in an exported log, where all is meant
    if none is named; `categorical` are those of them whose values are names, whatever their type. Without a name
    `propensity` is that over all arms of an exported log that has it, else the plain table's.
    """

    reward: str = "reward"
    value: str | float | None = None
    surrogate: str | None = None
    journey: str = "journey_id"
    propensity: str = ""
    eligible: str | None = None
    group: str | None = None
    customer: str = "customer_id"
    decided_at: str = "decided_at"
    features: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    def for_log(self, log: LogFiles) -> LogColumns:
        """These, with what an exported log says by itself."""
        if not is_exported(log):
            return replace(self, propensity=self.propensity or PROPENSITY)
        stored = tuple(name.removeprefix(FEATURE) for name in log.columns if name.startswith(FEATURE))
        return replace(
            self,
            propensity=self.propensity or (OVER_ARMS if OVER_ARMS in {*log.columns, *log.some} else PROPENSITY),
            eligible=self.eligible or ELIGIBLE,
            features=self.features or stored,
        )


def is_exported(log: LogFiles) -> bool:
    """Whether `rumbo state export` wrote it."""
    return set(log.columns) >= EXPORTED


def column_of(feature: str, log: LogFiles) -> str:
    """The column of a feature."""
    return FEATURE + feature if is_exported(log) else feature
