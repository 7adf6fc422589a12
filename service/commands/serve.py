"""`rumbo serve`. Heavy imports stay inside, so that `--help` is quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from service.commands.options import reads_settings

if TYPE_CHECKING:
    from service.settings import Settings


@click.command()
@reads_settings("home", "catalogue", "host", "port", "metrics_port", "durability")
def serve(settings: Settings) -> None:
    """Answer decisions over gRPC until SIGTERM or Ctrl-C; calls under way are answered first."""
    _run(settings)


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
    import signal

    from service.bootstrap.serve import application
    from service.quiet_load import kept_for_good
    from service.wire.server import serving

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with application(settings) as app, serving(app, settings) as address:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        click.echo(f"rumbo listens on {address.host}:{address.port}")
        if address.metrics_port is not None:
            click.echo(f"metrics on http://{address.host}:{address.metrics_port}/metrics")
        loop.add_signal_handler(signal.SIGHUP, app.watch.reload)
        with kept_for_good():
            await stop.wait()
        click.echo("draining")
