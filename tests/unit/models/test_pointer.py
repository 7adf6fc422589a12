"""The pointer says which models serve; what is not one, or leads elsewhere, is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from models.errors import BundleCorrupt, ModelMissing, PointerUnreadable
from models.pointer import POINTER_FILE, PointedModel, Pointer, bundle_at, moving, read_pointer, write_pointer
from tests.model_builders import bundle

CHAMPION = PointedModel(number="3", version="0123456789abcdef", place="artifacts/a place/bundle")


@pytest.mark.parametrize(
    "pointer", [Pointer(), Pointer(champion=CHAMPION), Pointer(champion=CHAMPION, challenger=CHAMPION)]
)
def test_what_is_written_is_read(pointer: Pointer, tmp_path: Path) -> None:
    write_pointer(tmp_path, pointer)
    assert read_pointer(tmp_path) == pointer


def test_nothing_is_pointed_to_where_there_is_no_file(tmp_path: Path) -> None:
    assert read_pointer(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 20_000,
        b"\xff\xfe",
        b'{"format": 2, "champion": null, "challenger": null}',
        b'{"format": 1, "champion": null}',
        b'{"format": 1, "champion": {"number": "1"}, "challenger": null}',
        b'{"format": 1, "champion": "v1", "challenger": null}',
        b"x" * 100_000,
    ],
    ids=["empty", "nested", "no-text", "another-form", "half", "no-place", "a-text", "large"],
)
def test_what_is_no_pointer_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / POINTER_FILE).write_bytes(content)
    with pytest.raises(PointerUnreadable, match=POINTER_FILE):
        read_pointer(tmp_path)


def test_a_bundle_is_loaded_from_inside_alone_and_only_if_it_is_the_one_that_is_named(tmp_path: Path) -> None:
    folder, own = (tmp_path / "mlflow").resolve(), bundle()
    for place in (folder / "inside", tmp_path / "outside"):
        own.save(place)
    inside = PointedModel(number="1", version=own.version, place="inside")
    assert bundle_at(folder, inside).sha256 == own.sha256
    with pytest.raises(ModelMissing, match="outside"):
        bundle_at(folder, PointedModel(number="1", version=own.version, place="../outside"))
    with pytest.raises(BundleCorrupt, match="version 1 is 0123456789abcdef"):
        bundle_at(folder, PointedModel(number="1", version=CHAMPION.version, place="inside"))


def test_whoever_moves_aliases_waits_for_who_does(tmp_path: Path) -> None:
    order: list[str] = []
    is_inside = threading.Event()

    def other() -> None:
        is_inside.wait()
        with moving(tmp_path):
            order.append("other")

    waiting = threading.Thread(target=other)
    waiting.start()
    with moving(tmp_path):
        is_inside.set()
        waiting.join(timeout=0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "other"]
