"""Rows of history put together as decisions, and the record of each."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.values import FeatureStatus
from service.decision.facts_record import Json, number_to_json, recorded_value, time_text
from service.state.engines.session import from_micros
from service.state.export.slots import DRAWN, ENTRY, MORE
from service.state.export.table import FEATURE
from service.state.history.faults import RowFault
from service.state.history.rows import completed, faults_of, is_silence
from service.state.history.seen import SeenIds
from service.state.history.table import TableRow
from service.state.port import IMPORTED

_SHARED = ("customer_id", "decided_at", "channel", "placement")
"""What all rows of a decision have in common."""
_SINCE = (*DRAWN, "is_met", "outcome_in_window", "reason_of_silence", "met_in_windows", "windows_end_at")
"""Columns that tables of before exploration do not have."""
_TOGETHER = "all rows of a decision, each once, one after another"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryDecision:
    """The rows of one decision, each with a value for every column."""

    rows: Sequence[TableRow]

    @property
    def cells(self) -> Mapping[str, Any]:
        """What its rows share."""
        return self.rows[0].cells

    @property
    def decision_id(self) -> str:
        return str(self.cells["decision_id"])

    @property
    def customer_id(self) -> str:
        return str(self.cells["customer_id"])


def decisions_of(rows: Iterable[TableRow | RowFault], now: datetime) -> Iterator[HistoryDecision | RowFault]:
    """The decisions of a table whose rows stand together. What is held at once is one decision; ids go to disk."""
    with closing(SeenIds()) as ids:
        together: list[TableRow] = []
        current, is_new = None, True
        for row in _valid(rows, now):
            if isinstance(row, RowFault):
                yield row
                continue
            if row.cells["decision_id"] != current:
                if together:
                    yield HistoryDecision(rows=together)
                current, together = row.cells["decision_id"], []
                is_new = ids.add(f"decision {current}")
            fault = _misfit(together, row) if is_new else row.fault("decision_id", "NOT_TOGETHER", _TOGETHER)
            fault = fault or _reused(ids, row)
            if fault is not None:
                yield fault
            else:
                together.append(row)
        if together:
            yield HistoryDecision(rows=together)


def _valid(rows: Iterable[TableRow | RowFault], now: datetime) -> Iterator[TableRow | RowFault]:
    for row in rows:
        if isinstance(row, RowFault):
            yield row
        elif faults := faults_of(row, now):
            yield from faults
        else:
            yield completed(row)


def _misfit(together: Sequence[TableRow], row: TableRow) -> RowFault | None:
    """Why a row is no further row of a decision."""
    for other in together:
        for name in _SHARED:
            if other.cells.get(name) != row.cells.get(name):
                return row.fault(name, "NOT_OF_ITS_DECISION", "as in the other rows of the decision")
        for name in ("journey_id", "rank"):
            if other.cells[name] == row.cells[name]:
                return row.fault(name, "DUPLICATE", "once in a decision")
    return None


def _reused(ids: SeenIds, row: TableRow) -> RowFault | None:
    if all(ids.add(f"outcome {outcome['outcome_id']}") for outcome in row.cells["outcomes"]):
        return None
    return row.fault("outcomes", "DUPLICATE", "an outcome_id once")


def document_of(decision: HistoryDecision, times: Collection[str]) -> Json:
    """Its record: what is needed to export it again, and no input that a decision could be made from once more.

    `times`: the features that are times.
    """
    cells = decision.cells
    rows = {row.cells["journey_id"]: row.cells for row in decision.rows}
    shown = [row.cells for row in decision.rows if not is_silence(row.cells)]
    return {
        "input": {
            "now": time_text(from_micros(cells["decided_at"])),
            "customer_id": decision.customer_id,
            "channel": cells["channel"],
            "placement": cells.get("placement"),
            "context": json.loads(cells["context"]),
            "features": _features(cells, times),
            "decision_id": decision.decision_id,
            "model_version": cells["model_version"],
            "catalogue_version": cells["catalogue_version"],
        },
        "output": {"ranked": [_ranked(row) for row in shown]},
        IMPORTED: {
            **_sets(rows),
            "rewards": {journey: _reward(row) for journey, row in rows.items()},
            **{name: cells[name] for name in ("arm", "share") if cells.get(name) is not None},
            **_said(
                attributes={row["journey_id"]: _attributes(row) for row in shown},
                expects={row["journey_id"]: row.get("expects") for row in shown},
                told={journey: _told(row) for journey, row in rows.items()},
            ),
        },
    }


def _said(**parts: Mapping[str, Any]) -> Json:
    """Of each part what is said at all; a part of which nothing is said is left out."""
    said = {name: {key: told for key, told in part.items() if told not in (None, "")} for name, part in parts.items()}
    return {name: part for name, part in said.items() if part}


def _attributes(cells: Mapping[str, Any]) -> Json | None:
    return None if cells.get("attributes") is None else dict(cells["attributes"])


def _told(cells: Mapping[str, Any]) -> Json | None:
    """What the table has of a row since there is exploration, and all that a row of silence says of itself."""
    own = ("rank", "propensity", "value") if is_silence(cells) else ()
    told = {name: cells[name] for name in (*_SINCE, *own) if cells.get(name) is not None}
    return told or None


def _sets(rows: Mapping[str, Mapping[str, Any]]) -> Json:
    """The set of the first row, and by journey those that differ: where slots are drawn each has its own chances."""
    sets = {journey: [_eligible(one) for one in row.get("eligible") or ()] for journey, row in rows.items()}
    first = next(iter(sets.values()))
    other = {journey: entries for journey, entries in sets.items() if entries != first}
    return {"eligible": first, **({"eligible_of": other} if other else {})}


def _ranked(cells: Mapping[str, Any]) -> Json:
    same = ("rank", "journey_id", "kind", "stage", "action_id", "tone", "is_offer", "tier")
    given = ("value", "lever", "context_weight", "cost")
    return {
        **{name: cells[name] for name in same},
        **{name: cells.get(name) for name in given},
        "p_outcome": _number(cells.get("p_outcome")),
        "priority": _number(cells.get("priority")),
        **({} if cells.get("p_if_silent") is None else {"p_if_silent": _number(cells["p_if_silent"])}),
        "source": cells.get("score_source"),
        "selection_probability": cells["propensity"],
        **({} if cells.get("value_source") is None else {"value_source": cells["value_source"]}),
    }


def _eligible(one: Mapping[str, Any]) -> list[Any]:
    """Without the parts at its end of which nothing is said, which tables of before do not have."""
    entry = [_plain(one.get(name)) for name in (*ENTRY, *MORE)]
    while len(entry) > len(ENTRY) and entry[-1] is None:
        entry.pop()
    return entry


def _plain(value: Any) -> Any:
    """As JSON has it: of a map, which is pairs, a dict."""
    if isinstance(value, list):
        return dict(value)
    return _number(value) if isinstance(value, float) else value


def _reward(cells: Mapping[str, Any]) -> list[Any]:
    return [cells["reward"], cells["is_censored"], cells.get("window_ends_at")]


def _features(cells: Mapping[str, Any], times: Collection[str]) -> Json:
    """The features in the form of a record; their event times are not known."""
    recorded = {name: [status, None, None] for name, status in cells.get("absent_features") or ()}
    for column, value in cells.items():
        if column.startswith(FEATURE) and value is not None:
            name = column.removeprefix(FEATURE)
            served = recorded_value(from_micros(value) if name in times else value)
            recorded[name] = [FeatureStatus.PRESENT.value, served, None]
    return recorded


def _number(value: float | None) -> float | str | None:
    return None if value is None else number_to_json(value)
