"""The models in force follow the pointer; what cannot serve leaves what did, says so once, and is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from prometheus_client import generate_latest

from models.errors import BundleCorrupt, BundleOutdated, NothingTrained, RegistryUnusable, TrialUnfinished
from models.pointer import PointedModel, Pointer
from service.application.scoring import Model, Models, Scoring
from service.background.model_watch import AGAIN_AFTER_S, AGAIN_AT_LATEST_S, LOOK_EVERY_S, ModelWatch, NotAsked
from service.metrics import Metrics
from tests.unit.application.test_scoring import FakeModel

FAULTS = [
    RegistryUnusable("database is locked"),
    BundleCorrupt("model.txt", "is cut"),
    BundleOutdated("manifest.json", 1, 2),
    TrialUnfinished("no time"),
    ZeroDivisionError("a bug"),
]


class Ended(Exception):
    """The time of a test is over."""


def pointed(version: str) -> PointedModel:
    return PointedModel(number="1", version=version, place=f"bundles/{version}")


def model(version: str) -> FakeModel:
    made = FakeModel(lambda n: np.full(n, 0.5))
    made.version = version
    return made


class Source:
    """Points where a test says, by the second; `broken` versions cannot be loaded, or not yet.

    Time passes while somebody sleeps.
    """

    def __init__(self, *pointers: tuple[float, Pointer | Exception], until_s: float = 30.0) -> None:
        self._pointers = pointers
        self._until_s = until_s
        self.broken: dict[str, list[Exception]] = {}
        self.now_s = 0.0
        self.loads: list[tuple[float, str]] = []
        self.doubts: Callable[[float], str | None] = lambda now_s: None

    def _holds(self) -> Pointer | Exception:
        return [pointer for since_s, pointer in self._pointers if since_s <= self.now_s][-1]

    def stamp(self) -> Hashable:
        return id(self._holds()), self.doubts(self.now_s)

    def pointer(self) -> Pointer:
        holds = self._holds()
        if isinstance(holds, Exception):
            raise holds
        return holds

    def doubt(self) -> str | None:
        return self.doubts(self.now_s)

    def load(self, pointed: PointedModel) -> Model:
        self.loads.append((self.now_s, pointed.version))
        if faults := self.broken.get(pointed.version):
            raise faults.pop(0)
        return model(pointed.version)

    def stop(self) -> None:
        """Nothing takes long here."""

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s > self._until_s:
            raise Ended


class Followed:
    """What a watch made of a source, until its time was over; `seen` are the versions in force, as they changed."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scoring = Scoring(None)
        self.metrics = Metrics()
        self.seen: list[tuple[float, str, str]] = []
        use = self.scoring.use

        def note(models: Models) -> None:
            use(models)
            champion, challenger = models.champion, models.challenger
            versions = [one.version if one is not None else "" for one in (champion, challenger)]
            self.seen.append((source.now_s, versions[0], versions[1]))

        self.scoring.use = note  # type: ignore[method-assign]

    async def run(self) -> Followed:
        with pytest.raises(Ended):
            await ModelWatch(self.source, self.scoring, self.metrics).run(self.source.sleep, lambda: self.source.now_s)
        self.scoring.close()
        return self

    @property
    def told(self) -> str:
        return generate_latest(self.metrics.registry).decode()


FIRST, SECOND = Pointer(champion=pointed("v1")), Pointer(champion=pointed("v2"))


async def test_a_model_that_can_be_had_is_in_force_at_once_and_loaded_once() -> None:
    followed = await Followed(source := Source((0.0, FIRST))).run()
    assert (followed.seen, source.loads) == ([(0.0, "v1", "")], [(0.0, "v1")])
    assert 'rumbo_in_force{version="v1",what="model"} 1.0' in followed.told


