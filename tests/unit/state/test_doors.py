"""What is exact only if one module writes it is written by that module alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import service.state

STATE = Path(service.state.__path__[0])
DOOR = STATE / "rows" / "contacts.py"
WRITES = re.compile(r"""(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+contacts\b|table=.contacts\b""")


def test_contacts_change_through_one_door() -> None:
    assert WRITES.search(DOOR.read_text(encoding="utf-8"))
    sources = [file for file in STATE.parent.rglob("*.py") if file != DOOR and "migrations" not in file.parts]
    assert len(sources) > 100
    assert [str(file) for file in sources if WRITES.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "text",
    [
        'Sql("UPDATE contacts SET state = ?")',
        '"INSERT INTO contacts (a)"',
        '"DELETE FROM contacts"',
        'PastRows(table="contacts")',
    ],
)
def test_a_write_beside_the_door_is_seen(text: str) -> None:
    assert WRITES.search(text)
