"""What operators watch: Prometheus metrics, and one JSON line a decision. Neither holds personal data."""

from __future__ import annotations

import json
import logging
from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.decision.decide import Decision
from service.decision.reports.rows import RowResult
from service.timing import StepTimes

Kept = TypeVar("Kept", Counter, Histogram)

log = logging.getLogger("rumbo.decision")

_QUOTES_ROWS = ("DETAIL:", "CONTEXT:")
"""How lines begin in which PostgreSQL repeats what it was given."""
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class _Children(Generic[Kept]):
    """Those of a metric by their labels, which it would look up itself behind a lock each time."""

    def __init__(self, metric: Kept) -> None:
        self._metric: Kept = metric
        self._kept: dict[tuple[str, ...], Kept] = {}

    def of(self, *labels: str) -> Kept:
        child = self._kept.get(labels)
        if child is None:
            child = self._kept[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._decisions = _Children(
            Counter("rumbo_decisions", "Decisions answered.", ["channel", "kind"], registry=self.registry)
        )
        self._seconds = Histogram(
            "rumbo_decide_seconds", "Time to answer Decide.", buckets=_SECONDS, registry=self.registry
        )
        self._stage = _Children(
            Histogram("rumbo_stage_seconds", "Time of a stage.", ["stage"], buckets=_SECONDS, registry=self.registry)
        )
        self._rejected = _Children(
            Counter("rumbo_rejected", "Candidates denied, by reason code.", ["code"], registry=self.registry)
        )
        self._degraded = _Children(
            Counter(
                "rumbo_degraded", "Decisions made with a part degraded.", ["what", "status"], registry=self.registry
            )
        )
        self._rows = Counter(
            "rumbo_rows", "Events and outcomes, by what became of them.", ["what", "status"], registry=self.registry
        )
        self._errors = Counter("rumbo_errors", "Calls that failed.", ["method", "status"], registry=self.registry)
        self._shed = Counter(
            "rumbo_shed", "Calls refused before they were begun.", ["method", "reason"], registry=self.registry
        )
        self._in_force = self._gauge("rumbo_in_force", "1 for what serves.", ["what", "version"])
        self._versions: dict[str, str] = {}
        self._loads = Counter("rumbo_catalogue_loads", "Catalogues loaded.", ["result"], registry=self.registry)
        self._refused = self._gauge("rumbo_catalogue_refused", "1 while a catalogue is refused.")
        self._model_refused = self._gauge("rumbo_model_refused", "1 while what an alias names cannot serve.", ["what"])
        self._registry_doubted = self._gauge(
            "rumbo_model_registry_doubted", "1 while the registry of models cannot be asked."
        )
        self.features_refused = self._gauge("rumbo_features_refused", "1 while the registry has what cannot serve.")
        self._feature_reads = Counter(
            "rumbo_feature_reads",
            "Customers that the feature store was asked for: directly, or by Feast's own interface.",
            ["way"],
            registry=self.registry,
        )
        self.feature_lag = self._gauge("rumbo_feature_lag_rows", "Changes the feature store was not told yet.")
        self._pruned = Counter("rumbo_pruned_rows", "Rows past their time, deleted.", ["table"], registry=self.registry)
        self._prune_stopped = self._gauge(
            "rumbo_prune_stopped", "1 while nothing is pruned, until somebody says that it may."
        )
        self._upkeep_failures = Counter(
            "rumbo_upkeep_failures", "Attempts at the store's upkeep that failed.", ["what"], registry=self.registry
        )

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """Of several workers that live, the largest is told: it is 1 where it is 1 in one of them."""
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode="livemax")

    def in_force(self, what: str, version: str) -> None:
        """Sets the version of a part that is in force to 1 and the earlier one to 0; "", for none, is 0 too."""
        earlier = self._versions.get(what)
        if earlier is not None:
            self._in_force.labels(what=what, version=earlier).set(0)
        self._versions[what] = version
        self._in_force.labels(what=what, version=version).set(1 if version else 0)

    def catalogue_loaded(self, *, is_valid: bool) -> None:
        """Counts a load; `rumbo_catalogue_refused` is 1 while what lies in the folder is not what serves."""
        self._loads.labels(result="in_force" if is_valid else "refused").inc()
        self._refused.set(0 if is_valid else 1)

    def model_refused(self, what: str, *, is_refused: bool) -> None:
        """`what`: `model` or `challenger`, as `in_force` has them."""
        self._model_refused.labels(what=what).set(1 if is_refused else 0)

    def registry_doubted(self, *, is_doubted: bool) -> None:
        self._registry_doubted.set(1 if is_doubted else 0)

    def decided(self, decision: Decision, times: StepTimes, *, is_dry_run: bool) -> None:
        """Counts one answer and writes its log line."""
        self._decisions.of(decision.facts.channel, _kind(decision, is_dry_run=is_dry_run)).inc()
        self._seconds.observe(times.total)
        for stage, seconds in times.seconds.items():
            self._stage.of(stage).observe(seconds)
        codes = Tally(chain.from_iterable(decision.rejected_codes.values()))
        for code, count in codes.items():
            self._rejected.of(code).inc(count)
        for part in decision.terms.degraded:
            self._degraded.of(part.what, part.status.value).inc()
        if log.isEnabledFor(logging.INFO):
            log.info("decided", extra={"fields": _line(decision, times, codes, is_dry_run=is_dry_run)})

    def recorded(self, what: str, results: Iterable[RowResult]) -> None:
        for result in results:
            self._rows.labels(what=what, status=result.status.value).inc()

    def features_read(self, way: str, customers: int) -> None:
        self._feature_reads.labels(way=way).inc(customers)

    def pruned(self, table: str, rows: int) -> None:
        self._pruned.labels(table=table).inc(rows)

    def prune_stopped(self, *, is_stopped: bool) -> None:
        self._prune_stopped.set(1 if is_stopped else 0)

    def upkeep_failed(self, what: str) -> None:
        self._upkeep_failures.labels(what=what).inc()

    def failed(self, method: str, status: str) -> None:
        self._errors.labels(method=method, status=status).inc()

    def shed(self, method: str, reason: str) -> None:
        self._shed.labels(method=method, reason=reason).inc()


def _kind(decision: Decision, *, is_dry_run: bool) -> str:
    if is_dry_run:
        return "dry_run"
    return "recorded" if decision.terms.decision_id else "unrecorded"


def _line(decision: Decision, times: StepTimes, codes: Tally[str], *, is_dry_run: bool) -> dict[str, Any]:
    return {
        "decision_id": decision.terms.decision_id,
        "dry_run": is_dry_run,
        "channel": decision.facts.channel,
        "limit": decision.terms.limit,
        "ranked": len(decision.picks),
        "eligible": len(decision.selection.eligible),
        "rejected": len(decision.rejected_codes),
        "taken": len(decision.selection.taken),
        "codes": dict(codes),
        "degraded": [f"{d.what}={d.status.value}" for d in decision.terms.degraded],
        "model": decision.model_version,
        "catalogue": decision.plan.version,
        "features": decision.terms.features_version,
        "us": {stage: round(seconds * 1e6) for stage, seconds in times.seconds.items()},
        "total_us": round(times.total * 1e6),
    }


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message and the record's own fields."""

    def __init__(self, fields: Mapping[str, Any] | None = None) -> None:
        """`fields`: of every line."""
        super().__init__()
        self._fields = fields or {}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._fields,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            cause = self.formatException(record.exc_info).splitlines()
            line["cause"] = "\n".join(text for text in cause if not text.startswith(_QUOTES_ROWS))
        return json.dumps(line, ensure_ascii=False)
