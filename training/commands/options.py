"""The options that say which columns of a log say what, and what a contact costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from training.log.options import LogColumns

PICTURES = (".png", ".svg", ".pdf")


class JourneyCosts(click.ParamType[dict[str, float]]):
    """`JOURNEY=NUMBER`, or several with commas between them."""

    name = "JOURNEY=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        parts = str(value).split(",")
        told = parts if all("=" in part for part in parts) else [str(value)]
        return dict(self._one(part, param, ctx) for part in told)

    def _one(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        journey, separator, number = text.rpartition("=")
        if not separator or not journey.strip():
            self.fail(f"{text!r} is not like welcome=0.25", param, ctx)
        return journey.strip(), finite(number, text, self, param, ctx)


class PictureFile(click.ParamType[Path]):
    """A file to draw into; what its name ends in says how, .png where it ends in nothing."""

    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if path.suffix not in ("", *PICTURES):
            self.fail(f"{path.name!r} ends in none of {', '.join(PICTURES)}", param, ctx)
        return path


class ColumnOrNumber(click.ParamType[str | float]):
    """The name of a column, or a number."""

    name = "COLUMN|NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        try:
            number = float(value)
        except ValueError:
            return str(value)
        return finite(str(number), value, self, param, ctx)


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them."""

    name = "A,B,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(",") if name.strip())
        if len(set(names)) < len(names):
            self.fail(f"a name stands twice in {value!r}", param, ctx)
        return names


class Moment(click.ParamType[datetime]):
    """A day, or a time in it; in UTC unless it says otherwise."""

    name = "DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day such as 2026-11-22", param, ctx)


def finite(
    text: str, value: object, kind: click.ParamType[Any], param: click.Parameter | None, ctx: click.Context | None
) -> float:
    """The number in a text. Raises: click.BadParameter unless it is finite."""
    try:
        number = float(text)
    except ValueError:
        kind.fail(f"{text!r} in {value!r} is no number", param, ctx)
    if number != number or number in (float("inf"), float("-inf")):
        kind.fail(f"{text!r} in {value!r} is no finite number", param, ctx)
    return number


Command = Callable[..., Any]
log_option = click.option(
    "--log",
    "log",
    type=click.Path(path_type=Path),
    help="A Parquet or CSV file, or a folder of them: the exported table or a plain one.",
)
cost_option = click.option(
    "--cost", "costs", type=JourneyCosts(), multiple=True, help="What a contact of a journey costs. Repeatable."
)
against_option = click.option(
    "--uplift-against", "against", metavar="JOURNEY", help="Rank by the gain over this journey."
)
eligible_option = click.option(
    "--eligible", metavar="COLUMN", help="What each row could be shown: lists of ids, or texts such as a|b."
)
_COLUMNS: tuple[Callable[[Command], Command], ...] = (
    click.option("--reward", metavar="COLUMN", default="reward", show_default=True, help="What came of it."),
    click.option("--value", type=ColumnOrNumber(), help="What the reward is multiplied by."),
    click.option("--surrogate", metavar="COLUMN", help="A denser outcome, which the order is learnt from."),
    click.option("--journey", metavar="COLUMN", default="journey_id", show_default=True, help="What was shown."),
    click.option(
        "--propensity",
        metavar="COLUMN",
        default="",
        help="The probability of that. Default: propensity; of an exported log propensity_over_arms, if it has it.",
    ),
    eligible_option,
    click.option(
        "--features", type=Names(), default=(), help="The features; of an exported log all, if none is named."
    ),
    click.option("--categorical", type=Names(), default=(), help="Those of them whose values are names."),
    click.option("--group", metavar="COLUMN", help="The column within whose values ranking is measured."),
)


def column_options(command: Command) -> Command:
    """All of them; the command gets each by its name."""
    for option in reversed(_COLUMNS):
        command = option(command)
    return command


def columns_from(given: dict[str, Any]) -> LogColumns:
    """Takes the options of `column_options` out of a command's arguments."""
    names = ("reward", "value", "surrogate", "journey", "propensity", "eligible", "features", "categorical", "group")
    said = {name: given.pop(name) for name in names}
    said["features"] = tuple(dict.fromkeys((*said["features"], *said["categorical"])))
    return LogColumns(**said)


def costs_from(given: tuple[dict[str, float], ...]) -> dict[str, float] | None:
    """By journey, the last that is said; None where none was given."""
    return {journey: cost for costs in given for journey, cost in costs.items()} or None
