"""The model missing or damaged: the order is by tier and prior, the answer says so, and nothing damaged serves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.values import FeatureRow
from models.registry import fetch_champion
from rumbo.decision.v1 import decision_pb2
from service.catalogue.load import EXAMPLE
from tests.e2e.wire import REGULAR, SECOND_REGULAR, allowed_ids, degraded_of
from tests.fixtures_service import running


def part(home: Path, name: str) -> Path:
    """A file of the one bundle in the home."""
    (found,) = (home / "mlflow").rglob(f"bundle/{name}")
    return found


def flip_a_byte_of(name: str) -> Callable[[Path], None]:
    def flip(home: Path) -> None:
        content = bytearray(part(home, name).read_bytes())
        content[len(content) // 2] ^= 1
        part(home, name).write_bytes(content)

    return flip


def truncate_the_model(home: Path) -> None:
    whole = part(home, "model.txt").read_bytes()
    part(home, "model.txt").write_bytes(whole[: len(whole) // 2])


def remove_the_model(home: Path) -> None:
    part(home, "model.txt").unlink()


def remove_the_manifest(home: Path) -> None:
    part(home, "manifest.json").unlink()


def forget_the_history(home: Path) -> None:
    """Well-formed, and not what was saved."""
    manifest = json.loads(part(home, "manifest.json").read_text(encoding="utf-8"))
    manifest["history"] = []
    part(home, "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def remove_the_registry(home: Path) -> None:
    (home / "mlflow" / "mlflow.db").unlink()


def garble_the_registry(home: Path) -> None:
    (home / "mlflow" / "mlflow.db").write_bytes(b"This is no database. " * 4096)


def remove_everything(home: Path) -> None:
    shutil.rmtree(home / "mlflow")


DAMAGE = [
    pytest.param(flip_a_byte_of("model.txt"), id="a flipped byte of the model"),
    pytest.param(flip_a_byte_of("manifest.json"), id="a flipped byte of the manifest"),
    truncate_the_model,
    remove_the_model,
    remove_the_manifest,
    forget_the_history,
    remove_the_registry,
    garble_the_registry,
    remove_everything,
]


MORNING = {"breakfast-coupons": 1.2}
"""The context weights that hold: it is seven in the morning in New York, and no context is given."""


def by_tier_and_prior(journey_ids: Sequence[str]) -> list[str]:
    """The order by hand: tier, then prior × value × weights − cost of the web action, then id."""
    policies = yaml.safe_load((EXAMPLE / "policies.yaml").read_text(encoding="utf-8"))

    def place(journey_id: str) -> tuple[int, float, str]:
        journey = yaml.safe_load((EXAMPLE / "journeys" / f"{journey_id}.yaml").read_text(encoding="utf-8"))
        prior = journey.get("prior", policies["priors"][journey["kind"]])
        lever = journey["lever"]["weight"] if "lever" in journey else 1.0
        action = next(a for a in journey["stages"][0]["actions"] if "web" in a["channels"])
        weight = MORNING.get(journey_id, 1.0)
        priority = prior * journey["objective"]["value"] * weight * lever - action.get("cost", 0.0)
        return journey["tier"], -priority, journey_id

    return sorted(journey_ids, key=place)


def assert_ordered_by_prior(answer: decision_pb2.DecideResponse) -> None:
    assert degraded_of(answer) == {"model": "UNAVAILABLE"}
    assert answer.model_version == ""
    ranked = [journey.journey_id for journey in answer.ranked]
    assert len(ranked) > 5
    assert ranked == by_tier_and_prior(ranked)
    assert {reason.code for journey in answer.ranked for reason in journey.reasons} == {"RANKED_BY_PRIOR"}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_without_a_whole_model_the_order_is_by_tier_and_prior(
    modelled_home: Path, damage: Callable[[Path], None]
) -> None:
    damage(modelled_home)
    async with running(modelled_home) as service:
        assert_ordered_by_prior(await service.preview(SECOND_REGULAR))


async def test_with_a_model_the_answer_names_it_and_is_not_degraded(modelled_home: Path) -> None:
    champion = fetch_champion(modelled_home)
    async with running(modelled_home) as service:
        answer = await service.preview(REGULAR)
    assert answer.model_version == champion.version
    assert not answer.degraded
    by_model = {j.journey_id for j in answer.ranked if {r.code for r in j.reasons} == {"RANKED_BY_MODEL"}}
    assert by_model == allowed_ids(answer) & champion.history
    assert by_model


async def test_the_model_changes_the_order_and_never_what_is_allowed(modelled_home: Path) -> None:
    async with running(modelled_home) as service:
        scored = await service.preview(REGULAR, "app")
    remove_everything(modelled_home)
    async with running(modelled_home) as service:
        unscored = await service.preview(REGULAR, "app")
    capped = {"PRESSURE_CAP"}
    for answer, other in ((scored, unscored), (unscored, scored)):
        withheld = {j.journey_id for j in answer.rejected if {r.code for r in j.reasons} != capped}
        assert not withheld & allowed_ids(other)


class Faulty:
    """A model that learned from every journey and scores as a test says."""

    version = "faulty"
    columns: tuple[str, ...] = ()

    def __init__(self, score: Callable[[int], NDArray[np.float64]]) -> None:
        self._score = score
        self.history = frozenset(file.stem for file in (EXAMPLE / "journeys").glob("*.yaml"))

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return self._score(len(journeys))

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError


def _fails(count: int) -> NDArray[np.float64]:
    raise RuntimeError("this model cannot score")


@pytest.mark.parametrize(
    "score",
    [
        pytest.param(_fails, id="raises"),
        pytest.param(lambda n: np.full(n, np.nan), id="NaN"),
        pytest.param(lambda n: np.full(n, np.inf), id="infinity"),
        pytest.param(lambda n: np.full(n, 1.5), id="above one"),
        pytest.param(lambda n: np.full(n, -0.1), id="below zero"),
        pytest.param(lambda n: np.full(n + 1, 0.5), id="one too many"),
        pytest.param(lambda n: np.full(n - 1, 0.5), id="one too few"),
    ],
)
async def test_a_model_that_fails_while_serving_is_replaced_by_the_priors(
    own_home: Path, score: Callable[[int], NDArray[np.float64]]
) -> None:
    async with running(own_home, model=Faulty(score)) as service:
        assert_ordered_by_prior(await service.preview(SECOND_REGULAR))
