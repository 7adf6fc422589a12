"""What a cell of a notebook shows beside tables: a sentence, a picture, or why there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from io import BytesIO
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from features.errors import RumboError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Found = TypeVar("Found")
Shown = TypeVar("Shown")
P = ParamSpec("P")

DOTS_PER_INCH = 90


@dataclass(frozen=True, slots=True)
class Sentence:
    """Markdown, for people."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


class Lacking(Sentence):
    """Why there is nothing to show. What follows from what is lacking is lacking for the same reason."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table whose texts are shown as long as they are."""

    frame: pd.DataFrame

    def __repr__(self) -> str:
        return self.frame.to_string()

    def _repr_html_(self) -> str:
        import pandas as pd

        with pd.option_context("display.max_colwidth", None):
            return self.frame.to_html(sparsify=False)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A figure, which a notebook shows whatever its backend is."""

    figure: Figure

    def _repr_png_(self) -> bytes:
        drawn = BytesIO()
        self.figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
        return drawn.getvalue()


def or_lacking(tell: Callable[P, Shown]) -> Callable[P, Shown | Lacking]:
    """What cannot be told of this input is told in a sentence, not as a traceback."""

    @wraps(tell)
    def told(*args: P.args, **kwargs: P.kwargs) -> Shown | Lacking:
        try:
            return tell(*args, **kwargs)
        except RumboError as error:
            return Lacking(f"**Nothing to show:** {error}")

    return told


def unless_lacking(
    tell: Callable[Concatenate[Found, P], Shown],
) -> Callable[Concatenate[Found | Lacking, P], Shown | Lacking]:
    """Of what is lacking, that it is; else as `or_lacking`."""

    @wraps(tell)
    def told(found: Found | Lacking, /, *args: P.args, **kwargs: P.kwargs) -> Shown | Lacking:
        return found if isinstance(found, Lacking) else or_lacking(tell)(found, *args, **kwargs)

    return told
