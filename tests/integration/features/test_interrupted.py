"""A folder that `rumbo prepare` left half-way is never read: it is of two days, and one leaks into the other.

What a process leaves that is killed at some moment is what lies on the disk at that moment: so the folder is copied at
each step of one run.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from service.examples.complete_journey.data.campaigns import CAMPAIGNS
from service.examples.complete_journey.data.dataset import FILE, Dataset, HomeNotPrepared
from service.examples.complete_journey.data.prepare import STEPS, TABLES, prepare_company
from service.examples.complete_journey.seed import CONSENTS, seed_consents
from service.settings import Settings
from tests.fixtures_features import NOW

EARLIER = NOW - timedelta(weeks=10)
WHOLE = 2
"""The steps that only read."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def left_at(prepared_company: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Path]:
    """What is left by the step at whose beginning `prepare` was killed, while it went for an earlier day."""
    place = tmp_path_factory.mktemp("interrupted")
    folder = Path(shutil.copytree(prepared_company, place / "folder"))
    left: dict[int, Path] = {}

    def copy(step: str) -> None:
        left[len(left)] = Path(shutil.copytree(folder, place / f"{len(left)}"))

    prepare_company(folder, EARLIER, copy)
    left[len(left)] = folder
    return left


def test_each_step_is_told(left_at: Mapping[int, Path]) -> None:
    assert len(left_at) == STEPS + 1


@pytest.mark.parametrize("step", range(WHOLE, STEPS))
async def test_a_home_that_was_left_half_way_is_refused_by_training_and_seeding(
    left_at: Mapping[int, Path], step: int
) -> None:
    """What training reads goes first, and comes when all that it is made of is there."""
    assert not (left_at[step] / CAMPAIGNS).exists()
    with pytest.raises(HomeNotPrepared, match="rumbo prepare"):
        await seed_consents(Settings(company=left_at[step], home=left_at[step] / ".rumbo"))
    assert not (left_at[step] / ".rumbo").exists()


@pytest.mark.parametrize("step", [0, 1])
def test_before_the_first_table_the_home_is_as_it_was(left_at: Mapping[int, Path], step: int) -> None:
    assert Dataset.load(left_at[step]).prepared_at == NOW


def test_a_home_that_is_prepared_again_after_that_is_whole(left_at: Mapping[int, Path]) -> None:
    assert Dataset.load(left_at[STEPS]).prepared_at == EARLIER
    assert (left_at[STEPS] / CAMPAIGNS).is_file()


def keep_the_description(folder: Path, whole: Path) -> None:
    """As a file system may after a loss of power, or whoever puts it back by hand."""
    shutil.copy(whole / FILE, folder / FILE)


def replace_the_consents(folder: Path, whole: Path) -> None:
    shutil.copy(whole / CAMPAIGNS, folder / CONSENTS)


def drop_the_consents(folder: Path, whole: Path) -> None:
    (folder / CONSENTS).unlink()


def forget_the_tables(folder: Path, whole: Path) -> None:
    """As a folder was described before its tables were."""
    text = (folder / FILE).read_text(encoding="utf-8")
    (folder / FILE).write_text(text.replace('"tables"', '"other"'), encoding="utf-8")


@pytest.mark.parametrize(
    ("step", "change"),
    [
        (WHOLE + TABLES, keep_the_description),
        (STEPS, keep_the_description),
        (0, replace_the_consents),
        (0, drop_the_consents),
        (0, forget_the_tables),
    ],
)
async def test_tables_that_are_not_those_of_the_description_are_refused_by_name(
    left_at: Mapping[int, Path],
    prepared_company: Path,
    step: int,
    change: Callable[[Path, Path], None],
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(left_at[step], tmp_path / "folder"))
    change(folder, prepared_company)
    with pytest.raises(HomeNotPrepared, match=r"(parquet|dataset\.json) .*run `rumbo prepare"):
        await seed_consents(Settings(company=folder, home=folder / ".rumbo"))


KILLED_HALF_WAY = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from service.examples.complete_journey.data.prepare import prepare_company

def die(step):
    if "targeting" in step:
        os.kill(os.getpid(), signal.SIGKILL)

prepare_company(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), die)
"""


def test_prepare_killed_half_way_and_then_train_ends_with_one_line(prepared_company: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(prepared_company, tmp_path / "folder"))
    killed = subprocess.run([sys.executable, "-c", KILLED_HALF_WAY, str(folder), EARLIER.isoformat()], check=False)
    assert killed.returncode == -signal.SIGKILL
    trained = subprocess.run(
        [sys.executable, "-m", "service.cli", "train", "--company", str(folder), "--log", str(folder / CAMPAIGNS)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert trained.returncode == 2
    assert "campaigns.parquet: there is no such file" in trained.stderr.splitlines()[-1]
    assert "Traceback" not in trained.stderr
    assert not (folder / ".rumbo").exists()
