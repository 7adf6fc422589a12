"""Which models a home serves, in a file of its own: a service goes by it, and needs no MLflow to.

HOME/mlflow/serving.json      who moves an alias writes it, and so does `models.follow` for what others moved
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from features.files import read_regular, write_text
from models.bundle import MANIFEST_FILE, Bundle
from models.errors import BundleCorrupt, ModelMissing, PointerUnreadable

POINTER_FILE: Final = "serving.json"
LOCK_FILE: Final = ".serving.lock"
FORMAT: Final = 1
MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedModel:
    """`number` in the registry, the `version` of the bundle, and its `place`, relative to HOME/mlflow."""

    number: str
    version: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The versions that had the aliases when the registry was last asked."""

    champion: PointedModel | None = None
    challenger: PointedModel | None = None


def read_pointer(folder: Path) -> Pointer | None:
    """What is pointed to in HOME/mlflow; None if nothing ever was. Raises: PointerUnreadable."""
    file = folder / POINTER_FILE
    try:
        said = json.loads(read_regular(file, within=folder, at_most=MAX_BYTES))
        if said["format"] != FORMAT:
            raise PointerUnreadable(f"{file} is of form {said['format']!r}, this release reads {FORMAT}")
        return Pointer(champion=_pointed(said["champion"]), challenger=_pointed(said["challenger"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PointerUnreadable(f"{file} cannot be read: {error}") from error


def write_pointer(folder: Path, pointer: Pointer) -> None:
    """In one step, and durably. Raises: CannotWrite."""
    text = json.dumps({"format": FORMAT, **asdict(pointer)}, indent=1, ensure_ascii=False)
    write_text(folder / POINTER_FILE, text + "\n")


@contextmanager
def moving(folder: Path) -> Iterator[None]:
    """Nobody else on this machine moves an alias, or writes one down, within: what is written is what holds."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def place_in(folder: Path, place: str) -> Path:
    """Raises: ModelMissing when `place` leads out of `folder`."""
    try:
        found = (folder / place).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelMissing(f"the model lies at no place: {error}") from error
    if not found.is_relative_to(folder):
        raise ModelMissing(f"the model lies outside of {folder}, from where nothing is loaded")
    return found


def bundle_at(folder: Path, pointed: PointedModel) -> Bundle:
    """The bundle that is pointed to, which it must be. Raises: ModelMissing, BundleCorrupt."""
    bundle = Bundle.load(place_in(folder, pointed.place), within=folder)
    if bundle.version != pointed.version:
        raise BundleCorrupt(MANIFEST_FILE, f"is of {bundle.version}, version {pointed.number} is {pointed.version}")
    return bundle


def _pointed(said: Mapping[str, object] | None) -> PointedModel | None:
    return None if said is None else PointedModel(**{name: str(value) for name, value in said.items()})
