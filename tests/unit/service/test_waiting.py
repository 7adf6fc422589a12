"""How long what was handed in has waited, told while it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from service.batches import Batches, Waiting


async def test_the_age_of_the_first_that_waits_is_told_until_it_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("service.batches.time", SimpleNamespace(monotonic=lambda: clock[0]))
    begun, may_end = threading.Event(), threading.Event()

    def carry_out(batch: Sequence[Waiting[int, int]]) -> Sequence[Waiting[int, int]]:
        begun.set()
        assert may_end.wait(30)
        for waiting in batch:
            waiting.result = waiting.item
        return ()

    own = Batches(carry_out, "test", largest=1)
    assert (own.waiting, own.oldest_s) == (0, 0.0)
    first = own.submit(1)
    assert await asyncio.to_thread(begun.wait, 30)
    assert (own.waiting, own.oldest_s) == (0, 0.0), "it is begun"
    second = own.submit(2)
    clock[0] += 5.0
    third = own.submit(3)
    clock[0] += 2.0
    assert (own.waiting, own.oldest_s) == (2, 7.0)
    may_end.set()
    assert list(await asyncio.gather(first, second, third)) == [1, 2, 3]
    assert (own.waiting, own.oldest_s) == (0, 0.0)
    await asyncio.to_thread(own.close)
