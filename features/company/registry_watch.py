"""Sees when a company's registry changes while Rumbo serves; one that cannot be used leaves what was read before."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from features.company.company import Company, CompanyInvalid
from features.company.registry import CompanyFeatures, open_registry, read_features
from features.store.connection import registry_file

log = logging.getLogger(__name__)

AGAIN_S: Final = 5.0
"""A registry that could not be used is read again after so long, unless its cache time is shorter."""

Stamps = tuple[tuple[int, int, int, int] | None, ...]


class RegistryWatch:
    """A company's features as its registry last had them. Blocking, and not to be shared between threads."""

    def __init__(
        self, company: Company, known: CompanyFeatures, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`known`: the features as they were read before; the first look reads them anew. `monotonic`: seconds."""
        self._company = company
        self._monotonic = monotonic
        self._files: tuple[Path, ...] = ()
        self._read: Stamps = ()
        self._seen: Stamps = ()
        self._due_s = -math.inf
        self._cache_s = math.inf
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
        try:
            self._features, self._faults = self._read_registry(), ()
        except CompanyInvalid as error:
            self._faults = error.faults
        if (self._features.fingerprint, self._faults) == before:
            return False
        self._tell()
        return True

    def _is_due(self) -> bool:
        if not self._files:
            return self._monotonic() >= self._due_s
        stamps = self._stamps()
        is_still, self._seen = stamps == self._seen, stamps
        return is_still and stamps != self._read

    def _read_registry(self) -> CompanyFeatures:
        """Raises: CompanyInvalid."""
        self._due_s = self._monotonic() + min(AGAIN_S, self._cache_s)
        self._read = self._seen
        store = open_registry(self._company)
        config = store.config
        file = registry_file(config, self._company.feature_repo)
        notes = self._company.notes
        self._files = () if file is None else (file, *(() if notes is None else (notes,)))
        self._cache_s = config.registry.cache_ttl_seconds or math.inf
        self._read = self._seen = self._stamps()  # before it is read: Feast does so when it is first asked
        found = read_features(self._company, store)
        self._due_s = self._monotonic() + self._cache_s
        return found

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
