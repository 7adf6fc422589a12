"""What a row of history must be to be taken, and what stands for the columns that it does not have."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from service.decision.arbitrate import ScoreSource, ValueSource
from service.decision.arms import Arm
from service.decision.journey import NO_JOURNEY, JourneyKind, Stage
from service.decision.reports.events import MAX_AHEAD, text_fault
from service.decision.reports.rows import OutcomeType
from service.state.engines.session import micros
from service.state.export.rewards import MetBy
from service.state.history.faults import RowFault
from service.state.history.table import TableRow
from service.state.port import ContactState

_LATEST = micros(datetime(9999, 1, 1, tzinfo=UTC))
_DEFAULTS: Mapping[str, Any] = {
    "channel": "",
    "rank": 1,
    "kind": JourneyKind.PROMOTIONAL.value,
    "stage": Stage.NEED.value,
    "action_id": "",
    "tone": "",
    "is_offer": False,
    "tier": 1,
    "model_version": "",
    "catalogue_version": "",
    "context": "{}",
}
"""For a column that is missing or null; without a kind, that which most limits hold for."""
_TEXTS = ("channel", "placement", "action_id", "tone", "model_version", "catalogue_version")
_NUMBERS = ("reward", "value", "lever", "context_weight", "cost")
_TIMES = ("valid_until", "counts_until", "presented_at", "window_ends_at", "windows_end_at")
_NAMES: Mapping[str, Collection[str]] = {
    "kind": frozenset(JourneyKind),
    "stage": frozenset(Stage),
    "contact_state": frozenset(ContactState),
    "score_source": frozenset(ScoreSource),
    "value_source": frozenset(ValueSource),
    "arm": frozenset(Arm),
}
_ROUNDING = 1e-9
"""Sums of floating point may exceed 1."""
_OF_CONTACTS = ("contact_state", "presented_at", "outcomes")
"""What a row of NO_JOURNEY cannot have."""


def faults_of(row: TableRow, now: datetime) -> list[RowFault]:
    """Everything that is wrong with a row by itself."""
    return [*_required(row, now), *_optional(row), *_nested(row, now)]


def completed(row: TableRow) -> TableRow:
    """The row with a value for what it leaves out: shown when it was decided, and answered if it was rewarded."""
    given = row.cells
    cells = {**given, **{name: value for name, value in _DEFAULTS.items() if given.get(name) is None}}
    at = cells["decided_at"]
    cells.setdefault("contact_state", None if is_silence(cells) else ContactState.PRESENTED.value)
    is_presented = cells["contact_state"] == ContactState.PRESENTED
    cells["presented_at"] = given.get("presented_at") or (at if is_presented else None)
    cells["valid_until"] = given.get("valid_until") or at
    if given.get("is_censored") is None:
        cells["is_censored"] = cells["reward"] is None
    if given.get("decision_id") is None:
        cells["decision_id"] = _made_id(cells)
    if given.get("outcomes") is None:
        cells["outcomes"] = list(_assumed_outcomes(cells)) if is_presented else []
    return TableRow(file=row.file, number=row.number, cells=cells)


def is_silence(cells: Mapping[str, Any]) -> bool:
    """Whether the row is of a slot in which nothing was said."""
    return bool(cells["journey_id"] == NO_JOURNEY)


def _required(row: TableRow, now: datetime) -> Iterator[RowFault]:
    for name in ("customer_id", "journey_id", "decision_id"):
        text = row.cells.get(name)
        if text is None and name == "decision_id":
            continue
        fault = text_fault(name, text or "")
        if not text:
            yield row.fault(name, "MISSING")
        elif fault is not None:
            yield row.fault(name, fault.code)
    at = row.cells["decided_at"]
    if at is None:
        yield row.fault("decided_at", "MISSING")
    elif not 0 <= at <= micros(now + MAX_AHEAD):
        yield row.fault("decided_at", "OUT_OF_RANGE", "from 1970 until now")
    chance = row.cells["propensity"]
    if chance is None:
        yield row.fault("propensity", "MISSING")
    elif not 0.0 < chance <= 1.0:
        yield row.fault("propensity", "OUT_OF_RANGE", "above 0, 1 at most")


def _optional(row: TableRow) -> Iterator[RowFault]:
    cells = row.cells
    for name in _TEXTS:
        fault = text_fault(name, cells.get(name) or "")
        if fault is not None:
            yield row.fault(name, fault.code)
    for name in _NUMBERS:
        if not math.isfinite(cells.get(name) or 0.0):
            yield row.fault(name, "NOT_FINITE")
    for name in _TIMES:
        if not 0 <= (cells.get(name) or 0) < _LATEST:
            yield row.fault(name, "OUT_OF_RANGE", "from 1970 until 9999")
    for name, known in _NAMES.items():
        if cells.get(name) is not None and cells[name] not in known:
            yield row.fault(name, "UNKNOWN", ", ".join(sorted(known)))
    for name in ("rank", "tier"):
        if cells.get(name) is not None and cells[name] < 1:
            yield row.fault(name, "OUT_OF_RANGE", "1 or more")
    for name in ("propensity_over_arms", "share"):
        if not 0.0 < (1.0 if cells.get(name) is None else cells[name]) <= 1.0:
            yield row.fault(name, "OUT_OF_RANGE", "above 0, 1 at most")
    if not 0.0 <= (cells.get("p_if_silent") or 0.0) <= 1.0 and not math.isnan(cells["p_if_silent"]):
        yield row.fault("p_if_silent", "OUT_OF_RANGE", "from 0 to 1")
    for name in _OF_CONTACTS if is_silence(cells) else ():
        if cells.get(name):
            yield row.fault(name, "CONTRADICTED", f"nothing was shown in a row of {NO_JOURNEY}")
    for code in cells.get("reason_of_silence") or ():
        fault = text_fault("reason_of_silence", code or "")
        if fault is not None or not code:
            yield row.fault("reason_of_silence", "MISSING" if fault is None else fault.code, "a code")
    if cells.get("is_censored") and cells["reward"] is not None:
        yield row.fault("is_censored", "CONTRADICTED", "a censored row has no reward")


def _nested(row: TableRow, now: datetime) -> Iterator[RowFault]:
    if not _is_object(row.cells.get("context") or "{}"):
        yield row.fault("context", "NOT_JSON", "a JSON object")
    if any(text is None for _, text in row.cells.get("attributes") or ()):
        yield row.fault("attributes", "MISSING", "a text for each name")
    for one in row.cells.get("eligible") or ():
        if one is None or not one["journey_id"] or one["place"] is None:
            yield row.fault("eligible", "MISSING", "journey_id and place")
        elif any(text is None for _, text in one.get("attributes") or ()):
            yield row.fault("eligible", "MISSING", "a text for each name of its attributes")
        elif not 0.0 <= (one.get("propensity") or 0.0) <= 1.0 + _ROUNDING:
            yield row.fault("eligible", "OUT_OF_RANGE", "a propensity from 0 to 1")
    for met in row.cells.get("met_in_windows") or ():
        if met is None or not met["journey_id"] or met["at"] is None or met["worth"] is None:
            yield row.fault("met_in_windows", "MISSING", "journey_id, at and worth")
        elif not 0 <= met["at"] < _LATEST or not math.isfinite(met["worth"]):
            yield row.fault("met_in_windows", "OUT_OF_RANGE", "at from 1970 until 9999, worth a finite number")
        elif met.get("by") not in (None, *MetBy):
            yield row.fault("met_in_windows", "UNKNOWN", f"by {' or '.join(MetBy)}")
    for outcome in row.cells.get("outcomes") or ():
        fault = _outcome_fault(outcome, now)
        if fault is not None:
            yield row.fault("outcomes", *fault)


def _outcome_fault(outcome: Mapping[str, Any] | None, now: datetime) -> tuple[str, str] | None:
    """A code, and what would be right."""
    if outcome is None or any(outcome[name] is None for name in ("outcome_id", "type", "occurred_at", "is_late")):
        return "MISSING", "outcome_id, type, occurred_at and is_late"
    fault = text_fault("outcome_id", outcome["outcome_id"])
    if fault is not None or not outcome["outcome_id"]:
        return ("MISSING" if fault is None else fault.code), "an outcome_id"
    if outcome["type"] not in frozenset(OutcomeType):
        return "UNKNOWN", ", ".join(OutcomeType)
    if not 0 <= outcome["occurred_at"] <= micros(now + MAX_AHEAD):
        return "OUT_OF_RANGE", "occurred_at from 1970 until now"
    return None if math.isfinite(outcome["value"] or 0.0) else ("NOT_FINITE", "a value")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refused), dict)
    except (ValueError, RecursionError):
        return False


def _refused(name: str) -> None:
    raise ValueError(name)


def _made_id(cells: Mapping[str, Any]) -> str:
    """An id of version 7 that follows from the row, so that the same row is the same decision again."""
    told = [cells[name] for name in ("customer_id", "decided_at", "journey_id", "channel")]
    told.append(cells.get("placement"))
    digest = hashlib.sha256(json.dumps(told).encode()).digest()
    random = int.from_bytes(digest[:10])
    number = (cells["decided_at"] // 1000) << 80 | random & ~(0xF << 76) & ~(0b11 << 62) | 0x7 << 76 | 0b10 << 62
    return str(UUID(int=number))


def _assumed_outcomes(cells: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """PRESENTED, and a conversion if there was a reward; nobody told when, so at once."""
    types = [(OutcomeType.PRESENTED, None)]
    if cells["reward"] is not None and cells["reward"] > 0.0:
        types.append((OutcomeType.CONVERTED, cells["reward"]))
    for kind, value in types:
        told = json.dumps([cells["decision_id"], cells["journey_id"], kind.value])
        yield {
            "outcome_id": f"imported-{hashlib.sha256(told.encode()).hexdigest()[:32]}",
            "type": kind.value,
            "value": value,
            "occurred_at": cells["presented_at"],
            "is_late": False,
        }
