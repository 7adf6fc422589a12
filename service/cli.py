"""The `rumbo` command: finds its subcommands by entry point and loads only the one that is used.

Any package may add a command under the entry-point group `rumbo.commands`. Listing them imports none of them: feast,
mlflow and lightgbm cost seconds, and `rumbo --help` has half of one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from service.application.home_access import private_files
from service.commands.faults import told_to_people
from service.commands.variables import strangers

GROUP = "rumbo.commands"
INTERRUPTED = 130  # 128 + SIGINT, what a shell reports

SHORT_HELP: Mapping[str, str] = {
    "demo": "Decide for real customers of the example, from data to reasons, in one go.",
    "prepare": "Make the folder of the example, with real data.",
    "seed": "Take in the example's consents, as events.",
    "init": "Begin a company's folder over its own Feast repository.",
    "doctor": "Look whether all is well: company, features, catalogue, home, model, consents, ports, clock.",
    "features": "Look at the features: names, types, ages, owners.",
    "backfill": "Fill new features in for past decisions, and compare what was served with the history.",
    "train": "Learn from past decisions what each journey is worth to whom.",
    "promote": "Make a model of the registry the champion, which the service serves, if it is proven better.",
    "rollback": "Make what was champion before it again.",
    "score": "Score the rows of a log by a model: what each journey is worth to them.",
    "evaluate": "Judge a policy by a log of past decisions: its value, and whether it is proven.",
    "config": "Tell each setting, and what it is from.",
    "monitor": "Look whether what was expected came true, and whether what a model is told has changed.",
    "simulate": "Play a company that learns, whose customers respond by a known truth.",
    "arms": "Tell what each arm brings: lifts over the holdout, and of the challenger over the champion.",
    "serve": "Answer decisions over gRPC.",
    "decide": "Ask a running service for one decision.",
    "decision": "Show a decision that was made: what was ranked, what was withheld, what followed.",
    "events": "Take in what happened to customers, from a file.",
    "catalogue": "Check, test and explain journeys and their rules.",
    "kill": "Stop a journey, a kind or everything, at once.",
    "unkill": "Let what was killed run again.",
    "kills": "List what is killed, since when and why.",
    "protos": "Write the .proto files, to call Rumbo from any language.",
    "state": "Look after the store of decisions: migrate, status, back up, prune, export, import.",
}
"""One line a command, in the order in which a newcomer meets them."""


def _installed() -> Mapping[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}


class Commands(click.Group):
    """A group whose commands are entry points, loaded when they are used.

    RUMBO_ variables that mean nothing are told first. A RumboError, or a fault of the machine, becomes its text on
    stderr and exit status 1; Ctrl-C becomes exit status 130.
    """

    def __init__(self, *, find: Callable[[], Mapping[str, EntryPoint]] = _installed, **settings: Any) -> None:
        super().__init__(**settings)
        self._find = find

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = self._find().keys()
        return [name for name in SHORT_HELP if name in names] + sorted(names - SHORT_HELP.keys())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry_point = self._find().get(cmd_name)
        if entry_point is None:
            return None
        command = entry_point.load()
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry_point.value} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._short_helps(ctx)))

    def invoke(self, ctx: click.Context) -> object:
        try:
            with told_to_people():
                for line in strangers(os.environ):
                    click.echo(f"warning: {line}", err=True)
                with private_files():
                    return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)

    def _short_helps(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        """Loads only commands that this file does not know: those of other packages."""
        for name in self.list_commands(ctx):
            if name in SHORT_HELP:
                yield name, SHORT_HELP[name]
            elif command := self.get_command(ctx, name):
                yield name, command.get_short_help_str()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rumbo", prog_name="rumbo", message="%(prog)s %(version)s")
def main() -> None:
    """In which journey should a customer be right now, and what is the next step?"""


if __name__ == "__main__":
    main(prog_name="rumbo")
