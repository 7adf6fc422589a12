"""Feast without the checks of its own calls, which are most of what importing it costs.

Feast has typeguard rewrite a hundred of its functions while it is imported, each from its source. What Rumbo gives to
it is checked before, and what a repository defines by `feast apply`, which runs without this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def leave_feast_unchecked() -> None:
    """From now on, if Feast was not imported yet."""
    if "feast" not in sys.modules:
        sys.meta_path.insert(0, _BeforeFeast())


class _BeforeFeast(MetaPathFinder):
    """Finds nothing itself; when Feast is looked for, it has typeguard leave that alone, once."""

    _is_done = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "feast" and not self._is_done:
            self._is_done = True
            import typeguard

            typeguard.typechecked = _but_of_feast(typeguard.typechecked)
        return None


def _but_of_feast(checked: Callable[..., Any]) -> Callable[..., Any]:
    """The decorator, which leaves what Feast's modules define as it is."""

    def typechecked(target: Any = None, **settings: Any) -> Any:
        if target is None:
            return lambda later: typechecked(later, **settings)
        if str(getattr(target, "__module__", "")).partition(".")[0] == "feast":
            return target
        return checked(target, **settings)

    return typechecked
