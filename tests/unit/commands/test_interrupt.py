"""Ctrl-C ends a command that waits, whenever it comes."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from service.commands.interrupt import run


async def waiting(ended: list[str]) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("in order")


def test_an_interrupt_cancels_what_waits_and_is_told_as_one() -> None:
    ended: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(waiting(ended))
    assert ended == ["in order"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_not_interrupted_gives_its_result() -> None:
    async def four() -> int:
        await asyncio.sleep(0)
        return 4

    assert run(four()) == 4
