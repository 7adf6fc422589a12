"""A trained model in the registry of its company."""

from __future__ import annotations

import tempfile
from datetime import datetime
from math import isfinite
from pathlib import Path

from features.files import writing
from features.schema import FeatureSchema
from models.bundle import Bundle
from models.errors import BundleUnfit
from models.registry import PublishedModel, fetch, publish, registered
from models.runs import MAX_DESCRIPTION, RunRecord, SeenData
from models.tracking import Registry
from service.decision.journey import JourneyKind
from training.card import card_of
from training.from_log import Order, Trained
from training.learn.measures import MODEL
from training.learn.slices import metrics_of
from training.run_files import write_files

KINDS = frozenset(JourneyKind)


def register(
    registry: Registry, order: Order, trained: Trained, schema: FeatureSchema, now: datetime
) -> PublishedModel:
    """Logs the run with its card and pictures, and registers the bundle as challenger.

    Raises: BundleUnfit for one that the company could not serve; as `publish`.
    """
    demand_fit(trained.bundle, schema)
    with tempfile.TemporaryDirectory() as scratch:
        with writing(Path(scratch)):
            write_files(Path(scratch), trained)
        return publish(registry, _record(order, trained, Path(scratch)), now)


def demand_fit(bundle: Bundle, schema: FeatureSchema) -> None:
    """Raises: BundleUnfit that names what the company lacks."""
    if misfits := bundle.misfits(schema, KINDS):
        raise BundleUnfit(bundle.version, misfits)


class KeptBundles:
    """The bundles of a registry by their own versions, each fetched when it is asked for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._numbers = {one.bundle_version: one.number for one in registered(registry)}

    def get(self, version: str) -> Bundle | None:
        """None of a version that is not there. Raises: BundleCorrupt; RegistryUnusable."""
        number = self._numbers.get(version)
        return None if number is None else fetch(self._registry, number)


def _record(order: Order, trained: Trained, files: Path) -> RunRecord:
    policy = trained.bundle.policy
    assert policy is not None
    return RunRecord(
        parameters={
            "log": str(order.log),
            "reward": order.columns.reward,
            "reward_kind": policy.reward.kind.value,
            "value": str(order.columns.value or ""),
            "surrogate": order.columns.surrogate or "",
            "costs": str(dict(order.costs)),
            "uplift_against": order.against or "",
            "guarded": str(order.guarded),
            "test_from": "" if order.test_from is None else str(order.test_from),
            "folds": policy.folds,
            "baselines": ", ".join(order.baselines),
            "slices": ", ".join(order.slices),
            "seed": order.seed,
            **{f"rows_{name}": count for name, count in trained.rows().items()},
            "calibration": trained.bundle.calibration.kind.value,
            "columns": len(trained.bundle.encoder.columns),
        },
        metrics=metrics_of_run(trained),
        tags={"bundle_version": trained.bundle.version, "log_sha256": trained.fingerprint},
        files=files,
        bundle=trained.bundle,
        headline=_headline(trained),
        description=card_of(trained, at_most=MAX_DESCRIPTION),
        data=SeenData(name=order.log.name, sha256=trained.fingerprint, rows=trained.rows()),
    )


def metrics_of_run(trained: Trained) -> dict[str, float]:
    """By the same names in every run: of the model and what it is measured beside, then its slices."""
    of_all = {f"{MODEL}.{name}": float(getattr(trained.figures, name)) for name in ("ece", "observed_to_expected")}
    beside = {
        f"{name}.{key}": value
        for name, measured in trained.judged.by_name.items()
        for key, value in measured.as_dict().items()
    }
    known = {name: value for name, value in {**beside, **of_all}.items() if isfinite(value)}
    return {**known, **metrics_of(trained.slices)}


def _headline(trained: Trained) -> str:
    measured = trained.judged.by_name[MODEL]
    return f"AUC {measured.auc:.3f}" if isfinite(measured.auc) else f"loss {measured.loss:.4g}"
