"""What a company's registry said when it was read last: in the home, so that whoever starts again need not read it.

registry ──(Feast)──> features and read plan ──> HOME/features.json ──> a process that imports no Feast
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from features.company.company import Company
from features.company.features_document import described, features_in
from features.company.home import HomeCompany
from features.company.registry import CompanyFeatures, RegistryUnreadable
from features.company.registry_reading import ReadRegistry, RegistryReading, read_registry
from features.errors import StoreUnavailable
from features.files import write_text
from features.store.configuration import CONFIG_FILE, configuration_stamp, configured_registry_file
from features.store.open_store import open_planned, open_planned_cells
from features.store.opened import OpenStore
from features.store.read_plan import ReadPlan
from features.store.text_rows import TextCells

log = logging.getLogger(__name__)

FILE: Final = "features.json"


class KeptRegistry:
    """The features of a company and how their store is opened. Reading blocks; threads may share it."""

    def __init__(self, company: Company, home: Path, read: ReadRegistry = read_registry) -> None:
        """`read` looks at the registry where what the home keeps is not of it."""
        self._company = company
        self._home = home
        self._read = read
        self._stamp: str | None = None
        self._planned: _Planned | None = None
        self._why_not = "the registry was not read yet"

    def known(self) -> CompanyFeatures:
        """The features as the registry has them; those that the home keeps while it cannot be read.

        So a service that starts while the feature store is away answers with the journeys that need nothing of it.
        Raises: CompanyInvalid for what is wrong with the registry; RegistryUnreadable if the home keeps none either.
        """
        reading = self.read()
        try:
            return reading.demand_features()
        except RegistryUnreadable as error:
            kept = _Kept.of(self._home)
            if kept is None:
                raise
            log.warning("the features are those that were read last, schema %s: %s", kept.features.fingerprint, error)
            return kept.features

    def read(self) -> RegistryReading:
        """Looks at the registry, and keeps what it says; a plan of before stays while it cannot be opened.

        Where the home has what somebody else has read of it by now, that is not read again.
        """
        stamp, kept = _stamp(self._company), _Kept.of(self._home)
        if kept is not None and stamp is not None and stamp == kept.stamp != self._stamp:
            self._stamp, self._planned = stamp, kept.planned
            return RegistryReading(features=kept.features, is_open=True, plan=kept.planned.plan)
        reading = self._read(self._company)
        if reading.is_open:
            self._planned = _Planned(reading.plan)
        elif reading.faults:
            self._why_not = reading.faults[0]
        if reading.features is not None:
            self._stamp = stamp
            owner = HomeCompany.of(self._home)
            if owner is not None and owner.name == self._company.name:  # nothing is made where there is no home
                _Kept(stamp=stamp, features=reading.features, planned=_Planned(reading.plan)).save(self._home)
        return reading

    def is_current(self) -> bool:
        """Whether all that the features were read from is as it was then; False if that cannot be told."""
        return self._stamp is not None and self._stamp == _stamp(self._company)

    def open(self, repo: Path) -> OpenStore:
        """Opens the store as the registry said when it could be read last, and is quick where no Feast has to read it.

        Raises: StoreUnavailable if there is no repository, or its registry could never be read; as `open_planned`.
        """
        return open_planned(self._plan(repo), repo)

    def open_cells(self, repo: Path) -> TextCells:
        """The same, to write to. Raises: as `open`."""
        return open_planned_cells(self._plan(repo), repo)

    def _plan(self, repo: Path) -> ReadPlan | None:
        _demand_files(repo)
        if self._planned is None:
            raise StoreUnavailable(self._why_not)
        return self._planned.plan


def known_features(company: Company, home: Path) -> CompanyFeatures:
    """As `KeptRegistry.known`, read by Feast in this process where the home keeps none of them."""
    return KeptRegistry(company, home).known()


def _demand_files(repo: Path) -> None:
    """Raises: StoreUnavailable naming what is missing."""
    try:
        registry = configured_registry_file(repo)
    except FileNotFoundError:
        raise StoreUnavailable(f"there is no {CONFIG_FILE}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StoreUnavailable(f"{CONFIG_FILE} cannot be read: {type(error).__name__}") from error
    if registry is not None and not registry.is_file():
        raise StoreUnavailable(f"there is no registry {registry.name}")


def _stamp(company: Company) -> str | None:
    """Differs as soon as something differs that the features are read from; None if that cannot be told from files."""
    try:
        read_by = [f"{name} {version(name)}".encode() for name in ("rumbo", "feast")]
        parts = [*read_by, configuration_stamp(company.feature_repo), *(f.read_bytes() for f in _read_from(company))]
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _read_from(company: Company) -> Iterator[Path]:
    """Every file that says something of the features. Raises: ValueError if the registry is not one of them."""
    yield company.folder / company.file.name
    if company.notes is not None:
        yield company.notes
    registry = configured_registry_file(company.feature_repo)
    if registry is None:
        raise ValueError("no file")
    yield registry


@dataclass(frozen=True, slots=True)
class _Planned:
    """What is known of how a store is read. `plan`: None where Feast itself has to read it."""

    plan: ReadPlan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The content of HOME/features.json. `stamp`: of the files that it was read from."""

    stamp: str | None
    features: CompanyFeatures
    planned: _Planned

    @classmethod
    def of(cls, home: Path) -> _Kept | None:
        """None of a home that keeps none, or whose file is damaged."""
        try:
            written: dict[str, Any] = json.loads((home / FILE).read_text(encoding="utf-8"))
            plan = written.get("read_plan")
            planned = _Planned(None if plan is None else ReadPlan.of(plan))
            return cls(stamp=written["stamp"], features=features_in(written), planned=planned)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self, home: Path) -> None:
        plan = self.planned.plan
        written = {"stamp": self.stamp, **described(self.features), "read_plan": plan and plan.described()}
        write_text(home / FILE, json.dumps(written, indent=1, ensure_ascii=False) + "\n")
