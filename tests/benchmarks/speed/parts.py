"""The parts of a run, one after another. What a part started is ended with it."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks.speed.asker import asking, questions
from tests.benchmarks.speed.busy_customers import KINDS_OF_CUSTOMERS, busy
from tests.benchmarks.speed.catalogues import write_catalogue
from tests.benchmarks.speed.contenders import (
    Contender,
    decides,
    echoes,
    glue,
    glue_over_http,
    has_workers,
    trees_of,
)
from tests.benchmarks.speed.figures import Figures
from tests.benchmarks.speed.glue_model import save_glue_model
from tests.benchmarks.speed.grocer import Grocer, loads_catalogue, on_servers, own_copy, prepared
from tests.benchmarks.speed.growth import grown
from tests.benchmarks.speed.lengths import Lengths
from tests.benchmarks.speed.measure import Measured, by_stage, by_thread, one_round, over_callers, over_rates
from tests.benchmarks.speed.overload import overloaded
from tests.benchmarks.speed.picture import draw
from tests.benchmarks.speed.report import ECHO, GLUE, GLUE_HTTP, NAMES, SERVERS, SQLITE, TWO, Report, compared
from tests.benchmarks.speed.wide_company import widened
from tests.servers.postgres import postgres_server
from tests.servers.valkey import valkey_server

JOURNEYS, SIZES = 50, (10, 50, 200, 1000)
CALLERS, SHARES = (1, 4, 16, 64), (0.25, 0.5, 0.7, 0.9)
MORE_FEATURES = (0, 50, 150)
SAMPLES = 50
"""Answers that are looked at before anything is measured."""
FLOODS = 3

Starting = Callable[[], AbstractContextManager[Contender]]


class NoDecision(RuntimeError):
    """A contender answers, but decides nothing, or without what it should know."""


class Parts:
    def __init__(self, lengths: Lengths, scratch: Path, report: Report, say: Callable[[str], None]) -> None:
        """`scratch`: a folder that goes with the run."""
        self._lengths = lengths
        self._scratch = scratch
        self._report = report
        self._say = say
        self._kept = lengths.folder or scratch / "kept"
        self._numbers = itertools.count()

    async def run(self) -> None:
        self._say("prepares the company")
        grocer = prepared(self._kept / "grocer")
        model = self._scratch / "model"
        if self._lengths.includes(GLUE) or self._lengths.includes(GLUE_HTTP):
            save_glue_model(grocer, model)
        for size in SIZES:
            write_catalogue(self._catalogue(size), size)
        async with AsyncExitStack() as opened:
            contenders = await self._started(grocer, model, opened)
            await self._rounds(contenders)
            await self._curves(contenders)
            await self._inside(contenders)
            await self._overload(contenders)
        if self._lengths.includes(SQLITE):
            await self._journeys(grocer)
            await self._features(grocer)
            await self._customers(grocer)

    def _catalogue(self, size: int) -> Path:
        return self._scratch / f"catalogue-{size}"

    async def _started(self, grocer: Grocer, model: Path, opened: AsyncExitStack) -> dict[str, Measured]:
        """All of the rounds, warm. The echo answers as many bytes as a decision has."""
        asked, rules, logs = self._asked(grocer), self._catalogue(JOURNEYS), self._scratch
        starting: dict[str, Starting] = {SQLITE: partial(decides, SQLITE, own_copy(grocer, logs / SQLITE), rules, logs)}
        if self._lengths.includes(SERVERS):
            postgres = opened.enter_context(postgres_server(on_disk=True))
            valkey = opened.enter_context(valkey_server())
            on = on_servers(grocer, logs / SERVERS, postgres, valkey.connection_string())
            starting[SERVERS] = partial(decides, SERVERS, on, rules, logs, servers=trees_of(postgres, valkey))
        starting[GLUE] = partial(glue, grocer, rules, model, logs)
        starting[GLUE_HTTP] = partial(glue_over_http, grocer, rules, model, logs)
        if has_workers():
            two = own_copy(grocer, logs / TWO)
            starting[TWO] = partial(decides, TWO, two, rules, logs, "--workers", "2")
        else:
            self._say("`rumbo serve` has no --workers: two of them are left out")
        found: dict[str, Measured] = {}
        for name, start in starting.items():
            if name == SQLITE or self._lengths.includes(name):
                found[name] = await opened.enter_async_context(self._measured(start, asked))
        size = await _answer_bytes(found[SQLITE])
        self._report.tell("answer_bytes", size)
        return {ECHO: await opened.enter_async_context(self._measured(partial(echoes, size, logs), asked)), **found}

    @asynccontextmanager
    async def _measured(self, start: Starting, asked: Sequence[bytes]) -> AsyncIterator[Measured]:
        """A contender from its start to its end; warm, and shown to decide."""
        with start() as contender:
            self._say(f"{contender.name} is ready after {contender.starts_s:.1f} s")
            async with asking(contender, asked) as asker:
                measured = Measured(contender=contender, asker=asker, numbers=self._numbers)
                if contender.name != ECHO:
                    await _demand_decisions(measured)
                await measured.warm(min(self._lengths.seconds, 3.0))
                yield measured

    @staticmethod
    def _asked(grocer: Grocer) -> list[bytes]:
        customers = grocer.customers()
        random.Random(1).shuffle(customers)
        return questions(customers)

    async def _rounds(self, contenders: Mapping[str, Measured]) -> None:
        rounds: dict[str, list[Figures]] = {name: [] for name in contenders}
        for number in range(self._lengths.rounds):
            for name, measured in contenders.items():
                told = await one_round(measured, self._lengths.seconds)
                self._say(f"round {number + 1}, {name}: {told['per_s']:,.0f}/s, {told['cpu_us']:,.0f} us CPU a call")
                rounds[name].append(told)
        self._report.tell("rounds", rounds)
        self._report.tell("compared", compared(rounds))

    async def _curves(self, contenders: Mapping[str, Measured]) -> None:
        over_load, by_callers = {}, {}
        for name, measured in contenders.items():
            self._say(f"{name} at 1 to 64 callers, and at rates")
            most_per_s = self._report.found["compared"][name]["per_s"]
            over_load[name] = await over_rates(measured, most_per_s, SHARES, self._lengths.seconds)
            by_callers[name] = await over_callers(measured, CALLERS, self._lengths.seconds)
        self._report.tell("rates", over_load)
        self._report.tell("callers", by_callers)
        draw({NAMES[name]: curve for name, curve in over_load.items()}, self._lengths.out / "bench.png")

    async def _inside(self, contenders: Mapping[str, Measured]) -> None:
        """Stages, threads, memory and start of each."""
        found = {}
        for name, measured in contenders.items():
            memory = measured.contender.tree.memory()
            found[name] = {
                "stages_lone_us": await by_stage(measured, 1, self._lengths.seconds),
                "stages_us": await by_stage(measured, 32, self._lengths.seconds),
                "threads_us": await by_thread(measured, self._lengths.seconds),
                "processes": len(measured.contender.tree.processes()),
                "rss_mb": memory.rss_mb,
                "pss_mb": memory.pss_mb,
                "first_rss_mb": measured.contender.tree.memory_of_first().rss_mb,
                "starts_s": measured.contender.starts_s,
            }
        self._report.tell("inside", found)

    async def _overload(self, contenders: Mapping[str, Measured]) -> None:
        found = {}
        for name, measured in contenders.items():
            if (grocer := measured.contender.grocer) is not None:
                self._say(f"{name} at twice what it can take")
                rounds = min(FLOODS, self._lengths.rounds)
                found[name] = await overloaded(measured, grocer, rounds, self._lengths.seconds)
        self._report.tell("overload", found)

    async def _journeys(self, grocer: Grocer) -> None:
        async with AsyncExitStack() as opened:
            sizes, found = {}, {}
            for size in SIZES:
                name, rules = f"{size} journeys", self._catalogue(size)
                own = own_copy(grocer, self._scratch / f"journeys-{size}")
                start = partial(decides, f"journeys-{size}", own, rules, self._scratch)
                sizes[name] = await opened.enter_async_context(self._measured(start, self._asked(grocer)))
            found = await grown(sizes, f"{JOURNEYS} journeys", self._lengths.rounds, self._lengths.seconds)
            for name, size in zip(sizes, SIZES, strict=True):
                contender = sizes[name].contender
                found[name] |= {
                    "starts_s": contender.starts_s,
                    "rss_mb": contender.tree.memory().rss_mb,
                    "catalogue_load_s": loads_catalogue(grocer, self._catalogue(size), self._scratch / "load.log"),
                }
        self._report.tell("journeys", found)

    async def _features(self, grocer: Grocer) -> None:
        async with AsyncExitStack() as opened:
            sizes = {}
            for more in MORE_FEATURES:
                self._say(f"{more} more features")
                own = own_copy(grocer, self._scratch / f"features-{more}")
                wide = widened(own, more) if more else own
                start = partial(decides, f"features-{more}", wide, self._catalogue(JOURNEYS), self._scratch)
                name = f"{more} more features"
                sizes[name] = await opened.enter_async_context(self._measured(start, self._asked(grocer)))
            base = f"{MORE_FEATURES[0]} more features"
            found = await grown(sizes, base, self._lengths.rounds, self._lengths.seconds)
        self._report.tell("features", found)

    async def _customers(self, grocer: Grocer) -> None:
        self._say("customers of whom much is known")
        own = own_copy(grocer, self._scratch / "customers")
        start = partial(decides, "customers", own, self._catalogue(JOURNEYS), self._scratch)
        async with self._measured(start, self._asked(grocer)) as measured:
            await busy(measured.contender, own)
            kinds = {
                f"{kind.contacts:,} contacts, {kind.events:,} events": Measured(
                    contender=measured.contender,
                    asker=measured.asker.about(questions(kind.customers)),
                    numbers=self._numbers,
                )
                for kind in KINDS_OF_CUSTOMERS
            }
            found = await grown(kinds, next(iter(kinds)), self._lengths.rounds, self._lengths.seconds)
        self._report.tell("customers", found)


async def _demand_decisions(measured: Measured) -> None:
    """Raises: NoDecision."""
    answers = [await measured.asker.decide(next(measured.numbers)) for _ in range(SAMPLES)]
    degraded = {part.what for answer in answers for part in answer.degraded}
    if degraded or not any(len(answer.ranked) for answer in answers):
        raise NoDecision(f"{measured.contender.name}: degraded {sorted(degraded)}, such as {answers[0]}")


async def _answer_bytes(measured: Measured) -> int:
    """The median of some answers."""
    sizes = [len(await measured.asker.ask(next(measured.numbers))) for _ in range(SAMPLES)]
    return int(statistics.median(sizes))
