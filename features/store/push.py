"""Writes situation facts to the push-fed views, never older over newer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from features.errors import RumboError, StoreUnavailable
from features.situation import Fact, SituationViews, merge, parse, render
from features.store.open_store import open_cells
from features.store.text_rows import TextCells, TextRow


class SituationWriter:
    """Pushes incidents and consents to Feast's online store. Calls take turns; one writer a process is enough."""

    def __init__(self, repo: Path, views: SituationViews, *, connect: Callable[[Path], TextCells] = open_cells) -> None:
        """Opens nothing yet. `repo` is the folder with feature_store.yaml; `connect` opens its store."""
        self._repo = repo
        self._views = views
        self._connect = connect
        self._cells: TextCells | None = None
        self._turn = threading.Lock()

    def write(self, customer_id: str, facts: Sequence[Fact]) -> None:
        """Merges `facts`, all of one kind, into what is stored of the customer; none, if no view is for them.

        Per incident (per purpose and channel) what is stored with a later time stays, as does what another source
        alone knows. The row's event time is that of its latest fact.

        Raises: StoreUnavailable when the store cannot be opened, read or written; SituationUnreadable when the stored
            list cannot be read, which is left as it is: a gate that it may hold closed stays closed.
        """
        view = self._views.of(type(facts[0])) if facts else None
        if view is None:
            return
        with self._turn:
            try:
                _merge(self._open(), view, customer_id, facts)
            except RumboError:
                self._drop()
                raise
            except Exception as error:
                self._drop()
                raise StoreUnavailable(f"situation facts were not pushed: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Lets go of the store; a later `write` opens it again."""
        with self._turn:
            self._drop()

    def _open(self) -> TextCells:
        if self._cells is None or self._cells.is_replaced():
            self._drop()
            self._cells = self._connect(self._repo)
        return self._cells

    def _drop(self) -> None:
        if self._cells is not None:
            self._cells.close()
        self._cells = None


def _merge(cells: TextCells, view: str, customer_id: str, facts: Sequence[Fact]) -> None:
    """Merges into one row, unless it already says all of this, or can be of nobody."""
    kind = type(facts[0])

    def with_facts(stored: str) -> TextRow | None:
        merged = merge(parse(kind, stored) if stored else (), facts)
        text = render(merged)
        return None if text == stored else TextRow(text=text, event_time=max(fact.at for fact in merged))

    cells.change(view, kind.feature, customer_id, with_facts)
