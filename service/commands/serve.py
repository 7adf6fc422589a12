"""`rumbo serve`. Heavy imports stay inside, so that `--help` is quick."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from service.commands.options import reads_settings
from service.commands.until_signal import run, told_to_end

if TYPE_CHECKING:
    from service.settings import Settings

WORKER = (sys.executable, "-P", "-m", "service.commands.serve_worker")


@click.command()
@reads_settings("home", "catalogue", "host", "port", "metrics_port", "workers", "durability")
@click.pass_context
def serve(ctx: click.Context, settings: Settings) -> None:
    """Answer decisions over gRPC until SIGTERM or Ctrl-C; calls under way are answered first.

    SIGHUP loads the catalogue. With several workers, SIGUSR2 replaces them one by one, and no call fails.
    """
    from service.logs import log_to

    log_to(sys.stderr)
    ctx.exit(_alone(settings) if settings.workers == 1 else run(_with_workers(settings)))


def _alone(settings: Settings) -> int:
    """Serves in this process, on uvloop."""
    import uvloop

    return run(_serve(settings), uvloop.new_event_loop)


async def _serve(settings: Settings) -> int:
    import asyncio
    import signal

    from service.bootstrap.serve import application
    from service.quiet_load import kept_for_good
    from service.wire.server import serving

    async with application(settings) as app, serving(app, settings) as address:
        stop = told_to_end()
        _tell(settings, address.port, address.metrics_port)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.watch.reload)
        with kept_for_good():
            await stop.wait()
        click.echo("draining")
    return 0


async def _with_workers(settings: Settings) -> int:
    """Keeps processes that serve."""
    import asyncio
    import signal

    from service.bootstrap.workers.process import WorkerEnded
    from service.bootstrap.workers.serve import workers

    try:
        async with workers(settings, WORKER) as served:
            stop, loop = told_to_end(), asyncio.get_running_loop()
            _tell(settings, served.port, served.metrics_port)
            loop.add_signal_handler(signal.SIGHUP, served.parent.reload)
            loop.add_signal_handler(signal.SIGUSR2, served.parent.replace)
            await stop.wait()
            click.echo("draining")
            return await served.parent.end()
    except WorkerEnded as error:
        if error.status > 0:  # it has said why
            return error.status
        raise


def _tell(settings: Settings, port: int, metrics_port: int | None) -> None:
    click.echo(f"rumbo listens on {settings.host}:{port}")
    if metrics_port is not None:
        click.echo(f"metrics on http://{settings.host}:{metrics_port}/metrics")
