"""`rumbo seed`, `serve`, `decide`, and the kill switch: `kill`, `unkill`, `kills`.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from service.options import chosen, reads_settings

if TYPE_CHECKING:
    from service.settings import Settings
    from service.state.port import Kill


@click.command()
@reads_settings("home")
def seed(settings: Settings) -> None:
    """Take in the example's consents, through the same path as any event."""
    import asyncio

    from service.seed import seed_consents

    accepted, known = asyncio.run(seed_consents(settings))
    click.echo(f"consents: {accepted} taken in, {known} known already")


@click.command()
@reads_settings("home", "catalogue", "host", "port", "metrics_port", "durability")
def serve(settings: Settings) -> None:
    """Answer decisions over gRPC until SIGTERM or Ctrl-C; calls under way are answered first."""
    _run(settings)


@click.command()
@click.option("--customer", required=True, help="The customer's id.")
@click.option("--channel", required=True, help="Such as email, web, app, call_center.")
@click.option("--placement", help="The place on the channel, such as home.")
@click.option("--context", multiple=True, metavar="NAME=VALUE", help="A declared context value; may be repeated.")
@click.option("--limit", type=int, help="Slots to fill. Default: the channel's.")
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or es.")
@click.option("--address", envvar="RUMBO_ADDRESS", show_default="where `rumbo serve` listens here: 127.0.0.1:50051")
@click.option("--dry-run", is_flag=True, help="Reserve and record nothing.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def decide(
    customer: str,
    channel: str,
    placement: str | None,
    context: tuple[str, ...],
    limit: int | None,
    locale: str,
    address: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Ask a running service in which journey a customer should be now."""
    import json

    from rumbo.decision.v1 import decision_pb2
    from service.client import Client, context_values
    from service.show import answer_fields, show_answer

    request = decision_pb2.DecideRequest(
        customer_id=customer,
        channel=channel,
        placement=placement,
        context=context_values(context),
        limit=limit,
        locale=locale,
        dry_run=dry_run,
        explain=decision_pb2.EXPLAIN_FULL,
    )
    with Client(address or chosen({}).address) as client:
        response = client.decide(request)
    if as_json:
        click.echo(json.dumps(answer_fields(response), indent=2))
    else:
        show_answer(response, title=f"customer {customer} on {channel}")


def _target(ctx: click.Context, parameter: click.Parameter, target: str) -> str:
    """A kind that does not exist would stop nothing, and nobody would know."""
    from service.decision.constraints.killed import kind_target
    from service.decision.journey import JourneyKind
    from service.state.events import text_fault

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
    import asyncio

    from service.bootstrap import kill_switch, system_clock
    from service.kill_readers import demand_read
    from service.kill_targets import doubt
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

    asyncio.run(throw())


@click.command()
@reads_settings("home")
@click.argument("target")
def unkill(settings: Settings, target: str) -> None:
    """Let a target of `rumbo kill` run again; waits for every service as that does."""
    import asyncio

    from service.bootstrap import kill_switch
    from service.kill_readers import demand_read

    async def reset() -> None:
        async with kill_switch(settings) as switch:
            if not await switch.unkill(target):
                raise click.ClickException(f"{target} is not on the kill list")
            click.echo(f"runs again: {target}")
            await demand_read(switch)

    asyncio.run(reset())


@click.command()
@reads_settings("home")
def kills(settings: Settings) -> None:
    """List what is killed, since when and why."""
    import asyncio

    from service.bootstrap import kill_switch

    async def read() -> list[Kill]:
        async with kill_switch(settings) as switch:
            return await switch.kills()

    listed = asyncio.run(read())
    for one in listed:
        click.echo(f"{one.target}  since {one.since:%Y-%m-%d %H:%M:%S} UTC  {one.why}")
    if not listed:
        click.echo("nothing is killed")


def _run(settings: Settings) -> None:
    """Serves in this process, on uvloop, until a signal."""
    import asyncio
    import sys

    import uvloop

    from service.logs import log_to

    log_to(sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signal(settings))


async def _until_signal(settings: Settings) -> None:
    """A signal that comes while there is nothing to drain ends the start itself."""
    import asyncio
    import signal
    from contextlib import suppress

    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, this.cancel)
    with suppress(asyncio.CancelledError):
        await _serve(settings)


async def _serve(settings: Settings) -> None:
    import asyncio
    import gc
    import signal

    from service.bootstrap import application
    from service.server import serving

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with application(settings) as app, serving(app, settings) as address:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        click.echo(f"rumbo listens on {address.host}:{address.port}")
        if address.metrics_port is not None:
            click.echo(f"metrics on http://{address.host}:{address.metrics_port}/metrics")
        loop.add_signal_handler(signal.SIGHUP, app.watch.reload)
        gc.collect()
        gc.freeze()  # what is there for good, so that a collection, which stops every request, does not look through it
        await stop.wait()
        gc.unfreeze()  # at the end of the process everything is taken apart in its order
        click.echo("draining")
