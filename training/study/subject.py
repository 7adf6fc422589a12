"""What a notebook is about: a company, its home, a log, and what else the environment says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from features.company.company import Company
from features.company.home import Places, places
from features.errors import RumboError
from models.bundle import Bundle
from models.errors import VersionUnknown
from models.registry import CHALLENGER, CHAMPION, fetch, registered
from models.tracking import Registry


class SubjectInvalid(RumboError):
    """A variable of the environment that says nothing that can be used."""


ALIASES = (CHAMPION, CHALLENGER)
LOGGING = "logging"
VARIABLES = ("COMPANY", "HOME", "LOG", "POLICY", "AGAINST", "SLOT", "TEST_FROM", "REGISTER")
"""Of the environment, each after RUMBO_."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the variables of the environment say.

    `log`: the folder or file to read; None is the company's own export, brought up to date. `policy` and `against` are
    `champion`, `challenger`, a number of the registry, a bundle or a file; `against` also what `rumbo evaluate` takes.
    `slot`: the one that is judged. `test_from`: the day from which rows are held out. `registers`: whether what was
    trained goes into the registry.
    """

    places: Places
    log: Path | None
    policy: str
    against: str
    slot: int | None
    test_from: datetime | None
    registers: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Raises: SubjectInvalid; HomeForeign."""
        said = {name: environment.get(f"RUMBO_{name}") or None for name in VARIABLES}
        company, home, log = (None if (path := said[name]) is None else Path(path) for name in VARIABLES[:3])
        slot = said["SLOT"]
        if slot and not slot.isdecimal():
            raise SubjectInvalid(f"RUMBO_SLOT: {slot!r} is no number of a slot, counted from 1")
        return cls(
            places=places(company, home),
            log=log,
            policy=said["POLICY"] or CHAMPION,
            against=said["AGAINST"] or LOGGING,
            slot=int(slot) if slot else None,
            test_from=_moment(said["TEST_FROM"]),
            registers=said["REGISTER"] == "yes",
        )

    @property
    def company(self) -> Company:
        """Raises: CompanyUnknown; CompanyInvalid."""
        return self.places.demand_company()

    @property
    def registry(self) -> Registry:
        """Raises: CompanyUnknown; CompanyInvalid."""
        return Registry.of(self.company, self.places.home)

    def log_read(self) -> Path:
        """Where the log is. Raises: as `own_export`, if none is named."""
        if self.log is not None:
            return self.log
        from training.export import own_export

        return own_export(self.company.folder, self.places.home)

    @contextmanager
    def at_hand(self, named: str) -> Iterator[str]:
        """A policy as `rumbo evaluate` takes it: one of the registry is written to a folder, for as long as it is used.

        Raises: VersionUnknown; RegistryUnusable; BundleCorrupt; CompanyUnknown.
        """
        if named not in ALIASES and not named.isdecimal():
            yield named
            return
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "bundle"
            self.bundle_of(named).save(folder)
            yield str(folder)

    def bundle_of(self, named: str) -> Bundle:
        """Of a version of the registry, by its number or alias.

        Raises: VersionUnknown; RegistryUnusable; BundleCorrupt; CompanyUnknown.
        """
        return fetch(self.registry, self.number_of(named))

    def number_of(self, named: str) -> str:
        """As the registry counts them. Raises: VersionUnknown; RegistryUnusable."""
        known = registered(self.registry)
        for one in known:
            if named == one.number or named in one.aliases:
                return one.number
        raise VersionUnknown(self.registry.model, named, [one.number for one in known])


def _moment(said: str | None) -> datetime | None:
    """Raises: SubjectInvalid."""
    try:
        return None if said is None else datetime.fromisoformat(said)
    except ValueError:
        raise SubjectInvalid(f"RUMBO_TEST_FROM: {said!r} is no day such as 2026-11-22") from None
