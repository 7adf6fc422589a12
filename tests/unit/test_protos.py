"""The wire contract: generated code is current, and everything in it says what it means."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

PROTOS = Path(__file__).resolve().parents[2] / "protos"

# Field numbers in descriptor.proto: how a source location addresses what it comments.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 4, 5, 6
MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM, MESSAGE_ONEOF = 2, 3, 4, 8
ENUM_VALUE, SERVICE_METHOD = 2, 2

Address = tuple[int, ...]


def load_generate() -> ModuleType:
    """The script protos/generate.py as a module; `protos` is no package."""
    spec = importlib.util.spec_from_file_location("generate", PROTOS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generate()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    target = tmp_path_factory.mktemp("descriptors") / "all.binpb"
    generate.run_protoc("--include_source_info", f"--descriptor_set_out={target}")
    return list(FileDescriptorSet.FromString(target.read_bytes()).file)


def in_enum(enum: EnumDescriptorProto, at: Address) -> Iterator[tuple[Address, str]]:
    yield at, enum.name
    for index, value in enumerate(enum.value):
        yield (*at, ENUM_VALUE, index), value.name


def in_service(service: ServiceDescriptorProto, at: Address) -> Iterator[tuple[Address, str]]:
    yield at, service.name
    for index, method in enumerate(service.method):
        yield (*at, SERVICE_METHOD, index), f"{service.name}.{method.name}"


def in_message(message: DescriptorProto, at: Address) -> Iterator[tuple[Address, str]]:
    """Map entries and the oneofs of `optional` fields are protoc's own: nobody wrote them, nobody comments them."""
    yield at, message.name
    synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
    for index, field in enumerate(message.field):
        yield (*at, MESSAGE_FIELD, index), f"{message.name}.{field.name}"
    for index, oneof in enumerate(message.oneof_decl):
        if index not in synthetic:
            yield (*at, MESSAGE_ONEOF, index), f"{message.name}.{oneof.name}"
    for index, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from in_message(nested, (*at, MESSAGE_NESTED, index))
    for index, enum in enumerate(message.enum_type):
        yield from in_enum(enum, (*at, MESSAGE_ENUM, index))


def in_file(file: FileDescriptorProto) -> Iterator[tuple[Address, str]]:
    for index, message in enumerate(file.message_type):
        yield from in_message(message, (FILE_MESSAGE, index))
    for index, enum in enumerate(file.enum_type):
        yield from in_enum(enum, (FILE_ENUM, index))
    for index, service in enumerate(file.service):
        yield from in_service(service, (FILE_SERVICE, index))


def without_comment(file: FileDescriptorProto) -> list[str]:
    comments = {tuple(place.path): place.leading_comments.strip() for place in file.source_code_info.location}
    return [name for address, name in in_file(file) if not comments.get(address)]


def test_every_message_field_value_and_rpc_has_a_comment(files: list[FileDescriptorProto]) -> None:
    assert {file.name: missing for file in files if (missing := without_comment(file))} == {}


def test_a_missing_comment_is_noticed(tmp_path: Path) -> None:
    """Guards the test above: it must be able to fail."""
    source = tmp_path / "bare.proto"
    source.write_text('syntax = "proto3";\n// Said.\nmessage Bare {\n  optional int32 bare = 1;\n}\n', encoding="utf-8")
    target = tmp_path / "bare.binpb"
    generate.run_protoc(
        f"-I{tmp_path}", "--include_source_info", f"--descriptor_set_out={target}", files=["bare.proto"]
    )
    (file,) = FileDescriptorSet.FromString(target.read_bytes()).file
    assert without_comment(file) == ["Bare.bare"]


def test_every_enum_starts_with_unspecified(files: list[FileDescriptorProto]) -> None:
    first = [(enum.value[0].number, enum.value[0].name) for file in files for enum in file.enum_type]
    assert first
    assert [value for value in first if value[0] != 0 or not value[1].endswith("_UNSPECIFIED")] == []


def test_committed_code_is_what_the_protos_generate(capfd: pytest.CaptureFixture[str]) -> None:
    status = generate.main(["--check"])
    assert (status, capfd.readouterr().out) == (0, "")


def test_drift_names_changed_missing_and_left_over_files(tmp_path: Path) -> None:
    fresh, committed = tmp_path / "fresh", tmp_path / "committed"
    for folder, names in ((fresh, "abc"), (committed, "abd")):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(f"{name} {folder.name if name == 'b' else ''}", encoding="utf-8")
    assert generate.drift(fresh, committed) == ["b", "c", "d"]


def test_a_check_that_finds_drift_exits_1_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "proto_files", lambda: ["rumbo/decision/v1/value.proto"])
    assert generate.main(["--check"]) == 1
    assert "out of date: protos/gen/rumbo/decision/v1/decision_pb2.py" in capsys.readouterr().out
    assert (PROTOS / "gen/rumbo/decision/v1/decision_pb2.py").exists()


def test_the_service_has_the_four_calls_of_the_contract() -> None:
    from rumbo.decision.v1 import service_pb2

    methods = service_pb2.DESCRIPTOR.services_by_name["DecisionService"].methods
    assert {(m.name, m.input_type.name, m.output_type.name) for m in methods} == {
        (name, f"{name}Request", f"{name}Response")
        for name in ("Decide", "RecordEvents", "RecordOutcomes", "GetDecision")
    }


def breaking(root: Path) -> tuple[int, str]:
    """What the `buf breaking` of `make check` says of the protos below `root`: its exit status and its words."""
    makefile = (PROTOS.parent / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ncheck-protos:")[2].partition("\n\n")[0]
    (arguments,) = re.findall(r"^\t\$\(BIN\)/buf (breaking .*)$", recipe, re.MULTILINE)
    buf = Path(sys.executable).with_name("buf")
    ran = subprocess.run([buf, *arguments.split()], cwd=root, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def with_outcomes(root: Path, written: str, instead: str) -> Path:
    """A copy of the protos below `root`, with something else in place of what is written of outcomes."""
    shutil.copytree(PROTOS, root / "protos")
    file = root / "protos/rumbo/decision/v1/outcomes.proto"
    text = file.read_text(encoding="utf-8")
    assert text.count(written) == 1
    file.write_text(text.replace(written, instead), encoding="utf-8")
    return root


def test_the_protos_break_nobody_who_has_those_of_the_last_release() -> None:
    assert breaking(PROTOS.parent) == (0, "")


def test_a_field_that_is_new_breaks_nobody(tmp_path: Path) -> None:
    added = with_outcomes(tmp_path, "bool late = 4;", "bool late = 4;\n  string another = 1000;")
    assert breaking(added) == (0, "")


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        pytest.param("string journey_id = 3;", "string journey_id = 30;", id="renumbered"),
        pytest.param("optional double value = 5;", "", id="removed"),
        pytest.param("optional double value = 5;", 'reserved 5;\n  reserved "value";', id="removed and reserved"),
        pytest.param("bool late = 4;", "string late = 4;", id="of another type"),
        pytest.param("bool late = 4;", "bool was_late = 4;", id="under another name"),
        pytest.param("OUTCOME_TYPE_CES = 8;", "OUTCOME_TYPE_CES = 9;", id="a value renumbered"),
    ],
)
def test_what_breaks_a_caller_fails_the_check_and_is_named(tmp_path: Path, written: str, instead: str) -> None:
    status, said = breaking(with_outcomes(tmp_path, written, instead))
    assert status != 0
    assert "protos/rumbo/decision/v1/outcomes.proto" in said
