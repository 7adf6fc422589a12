"""Which models are served: what the home points to, and the process that keeps that as the registry has it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AsyncExitStack

from features.schema import FeatureSchema
from models.errors import BundleUnfit, ModelMissing, NothingTrained
from models.follow import command, request
from models.pointer import POINTER_FILE, PointedModel, Pointer, bundle_at, read_pointer
from models.registry import trials_of
from models.scorer import Scorer
from models.tracking import Registry
from service.application.scoring import Model, Scoring
from service.background.feature_feed import run_until_closed
from service.background.lead import Lead
from service.background.model_watch import ModelWatch, NotAsked
from service.background.registry_process import RegistryProcess
from service.decision.journey import JourneyKind
from service.metrics import Metrics
from service.quiet_load import in_background

KINDS = frozenset(JourneyKind)


async def follow_models(
    registry: Registry,
    schema: Callable[[], FeatureSchema],
    scoring: Scoring,
    metrics: Metrics,
    lead: Lead,
    opened: AsyncExitStack,
) -> None:
    """Serves the champion of the home, and each that follows it, with its challenger. The first is tried before this
    returns. `schema` gives the features in force, which models must fit.
    """
    process = RegistryProcess(command(), request(registry), lambda: _is_there(registry))
    watch = ModelWatch(_PointedModels(registry, schema, process), scoring, metrics)
    run_until_closed(opened, lead.run(process.run))
    run_until_closed(opened, watch.run())
    opened.callback(watch.stop)
    await watch.first()


def _is_there(registry: Registry) -> bool:
    """Whether there is a registry to ask: a database in a file is made by the first training."""
    return registry.database is None or registry.database.exists()


class _PointedModels:
    """The models that a home points to, as a `ModelSource`."""

    def __init__(self, registry: Registry, schema: Callable[[], FeatureSchema], process: RegistryProcess) -> None:
        self._registry = registry
        self._folder = registry.folder
        self._file = self._folder / POINTER_FILE
        self._schema = schema
        self._process = process
        self._trials = trials_of(registry.home)

    def stamp(self) -> Hashable:
        try:
            status = self._file.stat()
        except OSError:
            return None, self._process.words, self._process.is_there
        return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size), self._process.words

    def pointer(self) -> Pointer:
        """Raises: NotAsked; NothingTrained; ModelMissing, as PointerUnreadable too."""
        pointer = read_pointer(self._folder)
        if pointer is not None:
            return pointer
        if not self._process.is_there:
            raise NothingTrained(f"no model was trained into {self._registry.home}: run `rumbo train`")
        if self._process.fault is None:
            raise NotAsked("the registry is being asked")
        raise ModelMissing(self._process.fault)

    def doubt(self) -> str | None:
        return self._process.fault

    def load(self, pointed: PointedModel) -> Model:
        """Raises: ModelMissing, BundleCorrupt, TrialUnfinished; BundleUnfit."""
        bundle = bundle_at(self._folder, pointed)
        self._trials.demand(bundle, self._folder / pointed.place, self._folder)
        if misfits := bundle.misfits(self._schema(), KINDS):
            raise BundleUnfit(bundle.version, misfits)
        with in_background():
            return Scorer(bundle)

    def stop(self) -> None:
        self._trials.stop()
