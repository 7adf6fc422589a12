"""The model comes into force once it can be had; until then it is tried again, soon if something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

import pytest
from prometheus_client import generate_latest

from models.errors import BundleCorrupt, BundleOutdated, NothingTrained, RegistryUnusable, TrialUnfinished
from service.application.scoring import Model, Scoring
from service.background.model_watch import AGAIN_AFTER_S, AGAIN_AT_LATEST_S, ModelWatch
from service.metrics import Metrics
from tests.unit.application.test_scoring import FakeModel

FAULTS = [
    RegistryUnusable("database is locked"),
    BundleCorrupt("model.txt", "is cut"),
    BundleOutdated("manifest.json", 1, 2),
    TrialUnfinished("no time"),
    ZeroDivisionError("a bug"),
]


class Source:
    """Fails as often as it is told, then has a model. Time passes only while somebody sleeps."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.now_s = 0.0
        self.loads: list[float] = []
        self.changes_at: Callable[[float], Hashable] = lambda now_s: None

    def stamp(self) -> Hashable:
        return self.changes_at(self.now_s)

    def load(self) -> Model:
        self.loads.append(self.now_s)
        if self.faults:
            raise self.faults.pop(0)
        return FakeModel()

    def stop(self) -> None:
        """Nothing takes long here."""

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


async def run(source: Source) -> tuple[Scoring, Metrics]:
    scoring, metrics = Scoring(None), Metrics()
    await ModelWatch(source, scoring, metrics).run(source.sleep, lambda: source.now_s)
    scoring.close()
    return scoring, metrics


async def test_a_model_that_can_be_had_is_in_force_at_once() -> None:
    scoring, metrics = await run(source := Source())
    assert (scoring.model_version, source.loads) == ("9f2a", [0.0])
    assert b'rumbo_in_force{version="9f2a",what="model"} 1.0' in generate_latest(metrics.registry)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_whatever_is_in_the_way_it_is_tried_again(fault: Exception) -> None:
    scoring, _ = await run(source := Source(fault))
    assert (scoring.model_version, source.loads) == ("9f2a", [0.0, AGAIN_AFTER_S])


async def test_the_pauses_grow_up_to_the_longest() -> None:
    _, _ = await run(source := Source(*[RegistryUnusable("locked")] * 8))
    pauses = [later - before for before, later in zip(source.loads, source.loads[1:], strict=False)]
    assert pauses[:3] == [5.0, 10.0, 20.0]
    assert max(pauses) == pauses[-1] == AGAIN_AT_LATEST_S


async def test_what_changed_is_tried_at_the_next_look() -> None:
    source = Source(*[RegistryUnusable("locked")] * 4)
    source.changes_at = lambda now_s: now_s > 3.0
    await run(source)
    assert source.loads[:2] == [0.0, 4.0]


async def test_one_cause_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    await run(Source(*[RegistryUnusable("locked")] * 3, BundleCorrupt("model.txt", "is cut")))
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert told == ["no model serves: locked", "no model serves: model bundle: model.txt: is cut"]


async def test_that_nothing_was_trained_yet_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await run(Source(NothingTrained("run `rumbo train`")))
    (told,) = [record for record in caplog.records if record.message.startswith("no model serves")]
    assert told.levelname == "INFO"


async def test_the_start_waits_for_the_first_attempt_alone() -> None:
    source, scoring = Source(*[RegistryUnusable("locked")] * 3), Scoring(None)
    watch = ModelWatch(source, scoring, Metrics())
    running = asyncio.create_task(watch.run())
    await watch.first(within_s=60.0)
    assert len(source.loads) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    scoring.close()


async def test_the_start_does_not_wait_for_ever() -> None:
    scoring = Scoring(None)
    await ModelWatch(Source(), scoring, Metrics()).first(within_s=0.0)
    assert scoring.model_version == ""
    scoring.close()
