"""What lies outside of the service: a feature store and a model that say what a test tells them to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.reading import CustomerByCustomer, FeatureReading, ViewFault
from features.schema import FeatureSpec
from features.situation import ConsentFact, ConsentStatus, IncidentFact, IncidentStatus, SituationViews, render
from features.values import FeatureRow, FeatureStatus, FeatureValue
from tests.example import SCHEMA
from tests.one_by_one import ModelOneByOne
from tests.oracle.conditions import Fact, Why
from tests.oracle.history import Customer, StoredFeatures

STATUS = {Why.STALE: FeatureStatus.STALE, Why.UNREACHABLE: FeatureStatus.UNAVAILABLE}


class OutsideFeatures(CustomerByCustomer):
    """A feature reader over what the oracle says is stored."""

    def __init__(self, customers: Mapping[str, Customer]) -> None:
        self._customers = customers
        self._specs: Sequence[FeatureSpec] = [s for specs in SCHEMA.by_view.values() for s in specs]

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        stored = self._customers[customer_id].stored if customer_id in self._customers else StoredFeatures()
        values = {s.name: _value(s.name, stored) for s in self._specs if not s.is_derived}
        gone = {s.view: values[s.name].status for s in self._specs if s.name in values and _is_gone(values[s.name])}
        return FeatureReading(
            values=values,
            degraded=tuple(ViewFault(view=view, status=status, cause="so drawn") for view, status in gone.items()),
            has_any_row=stored.has_any_row,
        )


def _is_gone(value: FeatureValue) -> bool:
    return value.status in (FeatureStatus.UNAVAILABLE, FeatureStatus.STALE)


def _value(name: str, stored: StoredFeatures) -> FeatureValue:
    if name == "incidents_json":
        return _listed(name, stored.incidents, _incident)
    if name == "consents_json":
        return _listed(name, stored.consents, _consent)
    fact = stored.features.get(name, Fact(why=Why.MISSING))
    if fact.why is Why.MISSING:
        status = FeatureStatus.NULL if fact.at else FeatureStatus.NOT_FOUND
        return FeatureValue(name=name, status=status)
    if fact.why is Why.UNREACHABLE:
        return FeatureValue(name=name, status=FeatureStatus.UNAVAILABLE)
    value = fact.at if name.endswith("_at") else fact.value
    status = FeatureStatus.PRESENT if fact.why is None else STATUS[fact.why]
    return FeatureValue(name=name, status=status, value=value, event_time=fact.at)


def _listed(name: str, listed: Any, converted: Any) -> FeatureValue:
    if isinstance(listed, Why):
        return FeatureValue(name=name, status=STATUS[listed])
    if not listed:
        return FeatureValue(name=name, status=FeatureStatus.NOT_FOUND)
    text = render([converted(line) for line in listed])
    return FeatureValue(name=name, status=FeatureStatus.PRESENT, value=text, event_time=max(line.at for line in listed))


def _incident(line: Any) -> IncidentFact:
    return IncidentFact(
        incident_id=line.incident_id,
        incident_class=line.incident_class,
        severity=line.severity,
        status=IncidentStatus.OPEN if line.is_open else IncidentStatus.RESOLVED,
        at=line.at,
    )


def _consent(line: Any) -> ConsentFact:
    status = ConsentStatus.GRANTED if line.is_granted else ConsentStatus.WITHDRAWN
    return ConsentFact(purpose=line.purpose, channel=line.channel, status=status, at=line.at)


class UntoldFeatures:
    """The other end of the feature store: what the oracle says is stored is all that is, whatever is told."""

    def __init__(self, repo: Path, views: SituationViews, connect: Callable[..., object]) -> None:
        """Of a repository that nobody reads."""

    def write(self, customer_id: str, facts: Sequence[object]) -> None:
        """Forgets it."""

    def close(self) -> None:
        """Nothing is held."""


class OutsideModel(ModelOneByOne):
    """Scores that differ by journey and by instant, and are the same when asked again."""

    version = "outside"
    valued: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()

    def __init__(self, history: frozenset[str]) -> None:
        self.history = history

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        seeds = [hashlib.sha256(f"{j.journey_id} {at}".encode()).digest()[0] for j in journeys]
        return np.array(seeds, dtype=np.float64) / 255.0

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return np.zeros((len(journeys), 1))
