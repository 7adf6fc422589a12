"""Each notebook is a pair: a Python file that people review, and the same as Jupyter keeps it, without outputs."""

from __future__ import annotations

import ast
from pathlib import Path

import jupytext
import pytest

from tests.notebooks import NOTEBOOKS

PAIRS = sorted(path.stem for path in NOTEBOOKS.glob("*.py"))
MEND = "run `.venv/bin/jupytext --to ipynb training/notebooks/*.py`"


def test_every_notebook_has_its_pair() -> None:
    assert PAIRS
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == PAIRS, MEND


@pytest.mark.parametrize("name", PAIRS)
def test_both_say_the_same_and_nothing_was_run(name: str) -> None:
    written, kept = (jupytext.read(NOTEBOOKS / f"{name}.{form}") for form in ("py", "ipynb"))
    assert [(c.cell_type, c.source) for c in kept.cells] == [(c.cell_type, c.source) for c in written.cells], MEND
    assert all(not c.outputs and c.execution_count is None for c in kept.cells if c.cell_type == "code"), MEND
    assert kept.metadata.kernelspec == written.metadata.kernelspec


LOGIC = (
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda),
    *(ast.IfExp, ast.BoolOp, ast.BinOp, ast.Compare),
)
ALLOWED = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)


@pytest.mark.parametrize("name", PAIRS)
def test_a_notebook_has_no_logic_of_its_own(name: str) -> None:
    """It imports, it calls, it names what comes back: no branch, no loop, no function."""
    module = ast.parse(Path(NOTEBOOKS / f"{name}.py").read_text(encoding="utf-8"))
    assert [node.lineno for node in module.body if not isinstance(node, ALLOWED)] == []
    assert [node.lineno for node in ast.walk(module) if isinstance(node, LOGIC)] == []
