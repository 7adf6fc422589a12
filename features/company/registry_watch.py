"""Sees when a company's registry changes while Rumbo serves; one that cannot be used leaves what was read before."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import yaml

from features.company.company import Company
from features.company.registry import CompanyFeatures
from features.company.registry_reading import RegistryReading, read_registry
from features.store.configuration import configured_registry_file

log = logging.getLogger(__name__)

AGAIN_S: Final = 5.0
"""A registry that could not be used is read again after so long, and after twice as long each time."""
AGAIN_AT_LATEST_S: Final = 60.0

Stamps = tuple[tuple[int, int, int, int] | None, ...]


class RegistryWatch:
    """A company's features as its registry last had them. Blocking, and not to be shared between threads."""

    def __init__(
        self,
        company: Company,
        known: CompanyFeatures,
        *,
        read: Callable[[], RegistryReading] | None = None,
        is_current: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """The first look reads the registry anew, unless `is_current` says that `known` is what it has.

        Args:
            known: the features as they were read before.
            read: reads the registry; None: by Feast in this process.
            monotonic: seconds.
        """
        self._company = company
        self._read_registry = read or partial(read_registry, company)
        self._is_current = is_current
        self._monotonic = monotonic
        self._has_looked = False
        self._files: tuple[Path, ...] = ()
        self._read: Stamps = ()
        self._seen: Stamps = ()
        self._due_s = -math.inf
        self._pause_s = AGAIN_S
        self._faults: tuple[str, ...] = ()
        self._features = known

    @property
    def features(self) -> CompanyFeatures:
        """As they were when the registry could last be used."""
        return self._features

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the registry as it is now cannot be used; none while `features` are those of it."""
        return self._faults

    def look(self) -> bool:
        """Whether the features, or the faults, are others than before. To be asked often.

        A registry in a file is read when two looks in a row found it, or the notes, changed and still; any other within
        the cache time of its configuration, of which 0 means never.
        """
        if not self._is_due():
            return False
        before = self._features.fingerprint, self._faults
        self._look_at_files()  # before it is read: a change meanwhile is seen by the next look
        reading = self._read_registry()
        self._features, self._faults = reading.features or self._features, reading.faults
        self._due_s = self._monotonic() + self._until_next(reading)
        if (self._features.fingerprint, self._faults) == before:
            return False
        self._tell()
        return True

    def _is_due(self) -> bool:
        if not self._has_looked:
            self._has_looked = True
            if self._is_current():
                self._due_s = math.inf
                self._look_at_files()
        stamps = self._stamps()
        is_still, self._seen = stamps == self._seen, stamps
        return (is_still and stamps != self._read) or self._monotonic() >= self._due_s

    def _look_at_files(self) -> None:
        """Notes the files that the features are read from, as they are now; none of a registry elsewhere."""
        registry = None
        with suppress(OSError, ValueError, yaml.YAMLError):
            registry = configured_registry_file(self._company.feature_repo)
        notes = self._company.notes
        self._files = () if registry is None else (registry, *(() if notes is None else (notes,)))
        self._read = self._seen = self._stamps()

    def _until_next(self, reading: RegistryReading) -> float:
        """Seconds: a registry in a file counts until it changes, one elsewhere as long as its configuration says."""
        if reading.faults:
            pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, AGAIN_AT_LATEST_S)
            return pause_s
        self._pause_s = AGAIN_S
        return math.inf if self._files or reading.cache_s is None else reading.cache_s

    def _stamps(self) -> Stamps:
        return tuple(map(_stamp, self._files))

    def _tell(self) -> None:
        version = self._features.fingerprint
        if self._faults:
            log.error(
                "the registry cannot be used, features %s stay", version, extra={"fields": {"faults": self._faults}}
            )
        else:
            log.info("the registry has features %s", version)


def _stamp(file: Path) -> tuple[int, int, int, int] | None:
    """Differs as soon as the file does; None while there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
