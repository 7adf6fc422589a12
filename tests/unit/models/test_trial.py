"""A bundle scores in a process of its own first, once; what kills that process never comes near the service."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from models.bundle import MANIFEST_FILE, MODEL_FILE, Bundle
from models.errors import BundleCorrupt, TrialUnfinished
from models.trial import BundleFault, Trials, _judged, try_out
from tests.model_builders import bundle

pytestmark = pytest.mark.timeout(180)  # on a busy machine a process takes long to begin


@pytest.fixture(scope="module")
def trained() -> Bundle:
    return bundle()


@pytest.fixture(scope="module")
def cut(trained: Bundle) -> Bundle:
    """Its hashes fit, for they are made of what there is."""
    return replace(trained, model_text=trained.model_text[: len(trained.model_text) // 2])


def verdict_on(tried: Bundle, folder: Path, trials: Trials) -> None:
    tried.save(folder / "bundle")
    trials.demand(tried, folder / "bundle", folder)


def stopped(folder: Path) -> Trials:
    """It tries nothing any more: what it tells was kept."""
    trials = Trials(folder)
    trials.stop()
    return trials


def test_a_good_bundle_is_tried_once(trained: Bundle, tmp_path: Path) -> None:
    with pytest.raises(TrialUnfinished):
        verdict_on(trained, tmp_path, stopped(tmp_path / "trials"))
    verdict_on(trained, tmp_path, Trials(tmp_path / "trials"))
    verdict_on(trained, tmp_path, stopped(tmp_path / "trials"))


def test_a_bundle_that_cannot_score_is_tried_once(cut: Bundle, tmp_path: Path) -> None:
    for trials in (Trials(tmp_path / "trials"), stopped(tmp_path / "trials")):
        with pytest.raises(BundleCorrupt, match=MODEL_FILE):
            verdict_on(cut, tmp_path, trials)


@pytest.mark.parametrize(
    "kept", [b"", b"{", b"[]", b'{"lightgbm": "1.0", "fault": null}', b"[" * 50_000], ids=lambda kept: repr(kept[:20])
)
def test_what_was_kept_by_another_version_or_cannot_be_read_is_not_relied_on(
    trained: Bundle, tmp_path: Path, kept: bytes
) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / f"{trained.sha256}.json").write_bytes(kept)
    with pytest.raises(TrialUnfinished):
        verdict_on(trained, tmp_path, stopped(tmp_path / "trials"))


def test_a_trial_without_time_finds_nothing_and_keeps_nothing(trained: Bundle, tmp_path: Path) -> None:
    with pytest.raises(TrialUnfinished, match="longer than"):
        verdict_on(trained, tmp_path, Trials(tmp_path / "trials", wall_s=0.01))
    assert not (tmp_path / "trials").exists()


def test_a_bundle_that_changed_meanwhile_is_not_judged_by_what_lies_there_now(
    trained: Bundle, cut: Bundle, tmp_path: Path
) -> None:
    cut.save(tmp_path / "bundle")
    with pytest.raises(TrialUnfinished):
        Trials(tmp_path / "trials").demand(trained, tmp_path / "bundle", tmp_path)
    assert not (tmp_path / "trials").exists()


@pytest.mark.parametrize("end", ["SIGABRT", "SIGSEGV", "SIGFPE", "SIGXCPU"])
def test_a_process_that_ends_by_its_own_doing_condemns_the_bundle(end: str) -> None:
    fault = _judged(-signal.Signals[end], "", "terminate called")
    assert fault == BundleFault(part=MODEL_FILE, why=f"a process that scored with it was ended by {end}")


@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGTERM, -signal.SIGALRM, 1, 2, 3])
def test_a_process_that_others_ended_says_nothing_of_the_bundle(status: int) -> None:
    """Such as the kernel for want of memory on the machine."""
    with pytest.raises(TrialUnfinished):
        _judged(status, "", "")


@pytest.mark.parametrize("last", ["nul", "nope"])
def test_what_the_package_alone_reads_of_a_text_is_no_fault(trained: Bundle, last: str) -> None:
    """Of pandas' categories, which no matrix has."""
    text = trained.model_text.replace("pandas_categorical:null", f"pandas_categorical:{last}")
    assert text != trained.model_text
    try_out(replace(trained, model_text=text))


def test_a_bundle_whose_columns_stand_in_another_order_is_refused(trained: Bundle) -> None:
    """Each would be read as another, and nothing else would tell."""
    text = trained.model_text.replace("spend_90d spend_soap_90d", "spend_soap_90d spend_90d", 1)
    assert text != trained.model_text
    with pytest.raises(BundleCorrupt, match="order"):
        try_out(replace(trained, model_text=text))


def test_a_home_that_cannot_be_written_to_serves_all_the_same(trained: Bundle, tmp_path: Path) -> None:
    (tmp_path / "trials").write_text("a file where the folder should be", encoding="utf-8")
    verdict_on(trained, tmp_path, Trials(tmp_path / "trials"))


def test_what_is_kept_names_the_version_of_lightgbm(cut: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt):
        verdict_on(cut, tmp_path, Trials(tmp_path / "trials"))
    (file,) = (tmp_path / "trials").iterdir()
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["lightgbm"][0].isdigit()
    assert kept["fault"]["part"] in (MODEL_FILE, MANIFEST_FILE)
