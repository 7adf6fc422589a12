"""The figures as Prometheus reads them from a file: node-exporter's textfile collector, with a name ending in .prom.

Weeks are the newest one that has rows; features and mix are those of the last seven days.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from features.files import replacing
from training.monitor.report import FeatureForm, Monitoring, WeekForm

METRICS: Final = {
    "rumbo_monitor_alarms": "Alarms by figure: calibration, psi, missing, stale, mix; left out where it is not judged.",
    "rumbo_monitor_judged": "By figure 1, or 0 where too little is known to judge it.",
    "rumbo_monitor_ratio": "Observed / expected of all that is judged, by kind.",
    "rumbo_monitor_ratio_low": "Where the interval of rumbo_monitor_ratio begins.",
    "rumbo_monitor_ratio_high": "Where the interval of rumbo_monitor_ratio ends.",
    "rumbo_monitor_week_rows": "Rows judged of the newest week, by kind.",
    "rumbo_monitor_week_observed": "Met objectives of the newest week, by kind.",
    "rumbo_monitor_week_expected": "Expected ones of the newest week, by kind.",
    "rumbo_monitor_week_calibration_error": "Calibration error of the newest week, by kind.",
    "rumbo_monitor_psi": "Population stability index of the last seven days, by feature.",
    "rumbo_monitor_missing_share": "Share of rows without a value in the last seven days, by feature.",
    "rumbo_monitor_stale_share": "Share of rows whose value was too old in the last seven days, by feature.",
    "rumbo_monitor_mix_psi": "Population stability index of the journeys shown in the last seven days.",
    "rumbo_monitor_mix_share": "Share of the newest week, by journey.",
    "rumbo_monitor_last_decided_timestamp_seconds": "The day of the newest row.",
}
"""Every name, and what it says."""
FIGURES: Final = ("calibration", "psi", "missing", "stale", "mix")
_LABELS: Final = {
    "alarms": "figure",
    "judged": "figure",
    "psi": "feature",
    "missing_share": "feature",
    "stale_share": "feature",
    "mix_share": "journey",
}
READABLE: Final = 0o644
_PREFIX: Final = "rumbo_monitor_"


def write_metrics(path: Path, found: Monitoring) -> None:
    """At once, or not at all; for everybody to read, for who collects it is another user. Raises: CannotWrite."""
    with replacing(path) as draft:
        draft.write_text(metrics_text(found), encoding="utf-8")
        draft.chmod(READABLE)


def metrics_text(found: Monitoring) -> str:
    """In the text format."""
    gauges = _Gauges()
    for figure in FIGURES:
        why = found.calibration_not_judged if figure == "calibration" else found.mix_not_judged
        count = sum(alarm.figure == figure for alarm in found.alarms)
        gauges.set("judged", float(why is None), figure)
        gauges.set("alarms", count if why is None or count else None, figure)
    for first in _first(found):
        gauges.set("ratio", first.ratio_since, first.kind)
        gauges.set("ratio_low", first.low_since, first.kind)
        gauges.set("ratio_high", first.high_since, first.kind)
    for week in _newest(found):
        gauges.set("week_rows", week.rows, week.kind)
        gauges.set("week_observed", week.observed, week.kind)
        gauges.set("week_expected", week.expected, week.kind)
        gauges.set("week_calibration_error", week.calibration_error, week.kind)
    for feature in latest_features(found):
        gauges.set("psi", feature.shift.psi, feature.feature)
        gauges.set("missing_share", feature.missing, feature.feature)
        gauges.set("stale_share", feature.stale, feature.feature)
    if found.mix_shifts:
        gauges.set("mix_psi", found.mix_shifts[-1].shift.psi)
    for journey, share in found.mix[-1].shares.items():
        gauges.set("mix_share", share, journey)
    gauges.set("last_decided_timestamp_seconds", datetime.combine(found.last_decided, time(), UTC).timestamp())
    return generate_latest(gauges.registry).decode()


def latest_features(found: Monitoring) -> list[FeatureForm]:
    """Of each feature its last seven days."""
    return list({one.feature: one for one in found.features}.values())


def _first(found: Monitoring) -> list[WeekForm]:
    """Of each kind the first week with rows: its sequence is of all that is judged."""
    first: dict[str, WeekForm] = {}
    for week in found.weeks:
        if week.rows:
            first.setdefault(week.kind, week)
    return list(first.values())


def _newest(found: Monitoring) -> list[WeekForm]:
    return list({week.kind: week for week in found.weeks if week.rows}.values())


class _Gauges:
    """The metrics of METRICS, made when they are set first; a value that is not known is left out."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made: dict[str, Gauge] = {}

    def set(self, name: str, value: float | None, label: str | None = None) -> None:
        if value is None:
            return
        if name not in self._made:
            labels = () if label is None else (_LABELS.get(name, "kind"),)
            full = _PREFIX + name
            self._made[name] = Gauge(full, METRICS[full], labels, registry=self.registry)
        gauge = self._made[name]
        (gauge if label is None else gauge.labels(label)).set(value)
