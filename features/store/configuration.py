"""What feature_store.yaml says, read without Feast: where the registry lies, and the server of the online store."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

CONFIG_FILE: Final = "feature_store.yaml"
SILENT_S: Final = 0.5
"""A server that says nothing for so long is away."""
_SECRET = "connection_string"


def configuration_of(repo: Path) -> Mapping[str, Any]:
    """As Feast reads it: variables of the environment first take their places in the text.

    Raises: OSError, ValueError, yaml.YAMLError if that cannot be read.
    """
    said = yaml.safe_load(os.path.expandvars((repo / CONFIG_FILE).read_text(encoding="utf-8")))
    if not isinstance(said, dict):
        raise ValueError(f"{CONFIG_FILE} is no mapping")
    return said


def configuration_stamp(repo: Path) -> bytes:
    """Differs as soon as what is configured does, but for what variables say of stores, which may be a password.

    Raises: as `configuration_of`.
    """
    said = configuration_of(repo)
    store = said.get("online_store")
    layout = {name: store.get(name) for name in ("type", "path")} if isinstance(store, dict) else store
    read = json.dumps([said.get("project"), said.get("registry"), layout], default=str)
    return hashlib.sha256((repo / CONFIG_FILE).read_bytes() + read.encode()).digest()


def configured_registry_file(repo: Path) -> Path | None:
    """Where Feast keeps the registry as one file of this machine, as configured; None if it lies elsewhere.

    Raises: as `configuration_of`.
    """
    registry = configuration_of(repo).get("registry")
    described = registry if isinstance(registry, dict) else {"path": registry}
    path = described.get("path")
    if not isinstance(path, str):
        return None
    return file_here(repo, str(described.get("registry_type", "file")), path)


def configured_server(repo: Path) -> str | None:
    """The connection string of a Redis online store, as configured. Raises: as `configuration_of`."""
    store = configuration_of(repo).get("online_store")
    said = store.get(_SECRET) if isinstance(store, dict) else None
    return said if isinstance(said, str) else None


def file_here(repo: Path, kind: str, path: str) -> Path | None:
    """A registry of this kind as a file of this machine; None if it is none."""
    return repo / path if kind == "file" and "://" not in path else None


def bounded(connection_string: str, *, is_cluster: bool = False) -> str:
    """With the times that a silent server is waited for, where it says none."""
    said = {word.partition("=")[0] for word in connection_string.split(",")}
    defaults = {"socket_timeout": str(SILENT_S), "socket_connect_timeout": str(SILENT_S)}
    if not is_cluster:
        defaults["retry"] = "null"  # redis-py would try again for seconds; whoever reads again does so itself
    words = [f"{name}={value}" for name, value in defaults.items() if name not in said]
    return ",".join([connection_string, *words])
