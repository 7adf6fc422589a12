"""A bundle comes back as it was saved, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.bundle import MANIFEST_FILE, MODEL_FILE, Bundle
from models.errors import BundleCorrupt, BundleOutdated
from tests.model_builders import bundle

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def trained() -> Bundle:
    return bundle()


@pytest.fixture
def saved(trained: Bundle, tmp_path: Path) -> Path:
    trained.save(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_saved_bundle_comes_back_equal(trained: Bundle, saved: Path) -> None:
    loaded = Bundle.load(saved)
    assert loaded.version == trained.version
    assert loaded.model_text == trained.model_text
    assert loaded.encoder.to_json() == trained.encoder.to_json()
    assert loaded.calibration == trained.calibration
    assert loaded.history == trained.history
    assert loaded.metrics == trained.metrics


def test_a_bundle_is_two_text_files_and_no_pickle(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == [MANIFEST_FILE, MODEL_FILE]
    json.loads((saved / MANIFEST_FILE).read_text(encoding="utf-8"))
    assert (saved / MODEL_FILE).read_text(encoding="utf-8").startswith("tree\n")


def test_the_version_follows_the_content(trained: Bundle) -> None:
    assert replace(trained).version == trained.version
    assert replace(trained, history=frozenset({"other"})).version != trained.version
    assert replace(trained, model_text=trained.model_text + "\n").version != trained.version


def test_metrics_that_are_not_numbers_are_not_saved(trained: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        replace(trained, metrics={"auc": float("nan")}).save(tmp_path)


def _remove(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def _flip(name: str, position: int) -> Damage:
    def damage(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[position] ^= 1
        (folder / name).write_bytes(content)

    return damage


def _truncate(name: str) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def _write(name: str, content: bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def _edit(change: Callable[[dict[str, object]], object], *, signed: bool = False) -> Damage:
    """Changes the manifest; `signed` renews its hash, as someone who knows the format would."""

    def damage(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        change(manifest)
        if signed:
            del manifest["content_sha256"]
            canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            manifest["content_sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
        (folder / MANIFEST_FILE).write_text(json.dumps(manifest), encoding="utf-8")

    return damage


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (_remove(MODEL_FILE), MODEL_FILE),
        (_remove(MANIFEST_FILE), MANIFEST_FILE),
        (_flip(MODEL_FILE, 500), MODEL_FILE),
        (_flip(MODEL_FILE, -2), MODEL_FILE),
        (_truncate(MODEL_FILE), MODEL_FILE),
        (_truncate(MANIFEST_FILE), MANIFEST_FILE),
        (_write(MODEL_FILE, b""), MODEL_FILE),
        (_write(MANIFEST_FILE, b""), MANIFEST_FILE),
        (_write(MANIFEST_FILE, b"tree"), MANIFEST_FILE),
        (_write(MANIFEST_FILE, b"\xff\xfe\x00"), MANIFEST_FILE),
        (_write(MANIFEST_FILE, b"[]"), MANIFEST_FILE),
        (_edit(lambda m: m.update(parts={MODEL_FILE: "0" * 64})), MANIFEST_FILE),
        (_edit(lambda m: m.update(parts={MODEL_FILE: "0" * 64}), signed=True), MODEL_FILE),
        (_edit(lambda m: m.update(format=2), signed=True), MANIFEST_FILE),
        (_edit(lambda m: m.pop("format")), MANIFEST_FILE),
        (_edit(lambda m: m.update(metrics={"auc": float("nan")})), MANIFEST_FILE),
        (_edit(lambda m: m.pop("content_sha256")), MANIFEST_FILE),
        (_edit(lambda m: m.update(history=["another-journey"])), MANIFEST_FILE),
        (_edit(lambda m: m.update(calibration={"kind": "platt"}), signed=True), MANIFEST_FILE),
        (_edit(lambda m: m.update(encoder=[{"name": "x"}]), signed=True), MANIFEST_FILE),
        (_edit(lambda m: m.update(encoder=3), signed=True), MANIFEST_FILE),
        (_edit(lambda m: m.update(parts={}), signed=True), MANIFEST_FILE),
        (_edit(lambda m: m.update(history="all"), signed=True), MANIFEST_FILE),
        (_edit(lambda m: m.update(metrics={"auc": "high"}), signed=True), MANIFEST_FILE),
    ],
)
def test_a_damaged_bundle_is_refused_naming_the_file(saved: Path, damage: Damage, part: str) -> None:
    damage(saved)
    with pytest.raises(BundleCorrupt) as refused:
        Bundle.load(saved)
    assert refused.value.part == part
    assert part in str(refused.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match=MANIFEST_FILE):
        Bundle.load(tmp_path / "nowhere")


@pytest.mark.parametrize("position", range(0, 2_000, 97))
def test_any_flipped_byte_of_the_manifest_is_noticed(saved: Path, position: int) -> None:
    """A byte of white space may change without a change of meaning; then the bundle is the same one."""
    version = Bundle.load(saved).version
    content = bytearray((saved / MANIFEST_FILE).read_bytes())
    content[position % len(content)] ^= 0x04
    (saved / MANIFEST_FILE).write_bytes(content)
    if part_refused(saved) is None:
        assert Bundle.load(saved).version == version
    else:
        assert part_refused(saved) == MANIFEST_FILE


def part_refused(folder: Path) -> str | None:
    """The file for which the bundle is refused; None when it is not."""
    try:
        Bundle.load(folder)
    except BundleCorrupt as refused:
        return refused.part
    return None


@pytest.mark.parametrize("form", [2, 4, "3", None])
def test_a_bundle_of_another_form_is_refused_saying_what_to_do(saved: Path, form: object) -> None:
    _edit(lambda manifest: manifest.update(format=form))(saved)
    with pytest.raises(BundleOutdated, match=f"form {form!r}, this release reads 3: train again with `rumbo train`"):
        Bundle.load(saved)
