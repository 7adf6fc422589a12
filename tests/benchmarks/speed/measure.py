"""One contender under one load: calls, CPU of all its processes, and what its stages and threads took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks.speed.asker import Asker
from tests.benchmarks.speed.contenders import Contender
from tests.benchmarks.speed.figures import Calls, Figures, ms, percentile
from tests.benchmarks.speed.load import closed, opened
from tests.benchmarks.speed.stages import between, stages
from tests.benchmarks.speed.timer import timer

CALLERS = 32
WARM_S = 2.0


class NothingAnswered(RuntimeError):
    """A contender answered no call of a load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a load was, and what it cost; `cpu_s` of the contender's own tree, `servers_cpu_s` of its databases."""

    calls: Calls
    cpu_s: float
    servers_cpu_s: float

    @property
    def cpu_us(self) -> float:
        return self.cpu_s * 1e6 / len(self.calls.taken_s)

    @property
    def with_servers_us(self) -> float:
        return (self.cpu_s + self.servers_cpu_s) * 1e6 / len(self.calls.taken_s)

    def figures(self, prefix: str = "") -> Figures:
        return {
            f"{prefix}per_s": self.calls.per_s,
            f"{prefix}p50_ms": ms(self.calls.taken_s, 0.5),
            f"{prefix}p99_ms": ms(self.calls.taken_s, 0.99),
            f"{prefix}cpu_us": self.cpu_us,
            f"{prefix}cpu_with_servers_us": self.with_servers_us,
            f"{prefix}failed": self.calls.failed_share,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A contender, who asks it, and the numbers of its calls, which no load begins anew."""

    contender: Contender
    asker: Asker
    numbers: Iterator[int]

    async def closed(self, callers: int, seconds: float) -> Load:
        return await self._load(lambda: closed(self.asker.ask, self.numbers, callers, seconds))

    async def opened(self, per_s: float, seconds: float) -> Load:
        with timer() as alarm:
            return await self._load(lambda: opened(self.asker.ask, self.numbers, per_s, seconds, alarm.until))

    async def warm(self, seconds: float = WARM_S) -> None:
        await self.closed(CALLERS, seconds)

    async def _load(self, run: Callable[[], Awaitable[Calls]]) -> Load:
        """Raises: NothingAnswered."""
        own, servers = self.contender.cpu_s(), self.contender.servers_cpu_s()
        calls = await run()
        if not calls.taken_s:
            raise NothingAnswered(f"{self.contender.name}: {calls.failed}")
        return Load(
            calls=calls,
            cpu_s=self.contender.cpu_s() - own,
            servers_cpu_s=self.contender.servers_cpu_s() - servers,
        )


async def one_round(measured: Measured, seconds: float) -> Figures:
    """As much as it can take, lone calls, and half of its maximum."""
    most = await measured.closed(CALLERS, seconds)
    lone = await measured.closed(1, seconds / 2)
    half = await measured.opened(most.calls.per_s / 2, seconds)
    return {
        **most.figures(),
        **lone.figures("lone_"),
        **half.figures("half_"),
        "half_sent_late_p99_ms": ms(half.calls.late_s, 0.99),
    }


async def by_stage(measured: Measured, callers: int, seconds: float) -> Figures:
    """Mean µs of each of the service's own stages."""
    port = measured.contender.metrics_port
    before = stages(port)
    await measured.closed(callers, seconds)
    return between(before, stages(port))


async def by_thread(measured: Measured, seconds: float) -> Figures:
    """µs of CPU a call, by the names of the threads; those of a hundredth of the whole and less are left out."""
    before = measured.contender.tree.cpu_s_by_thread()
    load = await measured.closed(CALLERS, seconds)
    after = measured.contender.tree.cpu_s_by_thread()
    taken = {name: (cpu - before.get(name, 0.0)) * 1e6 / len(load.calls.taken_s) for name, cpu in after.items()}
    least = sum(taken.values()) / 100
    return {name: us for name, us in sorted(taken.items(), key=lambda entry: -entry[1]) if us > least}


async def over_rates(measured: Measured, most_per_s: float, shares: tuple[float, ...], seconds: float) -> list[Figures]:
    """Latency at these shares of what it can take."""
    found = []
    for share in shares:
        load = await measured.opened(most_per_s * share, seconds)
        late = percentile(load.calls.late_s, 0.99) * 1e3
        found.append({"share": share, "asked_per_s": most_per_s * share, **load.figures(), "sent_late_p99_ms": late})
    return found


async def over_callers(measured: Measured, callers: tuple[int, ...], seconds: float) -> list[Figures]:
    return [{"callers": n, **(await measured.closed(n, seconds)).figures()} for n in callers]
