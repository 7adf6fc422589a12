"""The online stores under contract: each is Feast's own, with a bank's repository on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol
from unittest.mock import patch

from redis.connection import AbstractConnection

from features.company.company import load_company
from features.company.registry import CompanyFeatures, features_of
from features.store.opened import OpenStore
from features.store.sqlite_rows import SqliteRows
from tests.companies.bank import SQLITE, Bank, make_bank, push_views, redis_at
from tests.servers.valkey import ValkeyServer

KEYS = ("INT64", "INT32", "STRING")
STORES = ("sqlite", "valkey")
RUMBO = """\
company: mybank
customer: {entity: holder}
features:
  repo: feast/
  views: [accounts, cards, claims]
  names: {cards.rating: card_rating}
situation: {incidents: {view: incidents}, consents: {view: consents}}
"""


class OnlineStore(Protocol):
    """What holds the rows of banks, and may be away for a time."""

    def configuration(self) -> str:
        """A place for one bank, as feature_store.yaml names it."""

    def take_away(self, bank: Bank) -> None: ...

    def bring_back(self, bank: Bank) -> None:
        """With all that it held."""

    def counting(self, opened: OpenStore) -> AbstractContextManager[Callable[[], int]]:
        """Gives how often an open store, whose rows are read directly, was asked since."""

    def questions_a_batch(self, views: int) -> int:
        """So often it is asked for many customers at once."""


class SqliteFile:
    """A file in each repository."""

    def configuration(self) -> str:
        return SQLITE

    def take_away(self, bank: Bank) -> None:
        (bank.repo / "online.db").rename(bank.repo / "online.db.away")

    def bring_back(self, bank: Bank) -> None:
        (bank.repo / "online.db.away").rename(bank.repo / "online.db")

    @contextmanager
    def counting(self, opened: OpenStore) -> Iterator[Callable[[], int]]:
        """Statements that ran."""
        assert isinstance(opened, SqliteRows)
        statements: list[str] = []
        opened.database.set_trace_callback(statements.append)
        yield lambda: len(statements)
        opened.database.set_trace_callback(None)

    def questions_a_batch(self, views: int) -> int:
        return views


@dataclass(frozen=True)
class Valkey:
    """A server, with a database a bank."""

    server: ValkeyServer

    def configuration(self) -> str:
        return redis_at(self.server.connection_string())

    def take_away(self, bank: Bank) -> None:
        self.server.stop()

    def bring_back(self, bank: Bank) -> None:
        self.server.start()

    @contextmanager
    def counting(self, opened: OpenStore) -> Iterator[Callable[[], int]]:
        """How often something is sent to the server, however large it is: whoever sends waits for the answer to it."""
        with patch.object(
            AbstractConnection,
            "send_packed_command",
            autospec=True,
            side_effect=AbstractConnection.send_packed_command,
        ) as sent:
            yield lambda: sent.call_count

    def questions_a_batch(self, views: int) -> int:
        return 1


@dataclass(frozen=True)
class Banks:
    """Banks on one store, by the type of their key, which differ in nothing else."""

    store: OnlineStore
    banks: Mapping[str, Bank]

    def __getitem__(self, key: str) -> Bank:
        return self.banks[key]

    @cached_property
    def features(self) -> Mapping[str, CompanyFeatures]:
        return {key: features_of(load_company(bank.folder)) for key, bank in self.banks.items()}


def make_banks(store: OnlineStore, folder: Path) -> Banks:
    """One a type of key, with the views that a situation is pushed to."""
    banks = {}
    for key in KEYS:
        place = folder / key
        banks[key] = make_bank(place, key, store.configuration(), wealth=None, **push_views(place, key))
        banks[key].write(RUMBO)
    return Banks(store, banks)
