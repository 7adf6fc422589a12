"""The objectives of the catalogues that a store keeps, by version; each catalogue is read once."""

from __future__ import annotations

from collections.abc import Mapping

from service.catalogue.objectives import KeptObjective, objectives_of
from service.catalogues import CatalogueLost
from service.state.session import Session, Sql


class KeptObjectives:
    """Reads a catalogue when it is first asked for."""

    def __init__(self) -> None:
        self._by_version: dict[str, Mapping[str, KeptObjective]] = {}

    def of(self, session: Session, version: str, journey_id: str) -> KeptObjective:
        """Raises: CatalogueLost, CatalogueInvalid."""
        if version not in self._by_version:
            (rows,) = session.ask(Sql("SELECT source FROM catalogues WHERE version = ?", (version,)))
            if not rows:
                raise CatalogueLost(f"catalogue {version} is not kept, so no reward of its decisions can be told")
            self._by_version[version] = objectives_of(rows[0]["source"])
        try:
            return self._by_version[version][journey_id]
        except KeyError:
            raise CatalogueLost(f"catalogue {version} as it is kept has no journey {journey_id}") from None
