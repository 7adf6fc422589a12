"""Generates the Python code of the wire contract into `protos/gen`.

Run as a script it writes; with `--check` it compares, and exits 1 on drift. The output depends only on the `.proto`
files and on the versions of grpcio-tools and mypy-protobuf, which `uv.lock` pins.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
GENERATED = ROOT / "gen"
GOOGLE_PROTOS = Path(grpc_tools.__file__).parent / "_proto"


class GenerationFailed(Exception):
    """protoc or one of its plugins refused the `.proto` files; its own message is on stderr."""


def proto_files(root: Path = ROOT) -> list[str]:
    """Paths of the `.proto` files below `root`, relative to it, sorted."""
    return sorted(path.relative_to(root).as_posix() for path in root.glob("rumbo/**/*.proto"))


def run_protoc(*options: str, files: Sequence[str] = ()) -> None:
    """Runs the protoc that grpcio-tools brings. Raises: GenerationFailed."""
    status = protoc.main(["protoc", f"-I{ROOT}", f"-I{GOOGLE_PROTOS}", *options, *(files or proto_files())])
    if status != 0:
        raise GenerationFailed(f"protoc ended with status {status}")


def generate(target: Path) -> None:
    """Writes messages, their stubs, the gRPC code and its stubs for every `.proto` file below `target`."""
    plugin = Path(sys.executable).with_name("protoc-gen-mypy_grpc")
    run_protoc(f"--python_out={target}", f"--pyi_out={target}")
    run_protoc(
        f"--plugin=protoc-gen-mypy_grpc={plugin}",
        f"--grpc_python_out={target}",
        f"--mypy_grpc_out=quiet:{target}",
        files=[file for file in proto_files() if Path(file).name == "service.proto"],
    )
    for folder in sorted(path for path in target.rglob("*") if path.is_dir()):
        (folder / "__init__.py").touch()
    (target / "rumbo" / "py.typed").touch()


def contents(folder: Path) -> dict[str, bytes]:
    """Every generated file below `folder`, by relative path; bytecode left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def drift(fresh: Path, committed: Path = GENERATED) -> list[str]:
    """Names of the files that differ, sorted: changed, missing or left over."""
    new, old = contents(fresh), contents(committed)
    return sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))


def replace(fresh: Path, committed: Path = GENERATED) -> None:
    """Puts the files of `fresh` in the place of those of `committed`."""
    shutil.rmtree(committed, ignore_errors=True)
    shutil.copytree(fresh, committed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 if `--check` found drift."""
    parser = argparse.ArgumentParser(description="Generate Python code from the .proto files.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if protos/gen is out of date")
    is_check = parser.parse_args(arguments).check
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        changed = drift(Path(folder))
        if changed and not is_check:
            replace(Path(folder))
    for name in changed:
        print(f"{'out of date' if is_check else 'updated'}: protos/gen/{name}")
    if changed and is_check:
        print("Run `make proto` and commit the result.", file=sys.stderr)
    return 1 if changed and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
