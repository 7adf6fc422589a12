"""Sees when a company's registry changes while Rumbo serves; one that cannot be used leaves what was read before."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from features.company import Company, CompanyInvalid
from features.connection import registry_file
from features.registry import CompanyFeatures, open_registry, read_features

log = logging.getLogger(__name__)

AGAIN_S: Final = 5.0
"""A registry that could not be used is read again after so long, unless its cache time is shorter."""

Stamp = tuple[int, int, int, int] | None


class RegistryWatch:
    """A company's features as its registry last had them. Blocking, and not to be shared between threads."""

    def __init__(self, company: Company, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Reads the registry. `monotonic`: seconds.

        Raises: CompanyInvalid, and Feast's own errors for a broken registry: nothing was read before.
        """
        self._company = company
        self._monotonic = monotonic
        self._file: Path | None = None
        self._read: Stamp = None
        self._seen: Stamp = None
        self._due_s = math.inf
        self._cache_s = math.inf
        self._faults: tuple[str, ...] = ()
        self._features = self._read_registry()

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

        A registry in a file is read when the file has changed and two looks in a row found it so; any other within the
        cache time of its configuration, of which 0 means never.
        """
        if not self._is_due():
            return False
        before = self._features.fingerprint, self._faults
        try:
            self._features, self._faults = self._read_registry(), ()
        except CompanyInvalid as error:
            self._faults = error.faults
        except Exception as error:  # noqa: BLE001 - each registry raises its own errors, and none may end a service
            self._faults = (f"the registry cannot be read: {type(error).__name__}: {error}",)
        if (self._features.fingerprint, self._faults) == before:
            return False
        self._tell()
        return True

    def _is_due(self) -> bool:
        if self._file is None:
            return self._monotonic() >= self._due_s
        stamp = _stamp(self._file)
        is_still, self._seen = stamp == self._seen, stamp
        return is_still and stamp != self._read

    def _read_registry(self) -> CompanyFeatures:
        self._read = self._seen
        self._due_s = self._monotonic() + min(AGAIN_S, self._cache_s)
        store = open_registry(self._company)
        self._file = registry_file(store.config, self._company.feature_repo)
        self._cache_s = store.config.registry.cache_ttl_seconds or math.inf
        if self._file is not None and self._read is None:
            self._read = self._seen = _stamp(self._file)
        found = read_features(self._company, store)
        self._due_s = self._monotonic() + self._cache_s
        return found

    def _tell(self) -> None:
        version = self._features.fingerprint
        if self._faults:
            log.error(
                "the registry cannot be used, features %s stay", version, extra={"fields": {"faults": self._faults}}
            )
        else:
            log.info("the registry has features %s", version)


def _stamp(file: Path) -> Stamp:
    """Differs as soon as the file does; None while there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
