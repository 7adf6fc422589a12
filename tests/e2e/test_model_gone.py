"""The model missing or damaged: the order is by tier and prior, the answer says so, and nothing damaged serves.

A registry that is damaged keeps nothing from being served: the home says itself what that is.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.values import FeatureRow
from models.pointer import POINTER_FILE, Pointer, read_pointer, write_pointer
from models.registry import fetch_champion
from rumbo.decision.v1 import decision_pb2
from tests.e2e.wire import REGULAR, SECOND_REGULAR, allowed_ids, degraded_of
from tests.example import EXAMPLE
from tests.fixtures_features import registry_at
from tests.fixtures_service import running
from tests.model_builders import resized
from tests.one_by_one import ModelOneByOne


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


def sign(home: Path, text: str) -> None:
    """Another text of the model, with hashes that fit, as someone who knows the format would write."""
    signed = replace(fetch_champion(registry_at(home)), model_text=text)
    signed.save(part(home, "model.txt").parent)
    folder = registry_at(home).folder
    pointer = read_pointer(folder)
    assert pointer is not None
    assert pointer.champion is not None
    write_pointer(folder, Pointer(champion=replace(pointer.champion, version=signed.version)))


def cut_and_sign(home: Path) -> None:
    whole = fetch_champion(registry_at(home)).model_text
    sign(home, whole[: len(whole) // 2])


def lead_a_node_of_the_last_tree_to_itself(home: Path) -> None:
    """LightGBM would walk there for ever, and few customers come there."""
    text = fetch_champion(registry_at(home)).model_text
    begins = text.rindex("\nright_child=") + len("\nright_child=")
    ends = text.index("\n", begins)
    children = text[begins:ends].split()
    children[-1] = str(len(children) - 1)
    sign(home, resized(text[:begins] + " ".join(children) + text[ends:]))


def save_it_in_the_form_of_before(home: Path) -> None:
    """As releases wrote it whose interactions were a constant of the encoder: without formulas."""
    manifest = json.loads(part(home, "manifest.json").read_text(encoding="utf-8"))
    parts = {"interaction": "affinity"}
    columns = [
        {"name": c["name"], "part": parts.get(c["part"], c["part"]), "levels": c.get("levels")}
        for c in manifest["encoder"]
    ]
    part(home, "manifest.json").write_text(json.dumps({**manifest, "format": 1, "encoder": columns}), encoding="utf-8")


def nest_the_manifest(home: Path) -> None:
    part(home, "manifest.json").write_text("[" * 200_000, encoding="utf-8")


def make_the_model_a_pipe(home: Path) -> None:
    model = part(home, "model.txt")
    model.unlink()
    os.mkfifo(model)


def link_the_model_to_elsewhere(home: Path) -> None:
    """The very same bytes, from where nobody reviews them."""
    model = part(home, "model.txt")
    elsewhere = model.replace(home.parent / "elsewhere.txt")
    model.symlink_to(elsewhere)


def name_a_place_outside(home: Path) -> None:
    evil = shutil.copytree(part(home, "model.txt").parent, home.parent / "evil")
    tell_the_registry(
        home, "UPDATE model_version_tags SET value = ? WHERE key = 'rumbo.bundle_path'", f"../../{evil.name}"
    )


def stamp_another_schema(home: Path) -> None:
    tell_the_registry(home, "UPDATE alembic_version SET version_num = ?", "0000000000ff")


def make_the_registry_a_folder(home: Path) -> None:
    remove_the_registry(home)
    (home / "mlflow" / "mlflow.db").mkdir()


def make_the_registry_a_pipe(home: Path) -> None:
    remove_the_registry(home)
    os.mkfifo(home / "mlflow" / "mlflow.db")


def empty_the_registry(home: Path) -> None:
    (home / "mlflow" / "mlflow.db").write_bytes(b"")


def delete_the_version(home: Path) -> None:
    tell_the_registry(home, "UPDATE model_versions SET current_stage = ?", "Deleted_Internal")


def tell_the_registry(home: Path, statement: str, value: str) -> None:
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as database, database:
        assert database.execute(statement, (value,)).rowcount > 0


DAMAGE = [
    pytest.param(flip_a_byte_of("model.txt"), id="a flipped byte of the model"),
    pytest.param(flip_a_byte_of("manifest.json"), id="a flipped byte of the manifest"),
    truncate_the_model,
    remove_the_model,
    remove_the_manifest,
    forget_the_history,
    remove_everything,
    cut_and_sign,
    lead_a_node_of_the_last_tree_to_itself,
    save_it_in_the_form_of_before,
    nest_the_manifest,
    make_the_model_a_pipe,
    link_the_model_to_elsewhere,
]
DAMAGE_TO_THE_REGISTRY = [
    remove_the_registry,
    garble_the_registry,
    name_a_place_outside,
    stamp_another_schema,
    make_the_registry_a_folder,
    make_the_registry_a_pipe,
    empty_the_registry,
    delete_the_version,
]


def forget_what_serves(home: Path) -> None:
    """As in a home of an earlier release."""
    (registry_at(home).folder / POINTER_FILE).unlink()


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


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
async def test_without_a_whole_model_the_order_is_by_tier_and_prior(
    modelled_home: Path, damage: Callable[[Path], None]
) -> None:
    damage(modelled_home)
    async with running(modelled_home) as service:
        assert_ordered_by_prior(await service.preview(SECOND_REGULAR))


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE_TO_THE_REGISTRY)
async def test_without_a_registry_the_model_serves_that_served_last(
    modelled_home: Path, damage: Callable[[Path], None]
) -> None:
    champion = fetch_champion(registry_at(modelled_home))
    damage(modelled_home)
    async with running(modelled_home) as service:
        answer = await service.preview(SECOND_REGULAR)
    assert (answer.model_version, degraded_of(answer)) == (champion.version, {})


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE_TO_THE_REGISTRY)
async def test_without_a_registry_nor_a_word_of_what_served_the_order_is_by_tier_and_prior(
    modelled_home: Path, damage: Callable[[Path], None]
) -> None:
    damage(modelled_home)
    forget_what_serves(modelled_home)
    async with running(modelled_home) as service:
        assert_ordered_by_prior(await service.preview(SECOND_REGULAR))


async def test_a_registry_that_is_locked_delays_neither_the_start_nor_an_answer(modelled_home: Path) -> None:
    forget_what_serves(modelled_home)
    with closing(sqlite3.connect(modelled_home / "mlflow" / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with running(modelled_home) as service:
            assert_ordered_by_prior(await service.preview(SECOND_REGULAR))


@pytest.mark.timeout(120)
async def test_a_registry_that_is_mended_brings_its_model_into_force_without_a_restart(modelled_home: Path) -> None:
    database = modelled_home / "mlflow" / "mlflow.db"
    whole = database.read_bytes()
    stamp_another_schema(modelled_home)
    forget_what_serves(modelled_home)
    async with running(modelled_home) as service:
        assert_ordered_by_prior(await service.preview(SECOND_REGULAR))
        database.write_bytes(whole)
        while not (answer := await service.preview(SECOND_REGULAR)).model_version:
            assert_ordered_by_prior(answer)
            await asyncio.sleep(0.1)
    champion = fetch_champion(registry_at(modelled_home))
    assert answer.model_version == champion.version
    assert not answer.degraded
    scored = {j.journey_id for j in answer.ranked if {r.code for r in j.reasons} == {"RANKED_BY_MODEL"}}
    assert scored == allowed_ids(answer) & champion.history


async def test_with_a_model_the_answer_names_it_and_is_not_degraded(modelled_home: Path) -> None:
    champion = fetch_champion(registry_at(modelled_home))
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


class FaultyModel(ModelOneByOne):
    """A model that learned from every journey and scores as a test says."""

    version = "faulty"
    valued: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()

    def __init__(self, score: Callable[[int], NDArray[np.float64]]) -> None:
        self._score = score
        self.history = frozenset(file.stem for file in (EXAMPLE / "journeys").glob("*.yaml"))

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        return self._score(len(journeys))

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

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
    async with running(own_home, model=FaultyModel(score)) as service:
        assert_ordered_by_prior(await service.preview(SECOND_REGULAR))
