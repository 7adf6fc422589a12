"""`make setup` repairs what one left that was killed. Python, pip and uv are stand-ins: they are outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV_VERSION = next(
    line.split()[-1] for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "UV_VERSION :=" in line
)

PYTHON = """#!/bin/sh
# `-c`: is new enough. `-m venv DIR`: its python is this one. `-m pip install`: writes uv, which is what `uv` says.
case "$2" in
  venv) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/bin/pip" ;;
  pip) test ! -e "$(dirname "$0")/uv" && cp "$STAND_INS/uv" "$(dirname "$0")/uv" ;;
esac
"""
"""Like pip, it leaves a uv that is there as it is."""

UV = f"""#!/bin/sh
case "$1" in
  --version) echo "uv {UV_VERSION} (stand-in)" ;;
  sync) test "$DIES" != sync || kill -9 $PPID; touch "$UV_PROJECT_ENVIRONMENT/synced" ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    stand_ins, project = tmp_path / "stand-ins", tmp_path / "project"
    for folder in (stand_ins, project):
        folder.mkdir()
    for name, text in (("python3", PYTHON), ("uv", UV)):
        (stand_ins / name).write_text(text, encoding="utf-8")
        (stand_ins / name).chmod(0o755)
    for name in ("Makefile", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, project)
    return project


def make_setup(project: Path, dies: str = "") -> int:
    stand_ins = project.parent / "stand-ins"
    env = {**os.environ, "STAND_INS": str(stand_ins), "DIES": dies}
    command = ["make", "setup", f"PYTHON={stand_ins / 'python3'}"]
    return subprocess.run(command, cwd=project, env=env, capture_output=True, check=False).returncode


def assert_is_set_up(project: Path) -> None:
    assert make_setup(project) == 0
    assert (project / ".venv" / "synced").exists()
    assert (project / ".venv" / ".ready").exists()


def cut_uv(venv: Path) -> None:
    (venv / "bin" / "uv").write_text(UV[:30], encoding="utf-8")


def empty_uv(venv: Path) -> None:
    (venv / "bin" / "uv").write_text("", encoding="utf-8")


def no_right_to_run(venv: Path) -> None:
    """pip sets it after the last byte."""
    (venv / "bin" / "uv").chmod(0o644)


def another_version(venv: Path) -> None:
    (venv / "bin" / "uv").write_text("#!/bin/sh\necho 'uv 0.0.1'\n", encoding="utf-8")


def no_uv(venv: Path) -> None:
    (venv / "bin" / "uv").unlink()


def no_python(venv: Path) -> None:
    shutil.rmtree(venv / "bin")


def nothing(venv: Path) -> None:
    shutil.rmtree(venv)


@pytest.mark.parametrize("damage", [cut_uv, empty_uv, no_right_to_run, another_version, no_uv, no_python, nothing])
def test_an_environment_that_was_killed_while_it_was_made_is_made_anew(project: Path, damage: object) -> None:
    assert_is_set_up(project)
    for name in ("synced", ".ready"):
        (project / ".venv" / name).unlink()
    assert callable(damage)
    damage(project / ".venv")
    assert_is_set_up(project)


def test_an_environment_that_was_killed_while_packages_were_written_is_made_anew(project: Path) -> None:
    """Of which one may be cut and counts as installed."""
    assert make_setup(project, dies="sync") != 0
    leftover = project / ".venv" / "half a package"
    leftover.touch()
    assert_is_set_up(project)
    assert not leftover.exists()


def test_an_environment_that_is_ready_stays(project: Path) -> None:
    assert_is_set_up(project)
    kept = project / ".venv" / "kept"
    kept.touch()
    os.utime(project / "uv.lock")
    assert_is_set_up(project)
    assert kept.exists()
