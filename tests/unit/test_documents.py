"""What the documents name is there, and what they list is all."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from google.protobuf.descriptor import Descriptor
from prometheus_client import CollectorRegistry

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2
from service.bootstrap.workers.metrics import WorkerMetrics
from service.cli import main
from service.commands.variables import BESIDE_SETTINGS
from service.decision import constraints
from service.decision.constraints.registry import BINDERS, NEVER_BYPASSED
from service.decision.reports.events import NOT_OF_TYPE
from service.metrics import Metrics
from service.settings import Settings
from service.state.upkeep.retention import Retention, RetentionTooShort
from service.wire.status import STATUS
from tests.documents import (
    CONTRIBUTING,
    DOCUMENTS,
    GUIDES,
    README,
    ROOT,
    blocks,
    faults_of,
    links,
    name_of,
    prose,
    read,
    rows,
    section,
)
from training.study.subject import VARIABLES as OF_NOTEBOOKS

OWNER, CHANNEL, OPERATOR = GUIDES / "journey-owner.md", GUIDES / "channel-engineer.md", GUIDES / "operator.md"
CONSTRAINT = constraints.__doc__ or ""
WITH_COMMANDS = [document for document in DOCUMENTS if document.name != "CHANGELOG.md"]
MOST_LINES = 150
OF_PROOFS = ("LOOP_FIGURES",)
"""Read by proofs alone: where they leave what they found."""


def listed() -> list[str]:
    """The codes of the owner's table of constraints."""
    return [cells[0].strip("`") for cells in rows(section(OWNER, "Constraints"))]


def test_guide_lists_every_constraint_in_the_order_in_which_their_reasons_are_told() -> None:
    assert listed() == list(BINDERS)


def test_the_first_second_and_fourth_constraint_of_the_table_are_those_that_nothing_bypasses() -> None:
    assert "never the first, second and fourth of this table" in " ".join(read(OWNER).split())
    assert {listed()[0], listed()[1], listed()[3]} == NEVER_BYPASSED


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)+(?:\.py)?)`", CONSTRAINT))))
def test_file_that_the_guide_to_constraints_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_]+\.py)`", CONSTRAINT))))
def test_file_beside_the_guide_is_there(name: str) -> None:
    assert (Path(constraints.__file__).parent / name).exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_link_of_a_document_leads_somewhere(document: Path) -> None:
    assert faults_of(document) == []


def test_links_are_found_in_texts_pictures_and_tables() -> None:
    """Guards the test above: it must be able to fail."""
    found = set(links(README))
    assert {"service/guides/operator.md", "service/wire/answers.py", "LICENSE"} <= found
    assert [link for link in links(CONTRIBUTING) if "#" in link]


@pytest.mark.parametrize("link", ["nothing.md", "#nowhere", "README.md#nowhere", "service/cli.py#main", "../outside"])
def test_a_link_that_leads_nowhere_is_found(link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "README.md"
    document.write_text(f"# Here\n\n[there]({link}) and [here](#here)\n", encoding="utf-8")
    monkeypatch.setattr("tests.documents.ROOT", tmp_path)
    assert faults_of(document) == [link]


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.name != "CHANGELOG.md"], ids=name_of)
def test_path_that_a_document_names_is_there(document: Path) -> None:
    rooms = "features|models|protos|service|tests|training"
    named = set(re.findall(rf"`((?:{rooms})/[\w./-]+)`", prose(document)))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.fixture(scope="module")
def words_of_the_code() -> set[str]:
    files = [file for room in ("features", "service", "tests") for file in (ROOT / room).rglob("*.py")]
    here = Path(__file__).name
    return {
        word for file in files if file.name != here for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=name_of)
def test_name_of_the_code_that_a_document_writes_is_in_the_code(document: Path, words_of_the_code: set[str]) -> None:
    """Such as `Session`, `Plan.slate` or `STORES`; variables of the environment are looked up among the settings."""
    named = re.findall(r"`((?!RUMBO_)[A-Z]\w*(?:\.\w+)*)`", prose(document))
    assert [name for name in named if not words_of_the_code.issuperset(name.split("."))] == []


