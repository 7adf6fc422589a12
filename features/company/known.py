"""What is known of a company's features without asking its registry again: as it was when it was read last.

Importing Feast costs seconds of a processor, so a registry in a file that has not changed since is not opened.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from features.company.company import Company
from features.company.home import HomeCompany
from features.company.registry import CompanyFeatures, RegistryUnreadable, features_of
from features.files import write_text
from features.interactions import ModelFeatures
from features.schema import FeatureSchema
from features.store.configuration import CONFIG_FILE, configured_registry_file
from features.store.customer_key import CustomerKey, KeyType

log = logging.getLogger(__name__)

FILE: Final = "features.json"


def known_features(company: Company, home: Path) -> CompanyFeatures:
    """The features as the registry has them, kept in the home; those that the home keeps while it cannot be read.

    So a service that starts while the feature store is away answers with the journeys that need nothing of it.
    Raises: CompanyInvalid for what is wrong with the registry; RegistryUnreadable if the home keeps none either.
    """
    stamp, kept = _stamp(company), _Kept.of(home)
    if kept is not None and stamp is not None and kept.stamp == stamp:
        return kept.features
    try:
        found = features_of(company)
    except RegistryUnreadable as error:
        if kept is None:
            raise
        log.warning("the features are those that were read last, schema %s: %s", kept.features.fingerprint, error)
        return kept.features
    owner = HomeCompany.of(home)
    if owner is not None and owner.name == company.name:  # nothing is made where there is no home
        _Kept(stamp=stamp, features=found).save(home)
    return found


def _stamp(company: Company) -> str | None:
    """Differs as soon as something differs that the features are read from; None if that cannot be told from files."""
    try:
        parts = [version("rumbo").encode(), *(file.read_bytes() for file in _read_from(company))]
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _read_from(company: Company) -> Iterator[Path]:
    """Every file that says something of the features. Raises: ValueError if the registry is not one of them."""
    yield company.folder / company.file.name
    if company.notes is not None:
        yield company.notes
    yield company.feature_repo / CONFIG_FILE
    registry = configured_registry_file(company.feature_repo)
    if registry is None:
        raise ValueError("no file")
    yield registry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The content of HOME/features.json. `stamp`: of the files that it was read from."""

    stamp: str | None
    features: CompanyFeatures

    @classmethod
    def of(cls, home: Path) -> _Kept | None:
        """None of a home that keeps none, or whose file is damaged."""
        try:
            described: dict[str, Any] = json.loads((home / FILE).read_text(encoding="utf-8"))
            return cls(stamp=described["stamp"], features=_features(described))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, home: Path) -> None:
        found = self.features
        described = {
            "stamp": self.stamp,
            "fingerprint": found.fingerprint,
            "key": asdict(found.key),
            "features": json.loads(found.schema.dump()),
            "model": {
                "leave_out": sorted(found.model.leave_out),
                "interactions": {name: str(formula) for name, formula in found.model.interactions.items()},
            },
            "notices": list(found.notices),
        }
        write_text(home / FILE, json.dumps(described, indent=1, ensure_ascii=False) + "\n")


def _features(described: dict[str, Any]) -> CompanyFeatures:
    """Raises: ValueError, KeyError, TypeError."""
    key, model = described["key"], described["model"]
    return CompanyFeatures(
        key=CustomerKey(name=str(key["name"]), type=KeyType(key["type"])),
        schema=FeatureSchema.of(described["features"]),
        model=ModelFeatures.of(model["leave_out"], model["interactions"]),
        notices=tuple(map(str, described["notices"])),
        fingerprint=str(described["fingerprint"]),
    )
