"""Writes registry.db beside the definitions: what is known of the example before it is prepared."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from features.files import replacing
from features.store.configuration import CONFIG_FILE

REGISTRY = "registry.db"
REPO = Path(__file__).parent


def write_registry(repo: Path) -> None:
    """Registers the definitions, with files relative to `repo`, in its registry.db; nothing else is made there."""
    from feast import FeatureStore

    from service.examples.complete_journey.feast.definitions import OBJECTS

    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(REPO / CONFIG_FILE, scratch)
        FeatureStore(repo_path=scratch).apply(list(OBJECTS))
        with replacing(repo / REGISTRY) as draft:
            shutil.copyfile(Path(scratch) / REGISTRY, draft)


if __name__ == "__main__":
    write_registry(REPO)
