"""What is done once for all processes: by the one that has the lead, while it has it."""

from __future__ import annotations

import asyncio

import pytest

from service.background.lead import Lead


class Work:
    """`is_on`: begun, and neither cancelled nor ended."""

    def __init__(self) -> None:
        self.is_on = False
        self.begun = asyncio.Event()

    async def __call__(self) -> None:
        self.is_on = True
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.is_on = False


async def turns() -> None:
    """Everything that can go on without waiting for anything goes on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_process_alone_has_the_lead_from_the_start() -> None:
    work = Work()
    running = asyncio.create_task(Lead().run(work))
    await work.begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not work.is_on


async def test_one_of_several_works_once_it_is_given_and_until_it_leaves() -> None:
    work, lead = Work(), Lead(is_shared=True)
    running = asyncio.create_task(lead.run(work))
    await turns()
    assert not work.is_on
    lead.take()
    await work.begun.wait()
    lead.leave()
    await running
    assert not work.is_on


async def test_what_ends_before_it_is_given_never_works() -> None:
    work, lead = Work(), Lead(is_shared=True)
    running = asyncio.create_task(lead.run(work))
    lead.leave()
    lead.take()
    await turns()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not work.begun.is_set()


async def test_the_end_of_the_process_ends_the_work() -> None:
    work, lead = Work(), Lead(is_shared=True)
    lead.take()
    running = asyncio.create_task(lead.run(work))
    await work.begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not work.is_on


async def test_a_fault_of_the_work_is_not_hidden() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    lead = Lead(is_shared=True)
    lead.take()
    with pytest.raises(ZeroDivisionError):
        await lead.run(fail)
