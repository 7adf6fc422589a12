"""Settings as options of commands. What is given wins over its RUMBO_ variable, which wins over the default.

An option without a value is not handed on, so that no default of a command line hides what the environment says. Heavy
imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from features.cli import company_option, home_option

if TYPE_CHECKING:
    from features.company.home import Places
    from service.settings import Settings

Callback = Callable[..., None]
Decorator = Callable[[Callback], Callback]

_PORT: Final = click.IntRange(0, 65535)

OPTIONS: Final[dict[str, Decorator]] = {
    "company": company_option,
    "home": home_option,
    "catalogue": click.option(
        "--catalogue",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        show_default="the company's",
        help="Folder of journeys and policies.",
    ),
    "host": click.option("--host", show_default="127.0.0.1"),
    "port": click.option("--port", type=_PORT, show_default="50051", help="0: any free port."),
    "metrics_port": click.option("--metrics-port", type=_PORT, help="Serve Prometheus metrics here; 0: any free port."),
    "workers": click.option(
        "--workers", type=click.IntRange(1, 256), show_default="1", help="Processes that serve the port together."
    ),
    "durability": click.option(
        "--durability", type=click.Choice(["power-safe", "process-safe"]), show_default="power-safe"
    ),
}
"""By the name of the setting."""


def reads_settings(*names: str) -> Decorator:
    """Gives a command `settings`, of which those named have an option, as has the company."""
    names = ("company", *names)

    def decorate(command: Callback) -> Callback:
        @wraps(command)
        def with_settings(**given: Any) -> None:
            command(settings=chosen({name: given.pop(name) for name in names}), **given)

        decorated: Callback = with_settings
        for name in reversed(names):
            decorated = OPTIONS[name](decorated)
        return decorated

    return decorate


def chosen(options: Mapping[str, object]) -> Settings:
    """Settings by those options that have a value, by the environment, and by where this is called.

    Raises: as `placed`.
    """
    return placed(options)[0]


def placed(options: Mapping[str, object]) -> tuple[Settings, Places]:
    """The settings, and what the company and the home among them are from. Raises: as `Settings`; HomeForeign."""
    from features.company.home import places
    from service.settings import Settings

    said = Settings(**{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]
    found = places(said.company, said.home if "home" in said.model_fields_set else None)
    return said.model_copy(update={"company": found.company, "home": found.home}), found
