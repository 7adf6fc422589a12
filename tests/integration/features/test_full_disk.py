"""No room, or no right, where a home is made: one line that names the file, and nothing half-written is ever read.

No file system is filled: the kernel refuses to let files grow, at the same calls at which a full disk would.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from features.errors import CannotWrite
from features.files import replacing, write_text
from models.registry import fetch_champion
from service.cli import main
from service.examples.complete_journey.data.campaigns import CAMPAIGNS
from service.examples.complete_journey.data.dataset import Dataset, HomeNotPrepared
from tests.example import COMPANY, SCHEMA
from tests.fixtures_features import company_at, registry_at
from tests.fixtures_service import copied, copied_company

PRLIMIT = shutil.which("prlimit") or ""
UNSHARE = shutil.which("unshare") or ""
needs_prlimit = pytest.mark.skipif(not PRLIMIT, reason="needs `prlimit` of util-linux")


def rumbo_with_room_for(size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """No file of `rumbo` grows beyond so many bytes."""
    command = [PRLIMIT, f"--fsize={size}", sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rumbo_on_read_only(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The folder lies on a mount of its own that only this process sees."""
    rumbo = shlex.join([sys.executable, "-m", "service.cli", *arguments])
    where = shlex.quote(str(folder))
    script = f"mount --bind {where} {where} && mount -o remount,ro,bind {where} && exec {rumbo}"
    return subprocess.run([UNSHARE, "-m", "sh", "-c", script], capture_output=True, text=True, check=False)


def can_mount() -> bool:
    tried = [UNSHARE, "-m", "sh", "-c", "mount --bind /tmp /tmp"]
    return bool(UNSHARE) and subprocess.run(tried, capture_output=True, check=False).returncode == 0


def assert_one_line(ended: subprocess.CompletedProcess[str], named: str) -> None:
    assert ended.returncode == 1, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert named in line
    assert "Traceback" not in ended.stderr


@needs_prlimit
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("room", "named"), [(20_000, ".parquet"), (900_000, "company")])
def test_prepare_without_room_says_so_and_what_it_leaves_is_not_prepared(tmp_path: Path, room: int, named: str) -> None:
    folder = tmp_path / "company"
    assert_one_line(rumbo_with_room_for(room, "prepare", "--company", str(folder)), named)
    with pytest.raises(HomeNotPrepared):
        Dataset.load(folder)
    assert not list(folder.rglob("*.draft"))


@needs_prlimit
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("room", [400_000, 1_000_000])
def test_train_without_room_says_so_and_registers_no_champion(trained_home: Path, tmp_path: Path, room: int) -> None:
    """Before it stands the model of an earlier training, which goes on serving."""
    home = copied(trained_home, tmp_path / "home")
    before = fetch_champion(registry_at(home)).version
    company = company_at(home)
    asked = ("--company", str(company), "--home", str(home), "--log", str(company / CAMPAIGNS), "--seed", "1")
    assert_one_line(rumbo_with_room_for(room, "train", *asked), "home")
    assert fetch_champion(registry_at(home)).version == before


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(not can_mount(), reason="needs a right to mount in a name space of its own")
@pytest.mark.parametrize("command", ["prepare", "train", "seed"])
def test_a_company_and_home_on_a_disk_that_is_read_only_are_told_in_one_line(
    prepared_company: Path, tmp_path: Path, command: str
) -> None:
    folder = tmp_path / "company"
    copied_company(prepared_company, folder)
    (folder / ".rumbo").mkdir()
    log = ["--log", str(folder / CAMPAIGNS)] if command == "train" else []
    assert_one_line(rumbo_on_read_only(folder, command, "--company", str(folder), *log), "company")


@pytest.mark.timeout(120)
def test_a_schema_that_has_a_fault_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `> schema.json` does not: a shell empties the file before the command begins."""
    file = tmp_path / "schema.json"
    file.write_text("as it was", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    failed = CliRunner().invoke(main, ["features", "schema", "--out", str(file)])
    assert failed.exit_code == 1
    assert "no company" in failed.output
    assert file.read_text(encoding="utf-8") == "as it was"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.timeout(120)
def test_a_schema_is_written_as_it_is_printed(tmp_path: Path) -> None:
    written = CliRunner().invoke(
        main, ["features", "schema", "--company", str(COMPANY), "--out", str(tmp_path / "schema.json")]
    )
    assert written.exit_code == 0, written.output
    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == SCHEMA.dump()


def test_an_export_that_cannot_be_written_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be", encoding="utf-8")
    file = tmp_path / "out" / "day=2026-11-01" / "decisions.parquet"
    with pytest.raises(CannotWrite, match=r"decisions\.parquet cannot be written"), replacing(file):
        raise AssertionError("it was opened")


def test_a_folder_that_is_a_file_is_told_by_the_name_of_what_was_to_be_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("", encoding="utf-8")
    with pytest.raises(CannotWrite, match=r"home/table cannot be written: Not a directory|File exists"):
        write_text(tmp_path / "home" / "table", "text")


def test_a_draft_of_a_process_that_was_killed_is_swept_and_that_of_one_that_lives_is_not(tmp_path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    ).stdout
    (tmp_path / f".table.{dead.strip()}.draft").touch()
    (tmp_path / ".table.1.draft").touch()
    with replacing(tmp_path / "table") as draft:
        draft.write_text("text", encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".table.1.draft", "table"]
