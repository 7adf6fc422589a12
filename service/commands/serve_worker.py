"""One of the processes of `rumbo serve --workers N`; started by their parent, which `service.bootstrap.workers` is.

    python -P -m service.commands.serve_worker

Its input is what `request` wrote, then an order a line; when it ends, so does the worker. It says when it listens.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import click
import uvloop

from service.background.lead import Lead
from service.bootstrap.workers.metrics import count_in
from service.bootstrap.workers.process import LISTENS, Order, read_request
from service.bootstrap.workers.serve import BESIDE_S, retires_s
from service.commands.faults import told_to_people
from service.commands.until_signal import run, told_to_end
from service.logs import log_to
from service.settings import Settings
from service.wire.listening import stop_listening, until_left

STDOUT: Final = 1


@click.command()
def worker() -> None:
    with told_to_people():
        settings, folder, number = read_request(sys.stdin.readline())
        say = _kept_for_words()
        log_to(sys.stderr, {"pid": os.getpid()})
        if folder is not None:
            count_in(folder, number)
        sys.exit(run(_serve(settings, say), uvloop.new_event_loop))


def _kept_for_words() -> int:
    """The descriptor that the parent reads. Whatever else is printed goes where the log goes."""
    sys.stdout.flush()
    say = os.dup(STDOUT)
    os.dup2(sys.stderr.fileno(), STDOUT)
    return say


async def _serve(settings: Settings, say: int) -> int:
    from service.bootstrap.serve import application
    from service.quiet_load import kept_for_good
    from service.wire.server import serving

    lead, retired = Lead(is_shared=True), asyncio.Event()
    _obey({Order.LEAD: lead.take, Order.RETIRE: retired.set}, settings)
    async with application(settings, lead=lead) as app, serving(app, settings) as address:
        stop = told_to_end()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.watch.reload)
        os.write(say, LISTENS)
        with kept_for_good():
            retiring = asyncio.create_task(_retire(retired, lead, address.port, settings))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait((retiring, stopped), return_when=asyncio.FIRST_COMPLETED)
            retiring.cancel()
    return 0


async def _retire(retired: asyncio.Event, lead: Lead, port: int, settings: Settings) -> None:
    """Once that is asked for: another worker takes what comes, this one ends what it has."""
    await retired.wait()
    lead.leave()
    await stop_listening(port)
    await until_left(port, retires_s(settings))


def _obey(orders: Mapping[Order, Callable[[], None]], settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    ends_s = settings.notice_s + settings.drain_s + BESIDE_S

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(orders[Order(line.strip())])
        os.kill(os.getpid(), signal.SIGTERM)  # the parent is gone
        time.sleep(ends_s)
        os._exit(1)

    threading.Thread(target=read, daemon=True, name="orders").start()


if __name__ == "__main__":
    worker(prog_name="rumbo serve")