def test_the_front_page_is_read_at_one_sitting() -> None:
    assert len(read(README).splitlines()) <= MOST_LINES


def test_the_front_page_leads_to_every_guide() -> None:
    assert {ROOT / link for link in links(README)} >= set(GUIDES.glob("*.md"))


def written_commands(document: Path) -> Iterator[list[str]]:
    """The words of every command `rumbo …` that stands in a document, `rumbo` left out."""
    lines = re.findall(r"`([^`\n]+)`", prose(document))
    lines += [
        line.removeprefix("$ ")
        for name in ("console", "sh")
        for code in blocks(document, name)
        for line in code.splitlines()
    ]
    for line in lines:
        if found := re.match(r"(?:\.venv/bin/)?rumbo((?: [^ ]+)+)$", line.replace("[", "").replace("]", "")):
            yield found[1].split()


def unknown_words(words: list[str]) -> list[str]:
    """What of a command is neither a command nor an option of it."""
    command: click.Command = main
    context = click.Context(main)
    while words and isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            return [name] if name[0].isalpha() and name != "…" else []
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("--") and word not in options | {"--help"}]


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=name_of)
def test_command_that_a_document_names_is_there_with_its_options(document: Path) -> None:
    assert [words for words in written_commands(document) if unknown_words(words)] == []


def test_a_command_or_option_that_is_not_there_is_found() -> None:
    assert unknown_words(["state", "mend"]) == ["mend"]
    assert unknown_words(["state", "prune", "--gently", "--force"]) == ["--gently"]
    assert len(list(written_commands(OPERATOR))) > 10


@pytest.mark.parametrize("name", sorted(main.list_commands(click.Context(main))))
def test_every_command_stands_in_a_guide_or_the_readme(name: str) -> None:
    """`make demo` runs the three that prepare the example."""
    if name not in ("demo", "seed", "train", "prepare", "features"):
        assert name in {words[0] for d in (README, *GUIDES.glob("*.md")) for words in written_commands(d)}


def test_every_setting_stands_in_the_operators_table_with_its_default() -> None:
    told = {cells[0].strip("`"): cells[1].strip("`") for cells in rows(section(OPERATOR, "To start"))}
    assert told.keys() == {f"RUMBO_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        variable = f"RUMBO_{name.upper()}"
        assert told[variable] == default_text(field.default)


def default_text(default: object) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_variable_that_a_document_names_is_a_setting(document: Path) -> None:
    known = {f"RUMBO_{name.upper()}" for name in (*Settings.model_fields, *BESIDE_SETTINGS, *OF_NOTEBOOKS, *OF_PROOFS)}
    assert set(re.findall(r"RUMBO_[A-Z_]*[A-Z](?![A-Z_…])", read(document))) <= known


def test_the_table_of_retention_tells_what_is_kept_and_what_is_the_least() -> None:
    told = {cells[3].strip("`"): (days(cells[1]), days(cells[2])) for cells in rows(section(OPERATOR, "Retention"))}
    tables = {f"RUMBO_KEEP_{table.upper()}_DAYS": table for table in Retention.__dataclass_fields__}
    assert told.keys() == tables.keys()
    for variable, (kept, least) in told.items():
        assert getattr(Retention(), tables[variable]) == kept
        Retention(**{**shortest(), tables[variable]: least})
        with pytest.raises(RetentionTooShort):
            Retention(**{**shortest(), tables[variable]: least - timedelta(days=1)})


def days(cell: str) -> timedelta:
    """Of `400 days, and as long as decisions`: the number."""
    return timedelta(days=int(cell.split()[0]))


def shortest() -> dict[str, timedelta]:
    """Decisions as short as can be, for contacts and outcomes are kept as long as they are."""
    return {"decisions": timedelta(days=7)}


def test_every_metric_stands_in_the_operators_table(tmp_path: Path) -> None:
    registry = Metrics().registry
    assert isinstance(registry, CollectorRegistry)
    served = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in (*registry.collect(), *WorkerMetrics(tmp_path).registry.collect())
        if family.name.startswith("rumbo_")
    }
    assert {cells[0].strip("`") for cells in rows(section(OPERATOR, "Health"))} == served


