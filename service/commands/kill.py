"""The kill switch: `rumbo kill`, `unkill`, `kills`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from service.commands.interrupt import run
from service.commands.options import reads_settings

if TYPE_CHECKING:
    from service.settings import Settings
    from service.state.port import Kill


def _target(ctx: click.Context, parameter: click.Parameter, target: str) -> str:
    """A kind that does not exist would stop nothing, and nobody would know."""
    from service.decision.constraints.killed import kind_target
    from service.decision.journey import JourneyKind
    from service.decision.reports.events import text_fault

    kinds = [kind_target(kind) for kind in JourneyKind]
    if not target or text_fault("target", target) is not None:
        raise click.BadParameter("a journey's id has 1 to 128 characters")
    if target.startswith("kind:") and target not in kinds:
        raise click.BadParameter(f"there is no such kind; there are {', '.join(kinds)}")
    return target


@click.command()
@reads_settings("home")
@click.argument("target", callback=_target)
@click.option("--why", required=True, help="The reason, as decisions will give it.")
def kill(settings: Settings, target: str, why: str) -> None:
    """Stop a journey (its id), a kind (kind:promotional) or everything ('*').

    No decision that is committed from now on ranks it, and what is reserved of it is revoked. A target that is no
    journey of a catalogue served from HOME is put on the list all the same, with a warning. Waits until every service
    that runs has read the list, 10 s at most; exit status 1 names those that have not.
    """
    from service.background.kill_readers import demand_read
    from service.bootstrap.clock import system_clock
    from service.bootstrap.store import kill_switch
    from service.commands.kill_targets import doubt
    from service.state.port import StateUnavailable

    async def throw() -> None:
        async with kill_switch(settings) as switch:
            await switch.kill(target, why, system_clock())
            click.echo(f"killed: {target}")
            try:
                doubted = doubt(target, await switch.catalogues())
            except StateUnavailable:
                doubted = doubt(target, [])
            if doubted is not None:
                click.echo(f"warning: {doubted}", err=True)
            await demand_read(switch)

    run(throw())


@click.command()
@reads_settings("home")
@click.argument("target")
def unkill(settings: Settings, target: str) -> None:
    """Let a target of `rumbo kill` run again; waits for every service as that does."""
    from service.background.kill_readers import demand_read
    from service.bootstrap.store import kill_switch

    async def reset() -> None:
        async with kill_switch(settings) as switch:
            if not await switch.unkill(target):
                raise click.ClickException(f"{target} is not on the kill list")
            click.echo(f"runs again: {target}")
            await demand_read(switch)

    run(reset())


@click.command()
@reads_settings("home")
def kills(settings: Settings) -> None:
    """List what is killed, since when and why."""
    from service.bootstrap.store import kill_switch

    async def read() -> list[Kill]:
        async with kill_switch(settings) as switch:
            return await switch.kills()

    listed = run(read())
    for one in listed:
        click.echo(f"{one.target}  since {one.since:%Y-%m-%d %H:%M:%S} UTC  {one.why}")
    if not listed:
        click.echo("nothing is killed")
