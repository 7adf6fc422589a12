"""Homes with two versions of a model that can be told apart by every score, and what moves between them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.bundle import Bundle
from models.calibration import Calibration, CalibrationKind
from models.registry import PLACE_TAG, VERSION_TAG, fetch_champion, point, promote
from models.tracking import Registry
from tests.fixtures_features import registry_at

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

LOW, HIGH = (1.0 / (1.0 + exp(-intercept)) for intercept in (-2.0, 2.0))
"""What the two versions give every customer and journey."""
CHAMPION, CHALLENGER = "2", "3"
"""Their numbers; the first is what was trained."""
ALIASES: Final = ("champion", "challenger", "previous")


def client_of(registry: Registry) -> MlflowClient:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=registry.uri, registry_uri=registry.uri)


def add_version(home: Path, own: Bundle, alias: str | None = None) -> str:
    """Registers a bundle, without a run. Returns: the number of its version."""
    registry = registry_at(home)
    client, place = client_of(registry), registry.folder / "artifacts" / own.version / "bundle"
    own.save(place)
    tags = {PLACE_TAG: place.relative_to(registry.folder).as_posix(), VERSION_TAG: own.version}
    number = str(client.create_model_version(registry.model, source=place.as_uri(), tags=tags).version)
    if alias is not None:
        client.set_registered_model_alias(registry.model, alias, number)
    return number


def constant(own: Bundle, intercept: float) -> Bundle:
    """The same model, of which every score is sigmoid(intercept)."""
    return replace(own, calibration=Calibration(kind=CalibrationKind.PLATT, intercept=intercept, slope=0.0))


def with_two_versions(home: Path) -> tuple[Bundle, Bundle]:
    """Makes a champion that gives LOW and a challenger that gives HIGH of a home with a model. Returns: them."""
    trained = fetch_champion(registry_at(home))
    low, high = constant(trained, -2.0), constant(trained, 2.0)
    assert add_version(home, low, "champion") == CHAMPION
    assert add_version(home, high, "challenger") == CHALLENGER
    point(registry_at(home))
    return low, high


def aliases(home: Path) -> dict[str, str]:
    registry = registry_at(home)
    found = client_of(registry).get_registered_model(registry.model).aliases
    return {alias: str(number) for alias, number in found.items()}


def promote_for_ever(home: str) -> None:
    """One version after the other, until somebody ends the process."""
    registry = registry_at(Path(home))
    while True:
        for number in (CHALLENGER, CHAMPION):
            promote(registry, number, datetime.now(UTC))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    promote_for_ever(sys.argv[1])
