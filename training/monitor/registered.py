"""A model of the registry, and until when it learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models.bundle import Bundle
from models.errors import ModelMissing
from models.registry import CHALLENGER, CHAMPION, fetch, registered
from models.tracking import Registry, client_of
from training.log.errors import LogInvalid

ALIASES: Final = (CHAMPION, CHALLENGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A model, and the moment from which what was decided was not learnt from; None where nothing tells it."""

    bundle: Bundle
    unseen_from: np.datetime64 | None


def is_registered_name(model: str) -> bool:
    """Whether it is a version or an alias of a registry, and no folder."""
    return (model in ALIASES or model.isdecimal()) and not Path(model).is_dir()


def bundle_at(model: str) -> Watched:
    """A bundle in a folder. Raises: LogInvalid where there is none; BundleCorrupt."""
    if not Path(model).is_dir():
        raise LogInvalid("--model", f"there is no bundle in {model!r}; name a folder, a version, or {CHAMPION}")
    return Watched(bundle=Bundle.load(Path(model)), unseen_from=None)


def model_named(registry: Registry, model: str) -> Watched:
    """A version, or the one with an alias.

    What was decided from the `test_from` of its run on it has not seen; without one, from the start of the run on.
    Raises: ModelMissing; VersionUnknown; RegistryUnusable; BundleCorrupt.
    """
    number = model
    if model in ALIASES:
        found = [one.number for one in registered(registry) if model in one.aliases]
        if not found:
            raise ModelMissing(f"no version of the model {registry.model} has the alias {model}")
        number = found[0]
    return Watched(bundle=fetch(registry, number), unseen_from=_unseen_from(registry, number))


def _unseen_from(registry: Registry, number: str) -> np.datetime64 | None:
    with client_of(registry) as client:
        run_id = client.get_model_version(registry.model, number).run_id
        if not run_id:
            return None
        run = client.get_run(run_id)
    said = run.data.params.get("test_from")
    return np.datetime64(said, "us") if said else np.datetime64(run.info.start_time, "ms").astype("datetime64[us]")
