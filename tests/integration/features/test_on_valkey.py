"""What only a server can do to its readers and writers: say nothing, be written by others in between, forget."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from features.company.company import load_company
from features.company.registry import features_of
from features.store.configuration import SILENT_S
from features.store.connection import Connection
from features.store.online import RETRY_S, OnlineFeatures
from features.store.text_rows import TextCell, TextRow
from features.values import FeatureStatus
from tests.companies.bank import FIRST_HOLDER, NOW, Bank, configuration, make_bank, push_views, redis_at
from tests.servers.valkey import ValkeyServer

VIEW, FEATURE = "incidents", "incidents_json"


@pytest.fixture(scope="module")
def bank(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("bank")
    return make_bank(folder, "INT64", redis_at(valkey.connection_string()), wealth=None, **push_views(folder))


@pytest.fixture
def connection(bank: Bank) -> Iterator[Connection]:
    opened = Connection.open(bank.repo)
    yield opened
    opened.close()


def cell_of(connection: Connection, customer_id: str) -> TextCell:
    key = connection.entity_key(VIEW, customer_id)
    assert key is not None
    return TextCell(connection=connection, view=VIEW, feature=FEATURE, customer_id=customer_id, key=key)


def text_of(connection: Connection, customer_id: str) -> str:
    row = connection.read(VIEW, customer_id)
    return "" if row is None else row.values[FEATURE].string_val


def with_word(stored: str, word: str) -> TextRow:
    return TextRow(text=f"{stored} {word}".strip(), event_time=NOW)


def test_a_silent_server_keeps_one_reader_waiting_for_a_moment(bank: Bank, valkey: ValkeyServer) -> None:
    passed_s = 0.0
    reader = OnlineFeatures(
        bank.repo, features_of(load_company(bank.folder)).schema, monotonic=lambda: time.monotonic() + passed_s
    )
    before = reader.read(str(FIRST_HOLDER), NOW)
    valkey.suspend()
    try:
        began_s = time.monotonic()
        silent = [reader.read(str(FIRST_HOLDER), NOW) for _ in range(20)]
        assert time.monotonic() - began_s < 4 * SILENT_S
    finally:
        valkey.resume()
    assert {v.status for reading in silent for v in reading.values.values()} == {FeatureStatus.UNAVAILABLE}
    passed_s = RETRY_S
    assert reader.read(str(FIRST_HOLDER), NOW) == before
    reader.close()


def test_the_company_s_own_time_limit_goes_before_ours(tmp_path: Path, valkey: ValkeyServer) -> None:
    store = redis_at(f"{valkey.connection_string()},socket_timeout=7")
    bank = make_bank(tmp_path / "bank", "INT64", store, wealth=None)
    opened = Connection.open(bank.repo)
    said = opened.config.online_store.connection_string.split(",")
    opened.close()
    assert [word for word in said if word.startswith("socket_timeout")] == ["socket_timeout=7"]
    assert f"socket_connect_timeout={SILENT_S}" in said


def test_what_another_writes_between_reading_and_writing_is_not_lost(connection: Connection, bank: Bank) -> None:
    other = Connection.open(bank.repo)
    read: list[str] = []

    def interrupted(stored: str) -> TextRow:
        read.append(stored)
        if len(read) == 1:
            cell_of(other, "1").change(lambda text: with_word(text, "theirs"))
        return with_word(stored, "ours")

    cell_of(connection, "1").change(interrupted)
    other.close()
    assert read == ["", "theirs"]
    assert text_of(connection, "1") == "theirs ours"


def test_feast_s_own_newer_push_goes_before_and_is_added_to(connection: Connection, bank: Bank) -> None:
    import pandas as pd

    row = pd.DataFrame({"holder_no": [2], "as_of": [NOW + timedelta(hours=1)], FEATURE: ["pushed"]})
    bank.store().push("incidents_push", row)
    cell_of(connection, "2").change(lambda text: with_word(text, "ours"))
    stored = connection.read(VIEW, "2")
    assert stored is not None
    assert (stored.values[FEATURE].string_val, stored.event_time) == ("pushed ours", NOW + timedelta(hours=1))


def test_a_row_lives_as_long_as_the_configuration_says(tmp_path: Path, valkey: ValkeyServer) -> None:
    place = valkey.connection_string()
    store = redis_at(place).replace("{", "{key_ttl_seconds: 600, ")
    bank = make_bank(tmp_path / "bank", "INT64", store, wealth=None, **push_views(tmp_path / "bank"))
    opened = Connection.open(bank.repo)
    cell_of(opened, "3").change(lambda text: with_word(text, "ours"))
    opened.close()
    with Redis(unix_socket_path=str(valkey.socket), db=int(place.rpartition("=")[2])) as client:
        (row,) = [name for name in client.scan_iter() if (3).to_bytes(8, "little") in name]
        assert 0 < client.execute_command("TTL", row) <= 600


@pytest.mark.slow
def test_a_client_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """As it is for who installed Rumbo alone."""
    (tmp_path / "feast").mkdir()
    (tmp_path / "feast" / "feature_store.yaml").write_text(configuration(online_store=redis_at("localhost:6379")))
    (tmp_path / "rumbo.yaml").write_text("company: mybank\ncustomer: {entity: holder}\n")
    without = "import sys; sys.modules['redis'] = None; from service.cli import main; main()"
    command = [sys.executable, "-c", without, "features", "check", "--company", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ), cwd=tmp_path)
    assert done.returncode == 1
    assert "feature_store.yaml needs the extra `redis` of rumbo: pip install 'rumbo[redis]'" in done.stderr
    assert "Traceback" not in done.stderr
