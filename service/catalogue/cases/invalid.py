"""A case that cannot be: what is wrong with it, and where in it."""

from __future__ import annotations

from features.documents.form import meant
from features.errors import RumboError
from service.decision.plan import Plan

Path = tuple[str | int, ...]


class CaseInvalid(RumboError):
    """A case that speaks of what does not exist. `path` leads to the field within it; empty: the case as a whole."""

    def __init__(self, text: str, path: Path = ()) -> None:
        super().__init__(text)
        self.path = path


def no_journey(name: str, plan: Plan, path: Path) -> CaseInvalid:
    return CaseInvalid(f"there is no journey '{name}'{meant(name, plan.lifetimes)}", path)
