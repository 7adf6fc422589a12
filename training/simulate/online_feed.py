"""Writes what is known of the people each morning into their company's online store, as a daily load does."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from training.simulate.people import People
from training.simulate.scenario import CATEGORIES, HOUSEHOLDS, ZONES

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore


class OnlineFeed:
    """Called with the day, from 0."""

    def __init__(self, repo: Path, people: People) -> None:
        self._repo = repo
        self._people = people

    def __call__(self, day: int) -> None:
        if day == 0:
            self._store.write_to_online_store("profile", self._profile())
        self._store.write_to_online_store("behaviour", self._behaviour(day))

    @cached_property
    def _store(self) -> FeatureStore:
        from feast import FeatureStore

        return FeatureStore(repo_path=str(self._repo))

    def _profile(self) -> pd.DataFrame:
        people = self._people
        return self._table(
            0,
            age=people.age,
            household=[HOUSEHOLDS[h] for h in people.household],
            member_since=[people.member_since(who) for who in range(len(people.ids))],
            time_zone=[ZONES[z] for z in people.zone],
        )

    def _behaviour(self, day: int) -> pd.DataFrame:
        people = self._people
        spend = {f"spend_{name}_30d": people.spend[day, :, c] for c, name in enumerate(CATEGORIES)}
        return self._table(day, visits_30d=people.visits[day], **spend)

    def _table(self, day: int, **columns: object) -> pd.DataFrame:
        import pandas as pd

        at = self._people.scenario.at(day)
        return pd.DataFrame({"customer_id": self._people.ids, "event_time": at, **columns})
