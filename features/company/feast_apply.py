"""`feast apply` where Rumbo is installed: a program of its own, for it must not import the package `features`.

Feast imports the files of a repository by name and looks for them last, so that of `features.py`, `models.py`,
`service.py` or `training.py` it would find our packages, which define nothing, and say "No changes".
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

OURS = frozenset({"features", "models", "service", "training", "rumbo"})


class RepositoryFirst(MetaPathFinder):
    """Finds modules by the names of our packages in the repository, if it has them."""

    def __init__(self, repo: str) -> None:
        self._repo = repo

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [self._repo]) if path is None and fullname in OURS else None


def main(repo: str) -> None:
    """Applies the repository at `repo`, a whole path, and ends the process as Feast does."""
    from feast.cli.cli import cli

    sys.meta_path.insert(0, RepositoryFirst(repo))
    cli(["--chdir", repo, "apply"], prog_name="feast")


if __name__ == "__main__":
    main(sys.argv[1])
