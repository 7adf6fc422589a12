"""The windows of kept catalogues: as their files say, read once, and unknown where nothing tells them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from service.catalogue.load import load
from service.catalogue.objective_windows import ObjectiveWindows
from service.catalogue.objectives import kept_document, objectives_of
from tests.example import EXAMPLE, TERMS

SOURCE = '{"journeys": [{"journey": "news", "objective": {"within": "36h"}, "later": 1}], "policies": {}}'


def reading(text: str | None, read: list[str]) -> Callable[[str], str | None]:
    """What is kept of every version; `read` hears which was asked for."""

    def source(version: str) -> str | None:
        read.append(version)
        return text

    return source


def test_the_windows_of_the_example_are_those_of_its_objectives() -> None:
    source, windows = load(EXAMPLE, TERMS).source, ObjectiveWindows()
    expected = {
        name: objective.within for name, objective in objectives_of(kept_document(source), TERMS.events).items()
    }
    assert len(set(expected.values())) > 1
    assert {name: windows.of(lambda _: source, "v1", name) for name in expected} == expected


def test_a_version_is_read_once() -> None:
    windows, read = ObjectiveWindows(), list[str]()
    for _ in range(3):
        assert windows.of(reading(SOURCE, read), "v1", "news") == timedelta(hours=36)
    assert read == ["v1"]


def test_a_version_that_is_not_kept_is_looked_for_again() -> None:
    windows, read = ObjectiveWindows(), list[str]()
    assert windows.of(reading(None, read), "v1", "news") is None
    assert windows.of(reading(SOURCE, read), "v1", "news") == timedelta(hours=36)
    assert read == ["v1", "v1"]


@pytest.mark.parametrize(
    "source",
    ["", "no JSON", "[]", '{"journeys": {}}', SOURCE.replace("36h", "soon"), SOURCE.replace("within", "during")],
)
def test_a_text_that_tells_no_window_is_no_error(source: str) -> None:
    assert ObjectiveWindows().of(lambda _: source, "v1", "news") is None


def test_a_journey_that_the_version_does_not_have_has_no_window() -> None:
    assert ObjectiveWindows().of(lambda _: SOURCE, "v1", "tips") is None
