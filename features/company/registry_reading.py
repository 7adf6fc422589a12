"""What one look at a company's registry tells: its features or what is wrong, and how its online store is read.

Feast reads a registry, and importing it costs seconds and 190 MB. So a service lets a process of its own look:

    python -P -m features.company.registry_reading

It reads the company as one line of JSON from its input, and prints the reading as another.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.company.company import Company, CompanyInvalid
from features.company.document import CompanyDocument
from features.company.features_document import described, features_in
from features.company.registry import CompanyFeatures, RegistryUnreadable, open_registry, read_features, unreadable
from features.documents.form import parsed
from features.documents.source import SourceFile
from features.store.compile_plan import plan_of
from features.store.connection import Connection
from features.store.read_plan import ReadPlan

if TYPE_CHECKING:
    from feast import FeatureStore

log = logging.getLogger(__name__)

PATIENCE_S: Final = 120.0
"""A process that says nothing for so long looks no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryReading:
    """One look.

    `features`: None if there are `faults`; `is_unreadable`: because nothing can be read, not for what is read.
    `is_open`: whether the registry could be read, so that `plan` is of it; None there if Feast itself has to read.
    `cache_s`: how long a registry elsewhere counts, as configured; None: until it is asked for again.
    """

    features: CompanyFeatures | None
    faults: tuple[str, ...] = ()
    is_unreadable: bool = False
    is_open: bool = False
    plan: ReadPlan | None = None
    cache_s: float | None = None

    def demand_features(self) -> CompanyFeatures:
        """Raises: CompanyInvalid with what is wrong; RegistryUnreadable if nothing can be read."""
        if self.features is None:
            raise RegistryUnreadable(self.faults) if self.is_unreadable else CompanyInvalid(self.faults)
        return self.features


ReadRegistry = Callable[[Company], RegistryReading]


def read_registry(company: Company) -> RegistryReading:
    """Looks by Feast in this process. What is wrong is in the reading."""
    try:
        store = open_registry(company)
    except CompanyInvalid as error:
        return RegistryReading(features=None, faults=error.faults, is_unreadable=True)
    opened = RegistryReading(
        features=None, is_open=True, plan=_plan(company, store), cache_s=store.config.registry.cache_ttl_seconds or None
    )
    try:
        return replace(opened, features=read_features(company, store))
    except CompanyInvalid as error:
        if isinstance(error, RegistryUnreadable):
            return RegistryReading(features=None, faults=error.faults, is_unreadable=True)
        return replace(opened, faults=error.faults)


def _plan(company: Company, store: FeatureStore) -> ReadPlan | None:
    try:
        return plan_of(Connection.of(store, company.feature_repo), company.feature_repo)
    except Exception as error:  # noqa: BLE001 - each store raises its own errors; who reads it will meet them
        log.warning("no plan of the online store, Feast has to read it: %s: %s", type(error).__name__, error)
        return None


def read_registry_beside(company: Company) -> RegistryReading:
    """The same in a process of its own, unless Feast has been imported here already."""
    return read_registry(company) if "feast" in sys.modules else read_registry_apart(company)


def read_registry_apart(company: Company) -> RegistryReading:
    """Looks by Feast in a process of its own; one that fails leaves a reading that says so. Takes seconds."""
    request = {"folder": str(company.folder), "name": company.file.name, "text": company.file.text or ""}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "features.company.registry_reading"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        reading = _reading(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return _failed(company, f"said nothing for {PATIENCE_S:.0f} s")
    except OSError as error:
        return _failed(company, f"did not begin: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return _failed(company, f"ended with status {done.returncode}: {said}")
    return reading


def _failed(company: Company, how: str) -> RegistryReading:
    fault = unreadable(company, f"the process that reads the registry {how}")
    return RegistryReading(features=None, faults=fault.faults, is_unreadable=True)


def _reading(written: Mapping[str, Any]) -> RegistryReading:
    """Raises: ValueError, KeyError, TypeError."""
    features, plan = written["features"], written["plan"]
    return RegistryReading(
        features=None if features is None else features_in(features),
        faults=tuple(map(str, written["faults"])),
        is_unreadable=bool(written["is_unreadable"]),
        is_open=bool(written["is_open"]),
        plan=None if plan is None else ReadPlan.of(plan),
        cache_s=None if written["cache_s"] is None else float(written["cache_s"]),
    )


def _written(reading: RegistryReading) -> dict[str, Any]:
    features, plan = reading.features, reading.plan
    return {
        "features": None if features is None else described(features),
        "faults": list(reading.faults),
        "is_unreadable": reading.is_unreadable,
        "is_open": reading.is_open,
        "plan": None if plan is None else plan.described(),
        "cache_s": reading.cache_s,
    }


def main() -> None:
    """Reads the company that is said as it was when its service started, whatever its file says by now."""
    said = json.loads(sys.stdin.read())
    file = SourceFile(name=said["name"], text=said["text"])
    company = Company(folder=Path(said["folder"]), document=parsed(said["text"], CompanyDocument), file=file)
    answer, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no part of the answer
    json.dump(_written(read_registry(company)), answer)


if __name__ == "__main__":
    main()
