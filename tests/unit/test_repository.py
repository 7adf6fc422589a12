"""The packages are those of this repository, whatever a dependency ships under the same name."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", ["features", "models", "service", "training"])
def test_package_lies_in_its_own_folder_of_this_repository(package: str) -> None:
    """A dependency with a top-level `models` would shadow ours without a word."""
    assert importlib.import_module(package).__file__ == str(ROOT / package / "__init__.py")


def test_generated_code_is_imported_by_its_wire_name_from_this_repository() -> None:
    module = importlib.import_module("rumbo.decision.v1.decision_pb2")
    assert module.__file__ == str(ROOT / "protos/gen/rumbo/decision/v1/decision_pb2.py")


def test_generated_code_leaves_google_packages_importable() -> None:
    for name in ("google.protobuf.timestamp_pb2", "google.rpc.error_details_pb2"):
        assert "protos/gen" not in str(importlib.import_module(name).__file__)


def test_every_package_is_part_of_the_wheel() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    built = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(built) == packages | {"protos/gen/rumbo"}


def test_a_server_imports_neither_the_checker_of_catalogues_nor_its_solver() -> None:
    code = (
        "import sys; import service.bootstrap.serve, service.wire.server;"
        " print([name for name in sys.modules if name == 'z3' or name.startswith('service.catalogue.check')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"


def test_installed_commands_are_those_that_the_project_declares() -> None:
    """Fails when the entry points changed and `make setup` was not run again."""
    declared = PROJECT["project"]["entry-points"]["rumbo.commands"]
    assert {point.name: point.value for point in entry_points(group="rumbo.commands")} == declared
