"""A log as what was decided, what could have been, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.columns.facts import FeatureColumns
from service.decision.journey import NO_JOURNEY
from training.log import cells
from training.log.allowed import Allowed, allowed_in, is_silence
from training.log.chances import distribution_in, propensity_in
from training.log.facts import demand_types, facts_of
from training.log.files import LogFiles, LogTable
from training.log.options import (
    ATTRIBUTES,
    CENSORED,
    DECISION,
    ELIGIBLE,
    KIND,
    OVER_ARMS,
    PRESENTED_AT,
    PROPENSITY,
    SHARE,
    SLOT,
    VALUE,
    VALUE_SOURCE,
    WINDOW_END,
    LogColumns,
    column_of,
    is_exported,
)
from training.log.worth import LoggedWorth, worth_in

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
NO_REWARD = "no row has a reward that is known"
_NO_TIME = np.datetime64("1970-01-01", "us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What each of n rows could be decided on: `eligible` (n, J) over `journeys`, and the features as served.

    `kinds`: of the journeys that a log was seen to show, where it says so.
    """

    journeys: tuple[str, ...]
    eligible: Mask
    features: FeatureColumns
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return int(self.eligible.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSlates:
    """(n,) each: the code of a row's decision, the slot that it fills, from 1, and how many its decision filled."""

    decision: Codes
    slot: Codes
    filled: Codes

    def take(self, rows: Mask | Codes) -> LoggedSlates:
        return LoggedSlates(decision=self.decision[rows], slot=self.slot[rows], filled=self.filled[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLog:
    """The rows of a log whose reward is known, n of them.

    `shown` (n,) indexes `choices.journeys`; `propensity` (n,) is in (0, 1]; `reward` (n,) is what the journey was
    worth, its cost not taken off; `surrogate` (n,) the denser outcome, if one is named; `customer` and `group` (n,) are
    codes; `row` (n,) is each row's place in the log. `kinds` and `attributes` are what a log says of each journey, in
    the last row that says it; "" and none where nothing.
    `window_ends_at` (n,), where the log says it, is NaT where it does not. An exported log also has `slates`, and
    `propensities` (n, J), rows of NaN where they are not all known, and `worth`. `unknown` rows more had no reward that
    is known; `rows_in_log` are all that it has. `known_until`: of an exported log in which some windows are open, when
    the last of the others was over.
    """

    path: Path
    choices: Choices
    shown: Codes
    propensity: Vector
    reward: Vector
    surrogate: Vector | None
    customer: Codes
    decided_at: NDArray[np.datetime64]
    group: Codes | None
    row: Codes
    kinds: tuple[str, ...]
    attributes: tuple[Mapping[str, str], ...]
    unknown: int
    rows_in_log: int = 0
    window_ends_at: NDArray[np.datetime64] | None = None
    slates: LoggedSlates | None = None
    propensities: Vector | None = None
    worth: LoggedWorth | None = None
    known_until: np.datetime64 | None = None

    @property
    def size(self) -> int:
        return int(self.reward.size)

    def where(self, rows: Mask | Codes) -> DecisionLog:
        """These rows alone, of the same journeys."""
        chosen = replace(self.choices, eligible=self.choices.eligible[rows], features=self.choices.features.take(rows))
        return replace(
            self,
            choices=chosen,
            shown=self.shown[rows],
            propensity=self.propensity[rows],
            reward=self.reward[rows],
            surrogate=None if self.surrogate is None else self.surrogate[rows],
            customer=self.customer[rows],
            decided_at=self.decided_at[rows],
            group=None if self.group is None else self.group[rows],
            row=self.row[rows],
            window_ends_at=None if self.window_ends_at is None else self.window_ends_at[rows],
            slates=None if self.slates is None else self.slates.take(rows),
            propensities=None if self.propensities is None else self.propensities[rows],
            worth=None if self.worth is None else self.worth.take(rows),
        )


def read_decisions(path: Path, named: LogColumns, *, with_silence: bool = False) -> DecisionLog:
    """The rows to learn from, or to judge a policy by.

    Args:
        with_silence: whether rows of an exported log in which nothing was said, though something could have been, are
            among them, and saying nothing is an option where the log shows it; else they are left out.
    Raises: LogInvalid that names file, row and column.
    """
    return decisions_of(LogFiles(path), named, with_silence=with_silence)


def decisions_of(files: LogFiles, named: LogColumns, *, with_silence: bool = False) -> DecisionLog:
    """The same, of files that were looked at already."""
    exported, columns = is_exported(files), named.for_log(files)
    _demand(files, columns, _read_of(columns))
    log = files.read(_wanted(files, columns, _read_of(columns)), _texts(files, columns), _sparse(files))
    shown, allowed = cells.texts(log, columns.journey), _sets(log, columns, exported)
    used = np.ones(shown.codes.size, dtype=np.bool_)
    reward, surrogate = _reward(log, columns), _optional(log, columns.surrogate)
    if exported and (silent := is_silence(shown)).any():
        used = ~silent
        if with_silence and allowed is not None:
            used |= allowed.count > 0
        if with_silence and allowed is not None and (used & silent).any():
            allowed = allowed.with_silence(used & (silent | ~allowed.must_be_said))
            reward = _earned(log, columns, reward)
    known = used & (~np.isnan(reward) if surrogate is None else ~np.isnan(reward) & ~np.isnan(surrogate))
    if not known.any():
        raise log.fault(NO_REWARD, column=columns.reward)
    log.demand_all(shown.codes >= 0, known, columns.journey, "there is no journey")
    propensity = propensity_in(log, columns.propensity, known)
    journeys, index, eligible = _eligible(log, columns.eligible, allowed, shown, known)
    customer = cells.texts(log, columns.customer)
    log.demand_all(customer.codes >= 0, known, columns.customer, "there is no customer")
    decided_at = cells.instants(log, columns.decided_at)
    whole = DecisionLog(
        path=files.path,
        choices=Choices(journeys=journeys, eligible=eligible, features=_features(files, log, columns, decided_at)),
        shown=index[shown.codes],
        propensity=propensity,
        reward=reward,
        surrogate=surrogate,
        customer=customer.codes,
        decided_at=decided_at,
        group=None if columns.group is None else cells.texts(log, columns.group).codes,
        row=np.arange(reward.size),
        kinds=_kinds(files, log, journeys, index[shown.codes]),
        attributes=_attributes(files, log, journeys, index[shown.codes]),
        unknown=int((used & ~known).sum()),
        rows_in_log=reward.size,
        window_ends_at=_window_ends(log),
        slates=_slates(log, used) if exported else None,
        propensities=None
        if allowed is None or not exported
        else distribution_in(log, columns.propensity, allowed, journeys),
        worth=worth_in(log, columns, index[shown.codes], len(journeys)) if exported else None,
        known_until=_known_until(log) if exported else None,
    )
    return whole.where(known)


def demand_reward(files: LogFiles, named: LogColumns) -> None:
    """By its column alone, before all else that takes long. Raises: LogInvalid where no reward is known."""
    files.demand(named.reward, "--reward")
    log = files.read({named.reward})
    if log.table.column(named.reward).null_count == log.table.num_rows:
        raise log.fault(NO_REWARD, column=named.reward)


def read_choices(
    path: Path, named: LogColumns, journeys: tuple[str, ...], types: Mapping[str, str] | None = None
) -> Choices:
    """The rows to score: no reward, journey or propensity is looked at.

    `types` says what features must be, as `Encoder.types_read` does.

    `journeys` are those that are known to the policy; without a column of sets every row can have each of them. Ids
    in the sets that are no such journey come after them, NO_JOURNEY too, if it is all that a row can have.
    Raises: LogInvalid.
    """
    files = LogFiles(path)
    columns = named.for_log(files)
    asked = {columns.eligible: "--eligible"} if columns.eligible is not None else {}
    _demand(files, columns, asked)
    times = {columns.decided_at: ""} if columns.decided_at in files.columns else {}
    exported = is_exported(files)
    shown = {columns.journey: ""} if exported and columns.journey in files.columns else {}
    log = files.read(_wanted(files, columns, asked | times | shown), _texts(files, columns))
    size = log.table.num_rows
    decided_at = cells.instants(log, columns.decided_at) if times else np.full(size, _NO_TIME)
    features = _features(files, log, columns, decided_at)
    demand_types(log, {name: column_of(name, files) for name in columns.features}, features, types or {})
    if columns.eligible is None:
        return Choices(journeys=journeys, eligible=np.ones((size, len(journeys)), dtype=np.bool_), features=features)
    found = _sets(log, columns, exported)
    assert found is not None
    if shown:
        silent, has_any = is_silence(cells.texts(log, columns.journey)), found.count > 0
        is_judged = NO_JOURNEY in journeys and (silent & has_any).any()
        found = found.with_silence((silent & ~has_any) | (is_judged & (silent | ~found.must_be_said)))
    known = (*journeys, *sorted(set(found.levels) - set(journeys)))
    eligible = found.matrix(known)
    kinds = _kinds_by_journey(log, cells.texts(log, columns.journey)) if shown else {}
    log.demand_all(
        np.asarray(eligible.any(axis=1)), np.ones(size, dtype=np.bool_), columns.eligible, "no journey is eligible"
    )
    return Choices(journeys=known, eligible=eligible, features=features, kinds=kinds)


def _read_of(columns: LogColumns) -> dict[str, str]:
    """Every column that is not a feature, by the option that names it."""
    named = {
        columns.reward: "--reward",
        columns.journey: "--journey",
        columns.propensity: "--propensity",
        columns.customer: "the customer",
        columns.decided_at: "the moment of the decision",
    }
    optional = {
        columns.value if isinstance(columns.value, str) else None: "--value",
        columns.surrogate: "--surrogate",
        columns.eligible: "--eligible",
        columns.group: "--group",
    }
    return named | {name: option for name, option in optional.items() if name is not None}


def _demand(files: LogFiles, columns: LogColumns, read: dict[str, str]) -> None:
    for column, option in read.items():
        files.demand(PROPENSITY if column == OVER_ARMS and column in files.some else column, option)
    for feature in columns.features:
        option = "--categorical" if feature in columns.categorical else "--features"
        files.demand(column_of(feature, files), option)


def _wanted(files: LogFiles, columns: LogColumns, read: dict[str, str]) -> set[str]:
    said = {KIND, SLOT, DECISION} if is_exported(files) else set()
    said |= {WINDOW_END} & set(files.columns)
    more = {ATTRIBUTES, VALUE, PROPENSITY, PRESENTED_AT, CENSORED}
    said |= more & set(files.columns) if is_exported(files) else set()
    return {*read, *(column_of(feature, files) for feature in columns.features), *said, *_sparse(files)}


def _sparse(files: LogFiles) -> set[str]:
    """What an export's days of before it could be said lack, and keep lacking."""
    return {VALUE_SOURCE, OVER_ARMS, SHARE} if is_exported(files) else set()


def _texts(files: LogFiles, columns: LogColumns) -> set[str]:
    """Columns that a CSV file has as texts, whatever they look like."""
    named = {columns.customer, columns.journey, columns.eligible or "", columns.group or ""}
    return named | {column_of(feature, files) for feature in columns.categorical}


def _reward(log: LogTable, columns: LogColumns) -> Vector:
    """The reward times its value; a reward of 0 is worth nothing, whatever its value, known or not."""
    reward = cells.numbers(log, columns.reward)
    if columns.value is None:
        return reward
    value = np.float64(columns.value) if isinstance(columns.value, float) else cells.numbers(log, columns.value)
    return np.where(reward == 0.0, 0.0, reward * value)


def _earned(log: LogTable, columns: LogColumns, reward: Vector) -> Vector:
    """The reward, where silence is judged beside what was shown: a slot whose journey was never presented earned 0.

    Left out it would count silence, which is never not presented, for more than its share.
    """
    if columns.reward != LogColumns().reward or not {PRESENTED_AT, CENSORED} <= set(log.table.column_names):
        return reward
    unpresented = np.isnat(cells.instants(log, PRESENTED_AT, nullable=True))
    is_over = cells.numbers(log, CENSORED) == 0.0
    silent = is_silence(cells.texts(log, columns.journey))
    return np.where(np.isnan(reward) & unpresented & is_over & ~silent, 0.0, reward)


def _optional(log: LogTable, column: str | None) -> Vector | None:
    return None if column is None else cells.numbers(log, column)


def _sets(log: LogTable, columns: LogColumns, exported: bool) -> Allowed | None:
    if columns.eligible is None:
        return None
    by_slot = (SLOT, columns.journey) if exported and columns.eligible == ELIGIBLE else None
    return allowed_in(log, columns.eligible, by_slot=by_slot)


def _eligible(
    log: LogTable, column: str | None, allowed: Allowed | None, shown: cells.Coded, known: Mask
) -> tuple[tuple[str, ...], Codes, Mask]:
    """All journeys, the place of each level of `shown` among them, and who could have had which."""
    levels = {shown.levels[code] for code in np.unique(shown.codes[known])}
    journeys = tuple(sorted(levels | set(() if allowed is None else allowed.levels)))
    place = {name: i for i, name in enumerate(journeys)}
    # The last is of rows without a journey, whose code is -1.
    index = np.array([*(place.get(level, -1) for level in shown.levels), -1], dtype=np.int64)
    if allowed is None:
        return journeys, index, np.ones((shown.codes.size, len(journeys)), dtype=np.bool_)
    eligible = allowed.matrix(journeys)
    inside = np.asarray(eligible[np.arange(shown.codes.size), index[shown.codes]])
    log.demand_all(inside, known, str(column), "the journey that was shown is not in the set")
    return journeys, index, eligible


def _features(files: LogFiles, log: LogTable, columns: LogColumns, at: NDArray[np.datetime64]) -> FeatureColumns:
    stored = {name: column_of(name, files) for name in columns.features}
    return facts_of(log, stored, at, columns.categorical)


def _kinds(files: LogFiles, log: LogTable, journeys: tuple[str, ...], shown: Codes) -> tuple[str, ...]:
    """The kind of each journey that was shown, of an exported log; "" for the others."""
    if not is_exported(files):
        return ("",) * len(journeys)
    kinds = _kinds_by_journey(log, cells.Coded(levels=journeys, codes=shown))
    return tuple(kinds.get(journey, "") for journey in journeys)


def _kinds_by_journey(log: LogTable, shown: cells.Coded) -> dict[str, str]:
    """As the last row that shows it says."""
    kinds = cells.texts(log, KIND)
    rows = _last_rows(shown.codes, kinds.codes >= 0, len(shown.levels))
    return {shown.levels[j]: kinds.levels[kinds.codes[row]] for j, row in enumerate(rows) if row >= 0}


def _last_rows(shown: Codes, said: Mask, count: int) -> Codes:
    """(count,) the last row of each journey in which it is said; -1 of those where it never is."""
    last = np.full(count + 1, -1)  # the last is of rows without a journey, whose code is -1
    np.maximum.at(last, shown, np.where(said, np.arange(shown.size), -1))
    return last[:-1]


def _attributes(
    files: LogFiles, log: LogTable, journeys: tuple[str, ...], shown: Codes
) -> tuple[Mapping[str, str], ...]:
    """The attributes of each journey that was shown, of an exported log; none of the others."""
    if not is_exported(files) or ATTRIBUTES not in log.table.column_names:
        return ({},) * len(journeys)
    said = cells.attributes(log, ATTRIBUTES)
    rows = _last_rows(shown, said.codes >= 0, len(journeys))
    return tuple({} if row < 0 else said.levels[said.codes[row]] for row in rows)


def _window_ends(log: LogTable) -> NDArray[np.datetime64] | None:
    if WINDOW_END not in log.table.column_names:
        return None
    return cells.instants(log, WINDOW_END, nullable=True)


def _known_until(log: LogTable) -> np.datetime64 | None:
    """None where no window is open."""
    is_open = cells.numbers(log, CENSORED) != 0.0
    ends = _window_ends(log)
    if ends is None or not is_open.any():
        return None
    over = ends[~is_open & ~np.isnat(ends)]
    return over.max() if over.size else None


def _slates(log: LogTable, used: Mask) -> LoggedSlates:
    decision = cells.texts(log, DECISION).codes
    slot = cells.numbers(log, SLOT)
    filled = np.bincount(decision + 1, weights=used).astype(np.int64)[decision + 1]
    return LoggedSlates(decision=decision, slot=np.nan_to_num(slot).astype(np.int64), filled=filled)
