"""Runs a notebook as Jupyter would, with variables of its own, and reads what its cells show."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient

import training

NOTEBOOKS = Path(training.__file__).parent / "notebooks"
CELL_S = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A notebook after it ran: `node` is as Jupyter keeps it."""

    node: Any

    def shown(self, source: str) -> Mapping[str, str]:
        """What the one cell that contains `source` shows last, by MIME type."""
        (cell,) = [c for c in self.node.cells if c.cell_type == "code" and source in c.source]
        found: Mapping[str, str] = [o.data for o in cell.outputs if o.output_type == "execute_result"][-1]
        return found

    def text(self, source: str) -> str:
        """Its Markdown, else its plain text."""
        shown = self.shown(source)
        return shown.get("text/markdown", shown["text/plain"])

    def table(self, source: str) -> Mapping[str, Mapping[str, str]]:
        """Its table as a browser has it: by what a row begins with, the cells by their headings."""
        rows = _Rows.of(self.shown(source)["text/html"])
        cells = {" ".join(row.begins): row.cells for row in rows if row.cells}
        return {name: dict(zip(rows[0].begins[-len(of) :], of, strict=True)) for name, of in cells.items()}

    @property
    def strange(self) -> list[str]:
        """What cells wrote beside what they show: warnings, prints."""
        return [
            o.text for c in self.node.cells if c.cell_type == "code" for o in c.outputs if o.output_type == "stream"
        ]

    @property
    def pictures(self) -> int:
        return sum("image/png" in output.get("data", {}) for output in self._outputs)

    @property
    def _outputs(self) -> list[Any]:
        return [output for cell in self.node.cells if cell.cell_type == "code" for output in cell.outputs]


def executed(name: str, folder: Path, **variables: str | Path) -> Executed:
    """Run in `folder`; fails where a cell does. Variables are named without RUMBO_."""
    node = jupytext.read(NOTEBOOKS / f"{name}.py")
    said = {f"RUMBO_{key.upper()}": str(value) for key, value in variables.items()}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RUMBO_")} | said
    client = NotebookClient(node, timeout=CELL_S, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return Executed(node=node)


@dataclass(slots=True, kw_only=True)
class _Row:
    begins: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)


class _Rows(HTMLParser):
    """The rows of one table: what stands in `th`, and in `td`."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[_Row] = []
        self._into: list[str] | None = None

    @classmethod
    def of(cls, html: str) -> list[_Row]:
        parser = cls()
        parser.feed(html)
        return parser._rows

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._rows.append(_Row())
        elif tag in ("th", "td"):
            self._into = self._rows[-1].begins if tag == "th" else self._rows[-1].cells
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data