def errors_of_calls() -> dict[str, set[str]]:
    """The reasons of the channel engineer's table, by status."""
    told: dict[str, set[str]] = {}
    for status, reasons, *_ in rows(section(CHANNEL, "What a caller may be told")):
        if re.fullmatch("[A-Z_]+", status):
            told.setdefault(status, set()).update(re.findall(r"`([A-Z_]+)`", reasons))
    return told


def codes_in(pattern: str, *places: str) -> set[str]:
    """What a pattern finds in the sources of a file or folder of the service."""
    files = [file for place in places for file in [ROOT / "service" / place, *(ROOT / "service" / place).glob("*.py")]]
    return {code for file in files if file.is_file() for code in re.findall(pattern, file.read_text(encoding="utf-8"))}


OF_CALLS = {"MALFORMED", "TOO_MANY"}
"""Raised with a reason that is not written beside it."""
OF_ROWS = {"UNKNOWN_TYPE"}
"""Raised of a row, which is REJECTED with it."""


def test_every_error_of_a_call_stands_in_the_table_under_its_status() -> None:
    raised = codes_in(r'RequestInvalid\(\s*[^,]+, "([A-Z_]+)"', "wire", "application")
    expected = {code.name: set[str]() for code, _ in STATUS.values()}
    for code, reason in STATUS.values():
        expected[code.name] |= {reason} if reason else raised - OF_ROWS | OF_CALLS
    assert errors_of_calls() == expected


def test_every_code_of_a_rejected_row_stands_in_the_table() -> None:
    told = {code for cells in rows(section(CHANNEL, "What a caller may be told")) for code in codes_of_row(cells)}
    places = ("decision/reports", "state/rows", "wire/requests.py")
    raised = codes_in(r'code="([A-Z_]+)"', *places) | {"NOT_RANKED", "UNKNOWN_DECISION"}
    raised |= codes_in(r'RequestInvalid\("(?:occurred_at|type)", "([A-Z_]+)"', "wire/requests.py")
    raised |= set(NOT_OF_TYPE.values())
    assert told == raised


def test_every_code_of_a_file_of_events_stands_in_its_table() -> None:
    told = {code for cells in rows(section(CHANNEL, "Events from a file")) for code in codes_of_row(cells)}
    assert told == codes_in(r'(?:code ?= ?|else )"([A-Z0-9_]+)"', "application/bulk")


def codes_of_row(cells: list[str]) -> list[str]:
    """Of a row of the second table, which begins with codes; none of the first."""
    return re.findall(r"`([A-Z][A-Z0-9_]*)`", cells[0])


def test_the_rooms_of_the_service_stand_in_the_order_of_the_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["service"])
    cells = [re.findall(r"\[`(\w+)`\]\(\.\./service", row[0]) for row in rows(section(CONTRIBUTING, "The rooms"))]
    assert cells[-len(layers) :] == [re.findall(r"\w+", layer) for layer in layers]


def test_words_stand_in_their_order_each_once_on_a_line() -> None:
    words = [row[0] for row in rows(section(CONTRIBUTING, "Words"))]
    assert words == sorted(set(words))
    assert len(words) > 50


def fields_of(message: Descriptor) -> set[str]:
    """The names of its fields and of theirs; a message within itself there is none."""
    within = [field.message_type for field in message.fields if field.message_type is not None]
    return {field.name for field in message.fields}.union(*map(fields_of, within))


def test_what_the_example_for_node_names_is_in_the_contract() -> None:
    """It is not run here, for it needs packages of another language."""
    (code,) = blocks(CHANNEL, "javascript")
    modules = (decision_pb2, events_pb2, outcomes_pb2, record_pb2)
    known = {n for m in modules for d in m.DESCRIPTOR.message_types_by_name.values() for n in fields_of(d)}
    assert set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", code)) - {"service_config"} <= known
    (types,) = outcomes_pb2.DESCRIPTOR.enum_types_by_name.values()
    assert set(re.findall(r"OUTCOME_TYPE_\w+", code)) <= set(types.values_by_name)
