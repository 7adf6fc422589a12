"""`rumbo protos` writes the contract as it stands in this repository, ready to be compiled elsewhere."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from service.commands.protos import protos

PROTOS = Path(__file__).resolve().parents[3] / "protos"


def test_what_is_written_is_the_contract_whole(tmp_path: Path) -> None:
    written = CliRunner().invoke(protos, ["--out", str(tmp_path / "new")])
    assert written.exit_code == 0, written.output
    files = {file.relative_to(PROTOS): file.read_text(encoding="utf-8") for file in PROTOS.rglob("*.proto")}
    assert len(files) == 9
    found = {file.relative_to(tmp_path / "new"): file for file in (tmp_path / "new").rglob("*") if file.is_file()}
    assert {name: file.read_text(encoding="utf-8") for name, file in found.items()} == files
    assert written.output.split() == [str(file) for file in sorted(found.values())]
