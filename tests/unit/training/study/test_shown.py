"""What a notebook shows where something is lacking."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from training.log.errors import LogInvalid
from training.study.shown import Lacking, Picture, Sentence, or_lacking, unless_lacking


@or_lacking
def halved(number: int) -> int:
    if number % 2:
        raise LogInvalid("log", "it is odd")
    return number // 2


@unless_lacking
def told(number: int, unit: str) -> Sentence:
    return Sentence(f"{number} {unit}")


def test_an_error_for_people_becomes_a_sentence() -> None:
    assert halved(4) == 2
    found = halved(3)
    assert isinstance(found, Lacking)
    assert found._repr_markdown_() == "**Nothing to show:** log: it is odd"


def test_what_follows_from_what_is_lacking_is_lacking_for_the_same_reason() -> None:
    lacking = halved(3)
    assert told(lacking, "rows") is lacking
    assert str(told(halved(4), "rows")) == "2 rows"


def test_an_error_that_is_none_for_people_is_not_hidden() -> None:
    @or_lacking
    def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()


def test_a_picture_is_shown_as_png() -> None:
    assert Picture(Figure(figsize=(1, 1)))._repr_png_().startswith(b"\x89PNG")