async def test_a_champion_that_moved_is_in_force_at_the_next_look_and_so_is_the_one_that_comes_back() -> None:
    followed = await Followed(Source((0.0, FIRST), (3.0, SECOND), (6.0, replace(FIRST)))).run()
    assert followed.seen == [(0.0, "v1", ""), (3.0, "v2", ""), (6.0, "v1", "")]
    assert 'rumbo_in_force{version="v2",what="model"} 0.0' in followed.told


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_champion_that_cannot_serve_leaves_the_one_before_and_says_so(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source((0.0, FIRST), (3.0, SECOND), until_s=7.5)
    source.broken["v2"] = [fault] * 9
    followed = await Followed(source).run()
    assert followed.seen == [(0.0, "v1", "")]
    assert 'rumbo_model_refused{what="model"} 1.0' in followed.told
    assert not await followed.scoring.is_well()
    (told,) = [r.message for r in caplog.records if "stays in force" in r.message]
    assert told.startswith("model v1 stays in force: ")


async def test_what_was_refused_is_tried_again_and_then_no_longer_refused() -> None:
    source = Source((0.0, FIRST), (3.0, SECOND))
    source.broken["v2"] = [TrialUnfinished("no time")] * 2
    followed = await Followed(source).run()
    again = 3.0 + AGAIN_AFTER_S + 2 * AGAIN_AFTER_S
    assert followed.seen == [(0.0, "v1", ""), (again, "v2", "")]
    assert 'rumbo_model_refused{what="model"} 0.0' in followed.told


async def test_the_pauses_grow_up_to_the_longest() -> None:
    source = Source((0.0, FIRST), until_s=400.0)
    source.broken["v1"] = [TrialUnfinished("no time")] * 99
    await Followed(source).run()
    at_s = [load_s for load_s, _ in source.loads]
    pauses = [later - before for before, later in pairwise(at_s)]
    assert pauses[:3] == [5.0, 10.0, 20.0]
    assert max(pauses) == pauses[-1] == AGAIN_AT_LATEST_S


async def test_one_cause_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    source = Source((0.0, FIRST), until_s=100.0)
    source.broken["v1"] = [*[TrialUnfinished("no time")] * 3, BundleCorrupt("model.txt", "is cut")]
    await Followed(source).run()
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert told == ["no model serves: no time", "no model serves: model bundle: model.txt: is cut"]


async def test_that_nothing_was_trained_yet_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await Followed(Source((0.0, NothingTrained("run `rumbo train`")))).run()
    (told,) = [record for record in caplog.records if record.message.startswith("no model serves")]
    assert told.levelname == "INFO"


async def test_a_registry_that_is_away_leaves_what_serves_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    source = Source((0.0, FIRST))
    source.doubts = lambda now_s: "the server is away" if 3.0 <= now_s < 9.0 else None
    followed = await Followed(source).run()
    assert followed.seen == [(0.0, "v1", "")]
    (told,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "the server is away" in told
    assert "rumbo_model_registry_doubted 0.0" in followed.told


async def test_a_pointer_that_is_gone_leaves_what_serves() -> None:
    followed = await Followed(Source((0.0, FIRST), (3.0, NothingTrained("no model was trained")))).run()
    assert followed.seen == [(0.0, "v1", "")]


async def test_a_challenger_is_in_force_beside_the_champion_until_it_is_champion_itself_and_loaded_once() -> None:
    both = Pointer(champion=pointed("v1"), challenger=pointed("v2"))
    promoted = Pointer(champion=pointed("v2"), challenger=pointed("v2"))
    followed = await Followed(source := Source((0.0, both), (3.0, promoted))).run()
    assert followed.seen[:2] == [(0.0, "v1", ""), (0.0, "v1", "v2")]
    assert followed.seen[-1] == (3.0, "v2", "")
    assert source.loads == [(0.0, "v1"), (0.0, "v2")]
    assert 'rumbo_in_force{version="v2",what="challenger"} 0.0' in followed.told


async def test_a_challenger_that_cannot_serve_is_none_and_the_champion_serves() -> None:
    before = Pointer(champion=pointed("v1"), challenger=pointed("v2"))
    after = Pointer(champion=pointed("v1"), challenger=pointed("v3"))
    source = Source((0.0, before), (3.0, after), until_s=4.0)
    source.broken["v3"] = [BundleCorrupt("model.txt", "is cut")]
    followed = await Followed(source).run()
    assert followed.seen[-1] == (3.0, "v1", "")
    assert 'rumbo_model_refused{what="challenger"} 1.0' in followed.told
    assert 'rumbo_model_refused{what="model"} 0.0' in followed.told


async def test_the_start_waits_while_the_registry_is_being_asked_and_then_for_the_first_attempt_alone() -> None:
    source, scoring = Source((0.0, NotAsked("asked")), (2.0, FIRST)), Scoring(None)
    source.broken["v1"] = [TrialUnfinished("no time")] * 9
    watch = ModelWatch(source, scoring, Metrics())
    running = asyncio.create_task(watch.run(source.sleep, lambda: source.now_s))
    await watch.first(within_s=60.0)
    assert source.loads[0] == (2.0, "v1")
    running.cancel()
    with pytest.raises((asyncio.CancelledError, Ended)):
        await running
    scoring.close()


async def test_the_start_does_not_wait_for_ever() -> None:
    scoring = Scoring(None)
    await ModelWatch(Source((0.0, FIRST)), scoring, Metrics()).first(within_s=0.0)
    assert scoring.model_version == ""
    scoring.close()


def test_a_look_comes_often_enough_for_a_promotion_to_be_followed_within_seconds() -> None:
    assert LOOK_EVERY_S <= 1.0
