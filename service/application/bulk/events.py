"""Rows of a file to events, or to the fault of the column that keeps a row from being one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from features.values import Scalar
from service.application.bulk.file import CUSTOMER_ID, EVENT_ID, OCCURRED_AT, REQUIRED, SOURCE, TYPE, FileRow, is_int64
from service.decision.reports.event_types import HEARTBEAT, Attribute, AttributeType, EventTypes
from service.decision.reports.events import MAX_ATTRIBUTES, FieldFault
from service.decision.reports.rows import CustomerEvent, RowResult, RowStatus
from service.state.rows.events import fingerprint_of

_OF_EVERY_EVENT = frozenset({*REQUIRED, EVENT_ID})
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
"""As JSON writes them: 0042 is no number."""
_TRUTH = {"true": True, "false": False}


def event_of(row: FileRow, types: EventTypes, *, is_typed: bool) -> CustomerEvent | RowResult:
    """The event that a row tells, or its rejection. `is_typed`: as the file says of its cells."""
    cells = row.cells
    told = {name: cell for name, cell in cells.items() if name not in _OF_EVERY_EVENT}
    fault = row.fault or _fault(cells)
    if fault is None and len(told) > MAX_ATTRIBUTES:
        fault = FieldFault(field="attributes", code="TOO_MANY")
    if fault is not None:
        event_id = cells.get(EVENT_ID, "")
        return RowResult(row_id=str(event_id), status=RowStatus.REJECTED, field=fault.field, code=fault.code)
    customer_id, source, type_ = (str(cells.get(name, "")) for name in (CUSTOMER_ID, SOURCE, TYPE))
    occurred_at = _instant(cells[OCCURRED_AT]).astimezone(UTC)
    known = types.by_name.get(type_)
    declared = {} if known is None else known.attributes
    return CustomerEvent(
        event_id=str(cells.get(EVENT_ID) or _hash_of(customer_id, source, type_, occurred_at, told)),
        customer_id=customer_id,
        source=source,
        type=type_,
        occurred_at=occurred_at,
        attributes={name: _value(cell, declared.get(name), is_typed=is_typed) for name, cell in told.items()},
    )


def _hash_of(customer_id: str, source: str, type_: str, occurred_at: datetime, told: Mapping[str, Scalar]) -> str:
    """The id of an event that has none: what the file says of it, whatever the order of columns.

    Attributes are hashed as texts, before what is declared of them is known: an id stays when a type is declared later.
    """
    texts = {name: _text(cell) for name, cell in told.items()}
    return f"row-{fingerprint_of(customer_id, source, type_, occurred_at, texts)}"


def _text(cell: Scalar) -> str:
    if isinstance(cell, datetime):
        return _instant_text(cell)
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _value(cell: Scalar, declared: Attribute | None, *, is_typed: bool) -> Scalar:
    """An attribute as it would come on the wire: of the type that is declared, if it can be read as that."""
    value: Scalar = _instant_text(cell) if isinstance(cell, datetime) else cell
    if declared is None:
        return value
    if not is_typed:
        value = _read(str(value), declared.type)
    typed = declared.typed(value)
    if typed is None:
        return value
    return _instant_text(typed) if isinstance(typed, datetime) else typed


def _read(text: str, wanted: AttributeType) -> Scalar:
    """What a text says as a value of this type; the text, if it says none."""
    if wanted is AttributeType.DOUBLE and _NUMBER.fullmatch(text):
        return float(text)
    if wanted is AttributeType.INT and _WHOLE_NUMBER.fullmatch(text):
        return int(text) if is_int64(int(text)) else text
    return _TRUTH.get(text.lower(), text) if wanted is AttributeType.BOOL else text


def _instant_text(at: datetime) -> str:
    """In UTC, as instants travel on the wire."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _fault(cells: Mapping[str, Scalar]) -> FieldFault | None:
    """The first fault of what every event has."""
    for name in (EVENT_ID, CUSTOMER_ID):
        if name in cells and type(cells[name]) not in (str, int):
            return FieldFault(field=name, code="NOT_TEXT")
    for name in (SOURCE, TYPE):
        if not isinstance(cells.get(name, ""), str):
            return FieldFault(field=name, code="NOT_TEXT")
    for name in REQUIRED:
        is_needless = name == CUSTOMER_ID and cells.get(TYPE) == HEARTBEAT
        if name not in cells and not is_needless:
            return FieldFault(field=name, code="MISSING")
    return _time_fault(cells[OCCURRED_AT])


def _time_fault(cell: Scalar) -> FieldFault | None:
    try:
        at = _instant(cell)
        if at.tzinfo is None:
            return FieldFault(field=OCCURRED_AT, code="NO_ZONE")
        at.astimezone(UTC)
    except (ValueError, OverflowError):
        return FieldFault(field=OCCURRED_AT, code="NOT_A_TIME")
    return None


def _instant(cell: Scalar) -> datetime:
    """Raises: ValueError."""
    return cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
