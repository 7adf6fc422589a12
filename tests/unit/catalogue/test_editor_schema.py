"""The schemas that editors complete the YAML by: committed, up to date, and named by every example file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.catalogue.documents.editor_schema import FOLDER, FORMS, json_schema, write, written
from tests.example import EXAMPLE

FILES = {
    EXAMPLE.parent / "rumbo.yaml": "rumbo.json",
    EXAMPLE.parent / "features.yaml": "features.json",
    EXAMPLE / "policies.yaml": "policies.json",
    **dict.fromkeys((EXAMPLE / "journeys").glob("*.yaml"), "journey.json"),
    **dict.fromkeys((EXAMPLE / "cases").glob("*.yaml"), "cases.json"),
}
"""Of the example, by the form that they have."""


@pytest.mark.parametrize("name", FORMS)
def test_committed_schema_is_that_of_the_code(name: str) -> None:
    """If it is not: `rumbo catalogue schema`."""
    assert (FOLDER / name).read_text(encoding="utf-8") == written(name)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_example_file_names_its_schema(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert named is not None
    assert (file.parent / named[1]).resolve() == FOLDER / FILES[file]


def test_fields_go_by_the_names_that_the_files_use() -> None:
    definitions = json_schema("journey.json")["$defs"]
    assert set(definitions["ValidDocument"]["properties"]) == {"from", "until"}
    assert set(definitions["CooldownDocument"]["properties"]) == {
        "REJECTED",
        "ACCEPTED",
        "CONVERTED",
        "ignored",
        "also",
    }
    assert set(json_schema("policies.json")["$defs"]["QuietDocument"]["properties"]) >= {"from", "to", "holidays"}


def test_durations_are_written_as_the_files_write_them() -> None:
    contact = json_schema("journey.json")["$defs"]["CapDocument"]["properties"]["per"]
    assert re.fullmatch(contact["pattern"], "7d")
    assert re.fullmatch(contact["pattern"], "month")
    assert not re.fullmatch(contact["pattern"], "1 week")


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    assert sorted(file.name for file in write(tmp_path)) == sorted(FORMS)
    assert list(write(tmp_path)) == []
    (tmp_path / "journey.json").write_text("{}", encoding="utf-8")
    assert [file.name for file in write(tmp_path)] == ["journey.json"]


def _fields(schema: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every field of a schema with the path to it, those of its definitions among them."""
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            yield f"{where}.{name}", field
        for name, part in schema.items():
            yield from _fields(part, where if name in ("properties", "$defs", "items", "anyOf") else f"{where}.{name}")
    elif isinstance(schema, list):
        for part in schema:
            yield from _fields(part, where)


@pytest.mark.parametrize("name", FORMS)
def test_every_field_says_what_it_is(name: str) -> None:
    """By itself, or by the part that it refers to: an editor shows either."""
    schema = json_schema(name)
    fields = list(_fields(schema, ""))
    parts = {f"#/$defs/{part}": form for part, form in schema.get("$defs", {}).items()}
    told = {where: field.get("description") or parts[field["$ref"]].get("description", "") for where, field in fields}
    assert len(told) >= 7
    assert [where for where, text in told.items() if not text.strip().endswith(".")] == []


@pytest.mark.parametrize("name", FORMS)
def test_every_part_says_what_it_is(name: str) -> None:
    schema = json_schema(name)
    parts = {name: schema, **{part: form for part, form in schema.get("$defs", {}).items() if "enum" not in form}}
    assert [part for part, form in parts.items() if not form.get("description")] == []
