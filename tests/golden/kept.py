"""The files of the golden story, and what of a service is compared with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.bootstrap.store import state_store
from service.catalogue.objectives import KeptObjectives
from service.decision.journey import NO_JOURNEY
from service.state.export.rewards import AsOf
from service.state.export.slots import ENTRY
from service.state.export.write import Export
from tests.example import SCHEMA, TERMS
from tests.fixtures_service import Clock, Service, settings_of
from tests.golden.story import BEGIN, QUESTIONS, Answer, Json, Storyteller, answer, example_at

FOLDER = Path(__file__).parent
DIGESTS, ANSWERS = FOLDER / "digests.txt", FOLDER / "answers.json"
STORE, RECORDS = FOLDER / "store.json.xz", FOLDER / "records.json"
WHOLE_EVERY, WHOLE_AT_MOST = 50, 8_000
"""Of so many questions one is kept with its whole answer of so many characters, so that a difference can be read."""
MOST_BYTES = 4_096
"""Of a stored record, at the median."""
WIDTH = 200
LATER = BEGIN + timedelta(days=90)
"""When every window of the example is over."""


def lines_of(answers: Sequence[Answer]) -> list[str]:
    """A line a question: its number, and a hash of its answer and of what was said to the reports before it."""
    lines, said = list[str](), list[Json]()
    for one in answers:
        said.append(as_before(one.document))
        if one.is_of_question:
            lines.append(f"{len(lines):04} {one.asked} {digest(said)}")
            said.clear()
    return lines


def as_before(document: Json) -> Json:
    """Without what an answer tells since these lines were kept: the decision that an outcome was given to."""
    results = document.get("results")
    if results is None:
        return document
    return {**document, "results": [{name: r[name] for name in r if name != "decision_id"} for r in results]}


def whole(answers: Sequence[Answer]) -> Json:
    """By the number of the question: the first answer of each WHOLE_EVERY that is not too long."""
    questions = [one.document for one in answers if one.is_of_question]
    chosen = {
        position // WHOLE_EVERY: (position, document)
        for position, document in reversed(list(enumerate(questions)))
        if len(compact(document)) <= WHOLE_AT_MOST
    }
    return {f"{position:04}": document for position, document in chosen.values()}


def digest(document: Any) -> str:
    return hashlib.sha256(compact(document).encode()).hexdigest()[:16]


def compact(document: Any) -> str:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def written(document: Any, indent: str = "") -> str:
    """JSON in as few lines as can be read: what fits on one line stands on it."""
    line = json.dumps(document, sort_keys=True, ensure_ascii=False)
    if len(line) <= WIDTH or not isinstance(document, dict | list):
        return line
    inner = f"{indent} "
    if isinstance(document, list):
        rows, (begin, end) = [written(one, inner) for one in document], "[]"
    else:
        rows, (begin, end) = [f"{json.dumps(k)}: {written(document[k], inner)}" for k in sorted(document)], "{}"
    return f"{begin}\n{inner}" + f",\n{inner}".join(rows) + f"\n{indent}{end}"


SINCE = frozenset(
    {
        *("attributes", "expects", "value_source", "p_if_silent", "propensity_over_arms", "is_exploration"),
        *("is_forced", "arm", "share", "reason_of_silence", "is_met", "outcome_in_window"),
        *("met_in_windows", "windows_end_at"),
    }
)
"""Columns that the table has got since the records were kept; its sets have got MORE, and silence its rows."""


def exported_rows(folder: Path) -> dict[str, Json]:
    """The rows of an exported table that are of a journey, by decision and journey."""
    rows = [row for file in sorted(folder.glob("day=*/*.parquet")) for row in pq.read_table(file).to_pylist()]
    return {f"{row['decision_id']} {row['journey_id']}": row for row in rows if row["journey_id"] != NO_JOURNEY}


async def recalled(service: Service, decision_id: str, locale: str) -> Json:
    """A decision as people are told of it."""
    return (await answer("GetDecision", service.recall(decision_id, locale=locale))).document


async def exported(home: Path, folder: Path) -> dict[str, Json]:
    """What `rumbo state export` writes of this home, once every window is over."""
    settings = settings_of(home)
    async with state_store(settings) as state:
        as_of = AsOf(now=LATER, events_since=LATER - settings.retention.events)
        export = Export(state.engine, SCHEMA, KeptObjectives(TERMS), folder, as_of)
        for day in await export.days(date(1970, 1, 1), None):
            await export.write(day, lambda count: None)
    return exported_rows(folder)


async def told(service: Service, questions: int = QUESTIONS) -> list[Answer]:
    """The story up to this question."""
    return [one async for one in Storyteller(service).tell(questions)]


async def records_of(home: Path, folder: Path, decision_ids: list[str]) -> Json:
    """Of each decision: a hash of how it is explained in both languages, and one of its exported rows, by column."""
    rows = await exported(home, folder)
    async with example_at(home, Clock(LATER)) as service:
        explained = {
            decision_id: {locale: digest(await recalled(service, decision_id, locale)) for locale in ("en", "es")}
            for decision_id in decision_ids
        }
    return {"explained": explained, "exported": {key: digest(_of_then(row)) for key, row in sorted(rows.items())}}


def _of_then(row: Json) -> Json:
    """Without what the table has got since."""
    eligible = [{name: entry[name] for name in ENTRY} for entry in row["eligible"]]
    return {name: cell for name, cell in {**row, "eligible": eligible}.items() if name not in SINCE}
