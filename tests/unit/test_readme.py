"""What the README and the guide to constraints name is there, and what they list is all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.decision import constraints
from service.decision.constraints.registry import BINDERS, NEVER_BYPASSED

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = constraints.__doc__ or ""


def listed() -> list[str]:
    """The codes of the README's table of constraints."""
    section = README.split("\n## Constraints\n")[1].split("\n\nWhat a rule does")[0]
    return re.findall(r"^\| `([A-Z_<>]+)` \|", section, re.MULTILINE)


def test_readme_lists_every_constraint_in_the_order_in_which_their_reasons_are_told() -> None:
    assert listed() == list(BINDERS)


def test_the_first_second_and_fourth_constraint_of_the_table_are_those_that_nothing_bypasses() -> None:
    assert {listed()[0], listed()[1], listed()[3]} == NEVER_BYPASSED


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_link_of_the_readme_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)+(?:\.py)?)`", GUIDE))))
def test_file_that_the_guide_to_constraints_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_]+\.py)`", GUIDE))))
def test_file_beside_the_guide_is_there(name: str) -> None:
    assert (Path(constraints.__file__).parent / name).exists()
