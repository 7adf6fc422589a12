"""The two tables of an export side by side: what was allowed, scored and shown, and what was denied."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from service.decision.constraints.audience import Audience
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.constraints.stage import AtStage
from service.decision.journey import NO_JOURNEY
from training.log.errors import LogInvalid
from training.log.files import LogFiles, LogTable
from training.log.options import is_exported

DENIALS: Final = "_denials"
"""The folder of the second table, in that of the first."""
RANKED, ELIGIBLE, DENIED = "RANKED", "ELIGIBLE", "DENIED"
FOR_WHOM: Final = frozenset({Audience.code, AtStage.code, NotValidNow.code})
"""Rules that say for whom, at which stage and when a journey is; all others limit what is for this customer now."""
DECISION: Final = ("decision_id", "customer_id", "channel")
SHOWN: Final = (
    *("decision_id", "customer_id", "decided_at", "channel", "rank", "journey_id", "stage", "action_id", "value"),
    *("cost", "presented_at", "reward", "outcomes", "expects", "eligible", "catalogue_version"),
)
DENIAL: Final = (*DECISION, "journey_id", "codes", "value", "prior")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RulesLog:
    """Decisions under rules, as tables.

    Attributes:
        shown: a row for each ranked journey, as the export has it, without `eligible`.
        scored: a row for each journey that was allowed and scored in a decision: `place` RANKED, ELIGIBLE or
            HELD_OUT or DENIED_AT_SELECT, and `p_outcome`.
        denied: a row for each candidate that was denied, those at select too, with its `codes`, each once.
        days_left_out: days that one of both tables of an export lacks; nothing of them is here.
    """

    shown: pd.DataFrame
    scored: pd.DataFrame
    denied: pd.DataFrame
    days_left_out: int = 0

    @property
    def candidates(self) -> pd.DataFrame:
        """Each journey of each decision once: `place` is RANKED, ELIGIBLE or DENIED, `codes` a tuple, () if allowed."""
        allowed = self.scored[self.scored["place"].isin((RANKED, ELIGIBLE))]
        allowed = allowed.assign(codes=pd.Series([()] * len(allowed), index=allowed.index, dtype=object))
        denied = self.denied.assign(place=DENIED)
        columns = [*DECISION, "journey_id", "place", "codes"]
        return pd.concat([allowed[columns], denied[columns]], ignore_index=True)

    @property
    def alone(self) -> pd.DataFrame:
        """The rows of `denied` that have one code: `rule`. Without that rule the journey would have been allowed."""
        one = self.denied[self.denied["codes"].map(len) == 1]
        return one.assign(rule=[codes[0] for codes in one["codes"]])


def read_rules_log(path: Path) -> RulesLog:
    """Both tables of an export, of the days that both have: a day past its time gets no second table any more, and
    all that it has would seem to be allowed.

    Decisions that were imported are left out where they name no catalogue, for nobody knows what was denied in them;
    those of another store's export name one, and cannot be told from the store's own.

    Raises: LogInvalid, also where there is no second table, or nothing in it.
    """
    files = LogFiles(path)
    if not is_exported(files):
        raise LogInvalid(path, "this is no exported log, so nothing in it tells of rules")
    beside = path / DENIALS
    if not beside.is_dir():
        text = "it has no table of what was denied: export it again, `rumbo state export` writes one beside it"
        raise LogInvalid(path, text)
    shown, denied = files.read(SHOWN, sparse={"expects"}), LogFiles(beside).read(DENIAL)
    every, both = _days(shown) | _days(denied), _days(shown) & _days(denied)
    if not both:
        raise LogInvalid(path, "both of its tables have no day in common: export it again")
    of_both = _of_days(denied, both)
    if not of_both.num_rows:
        raise LogInvalid(beside, "nothing was denied on the days that the decisions have")
    return replace(rules_log(_of_days(shown, both), of_both), days_left_out=len(every - both))


def _days(log: LogTable) -> set[Path]:
    """The folders of its files."""
    return {_day(log, file) for file in log.files}


def _of_days(log: LogTable, days: Set[Path]) -> pa.Table:
    counts = np.diff([*log.begins, log.table.num_rows])
    return log.table.filter(pa.array(np.repeat([_day(log, file) in days for file in log.files], counts)))


def _day(log: LogTable, file: Path) -> Path:
    return file.parent.relative_to(log.path)


def rules_log(shown: pa.Table, denied: pa.Table) -> RulesLog:
    """Of the two tables as they are exported."""
    shown = shown.filter(pc.not_equal(shown["catalogue_version"], ""))
    of_journeys = shown.filter(pc.not_equal(shown["journey_id"], NO_JOURNEY))
    return RulesLog(shown=_shown(of_journeys), scored=_scored(shown), denied=_denied(denied))


def _shown(table: pa.Table) -> pd.DataFrame:
    """`nps` and `ces`: the last answer to a contact, NaN without one."""
    plain: pd.DataFrame = table.drop_columns(["eligible", "outcomes"]).to_pandas()
    outcomes = table["outcomes"].combine_chunks()
    said = pd.DataFrame(
        {
            "row": pc.list_parent_indices(outcomes).to_numpy(),
            "type": pc.list_flatten(outcomes).field("type").to_pandas(),
            "value": pc.list_flatten(outcomes).field("value").to_pandas(),
        }
    )
    for name in ("NPS", "CES"):
        last = said[said["type"] == name].groupby("row")["value"].last()
        plain[name.lower()] = last.reindex(range(len(plain))).to_numpy(np.float64)
    return plain if "expects" in plain else plain.assign(expects=None)


def _scored(table: pa.Table) -> pd.DataFrame:
    """Every row of a decision lists them, so the first is read."""
    first = table.filter(pc.equal(table["rank"], 1))
    listed = first["eligible"].combine_chunks()
    parents = pc.list_parent_indices(listed)
    entries = pc.list_flatten(listed)
    columns = {name: first[name].combine_chunks().take(parents).to_pandas() for name in DECISION}
    columns |= {name: entries.field(name).to_pandas() for name in ("journey_id", "place")}
    return pd.DataFrame({**columns, "p_outcome": entries.field("p_outcome").to_numpy(zero_copy_only=False)})


def _denied(table: pa.Table) -> pd.DataFrame:
    plain: pd.DataFrame = table.drop_columns(["codes"]).to_pandas()
    codes = [tuple(dict.fromkeys(codes)) for codes in table["codes"].to_pylist()]
    return plain.assign(codes=pd.Series(codes, index=plain.index, dtype=object))
