"""Which store a home belongs to, so that another one, or none, is never taken for it without a word."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from features.files import write_text
from service.state.port import StateUnavailable

FILE = "store.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeStore:
    """The content of HOME/store.json: the ids of the embedded store and of the one in PostgreSQL that it had last."""

    embedded: str | None = None
    postgresql: str | None = None

    @classmethod
    def of(cls, home: Path) -> Self:
        """The stores that belong to a home; none if none was opened from it yet. Raises: StateUnavailable."""
        file = home / FILE
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            return cls(**{name: str(fields[name]) for name in ("embedded", "postgresql") if fields.get(name)})
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except (OSError, ValueError, AttributeError) as error:
            told = "run `rumbo state init` to write it anew"
            raise StateUnavailable(f"{file}, which says what store this home has, cannot be read: {told}") from error

    def demand_embedded(self, file: Path) -> None:
        """Raises: StateUnavailable if a file would be made where the state was in PostgreSQL until now."""
        if self.embedded is None and self.postgresql is not None and not file.exists():
            raise StateUnavailable(
                f"the state of this home lies in PostgreSQL (store {self.postgresql}), and RUMBO_STATE_URL is not set:"
                " set it, or begin anew by `rumbo state init`"
            )

    def keep(self, home: Path, *, embedded: str | None = None, postgresql: str | None = None) -> None:
        """From now on the home belongs to this store. Raises: StateUnavailable."""
        known = replace(self, embedded=embedded or self.embedded, postgresql=postgresql or self.postgresql)
        if known != self:
            known.save(home)

    def save(self, home: Path) -> None:
        """Raises: StateUnavailable."""
        fields = {"embedded": self.embedded, "postgresql": self.postgresql}
        try:
            write_text(home / FILE, json.dumps({name: id_ for name, id_ in fields.items() if id_}, indent=1) + "\n")
        except OSError as error:
            raise StateUnavailable(f"{home / FILE} cannot be written: {error}") from error
