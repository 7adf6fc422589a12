"""No file that lies in a catalogue's folder ends the process, keeps it busy or leads it elsewhere: each is named.

A child reads them, with 2 GB and 30 s of CPU: what they do to a reader that is not careful is to be seen here too.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from features.documents.files import MAX_ENTRIES
from features.documents.nodes import MAX_BYTES, MAX_DEPTH, MAX_NODES
from service.catalogue.documents.patience import LoadEnded, Patience
from service.catalogue.documents.source import Reader
from service.catalogue.load import CatalogueFolder, CatalogueInvalid, load
from tests.unit.catalogue.check.test_check import TERMS, catalogue
from tests.unit.catalogue.confined import cases, checked, checked_and_loaded, confined, loaded

PIZZA = "journeys/pizza.yaml"
Spoil = Callable[[Path], object]


def written(text: str | bytes) -> Spoil:
    """In place of a journey."""
    content = text.encode() if isinstance(text, str) else text
    return lambda file: file.write_bytes(content)


def added(text: str) -> Spoil:
    """A twelfth field after those of a journey that is well, in line 20."""
    return lambda file: file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def in_place(text: str, other: str) -> Spoil:
    def replace(file: Path) -> None:
        content = file.read_text(encoding="utf-8")
        assert content.count(text) == 1
        file.write_text(content.replace(text, other), encoding="utf-8")

    return replace


def linked(target: str) -> Spoil:
    def link(file: Path) -> None:
        file.unlink()
        file.symlink_to(target)

    return link


def a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_socket(file: Path) -> None:
    file.unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(file.parent)  # a path to a socket is short
        try:
            listening.bind(file.name)
        finally:
            os.chdir(before)


def a_link_out(file: Path) -> None:
    outside = file.parents[2] / "outside.yaml"
    shutil.move(file, outside)
    file.symlink_to(outside)


def folder_out(file: Path) -> None:
    outside = file.parents[2] / "outside"
    shutil.move(file.parent, outside)
    file.parent.symlink_to(outside)


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
LADDER = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 10_000))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 30))
DEEP, MANY = f"nested more than {MAX_DEPTH} deep", f"more than {MAX_NODES} values"

SPOILT: dict[str, tuple[Spoil, str]] = {
    "200,000 brackets": (written("[" * 200_000), f"1:{MAX_DEPTH + 1}: error[FILE]: {DEEP}"),
    "200,000 braces": (written("{a: " * 60_000), f"1:{4 * MAX_DEPTH + 1}: error[FILE]: {DEEP}"),
    "100,000 dashes": (written("- " * 100_000), f"1:{2 * MAX_DEPTH + 1}: error[FILE]: {DEEP}"),
    "100,000 questions": (written("? " * 100_000), f"1:{2 * MAX_DEPTH + 1}: error[FILE]: {DEEP}"),
    "brackets behind a field": (added("never_with: " + "[" * 100_000), f"20:44: error[FILE]: {DEEP}"),
    "nested aliases": (written(LAUGHS), f"5:15: error[FILE]: {MANY}"),
    "a ladder of aliases": (written(LADDER), f"32:12: error[FILE]: {DEEP}"),
    "merges of merges": (written(MERGES), f"12:23: error[FILE]: {MANY}"),
    "a long text again and again": (
        written(f"a: &a {'x' * 200_000}\nb: [*a, *a]\n"),
        "2:5: error[FILE]: more than 256 kB of text",
    ),
    "an anchor in itself": (added("never_with: &a [*a]\n"), "20:17: error[FILE]: the anchor 'a' is within itself"),
    "an anchor in a mapping in itself": (written("a: &a {b: *a}\n"), "1:11: error[FILE]: the anchor 'a' is within"),
    "an anchor that is not": (added("never_with: *none\n"), "20:13: error[FILE]: not YAML: there is no anchor 'none'"),
    "20 MB": (written("# \n" * 7_000_000), "1:1: error[FILE]: larger than 256 kB"),
    "one byte too many": (written("#" * (MAX_BYTES + 1)), "1:1: error[FILE]: larger than 256 kB"),
    "a hole of a terabyte": (lambda file: os.truncate(file, 2**40), "1:1: error[FILE]: larger than 256 kB"),
    "100,000 values": (written("- a\n" * 60_000), f"{MAX_NODES}:3: error[FILE]: {MANY}"),
    "100,000 fields": (
        written("".join(f"{n}: 1\n" for n in range(25_000))),
        f"{MAX_NODES // 2}:7: error[FILE]: {MANY}",
    ),
    "a field of 200,000 characters": (written("? " + "k" * 200_000 + "\n: 1\n"), "1:3: error[FILE]: a key of more"),
    "a list as a field": (written("? [a]\n: 1\n"), "1:3: error[FILE]: not YAML as it is read here: a key is a text"),
    "20,000 directives": (written("%TAG !a! x\n" * 20_000 + "--- a\n"), "1:1: error[FILE]: directives (%)"),
    "an object of Python": (
        added("never_with: !!python/object/apply:os.abort []\n"),
        "20:13: error[FILE]: the tag !!python/object/apply:os.abort is not read",
    ),
    "a binary": (added("never_with: !!binary aGVscA==\n"), "20:13: error[FILE]: the tag !!binary is not read"),
    "a set": (added("never_with: !!set {help}\n"), "20:13: error[FILE]: the tag !!set is not read"),
    "a number by its tag": (in_place("tier: 4", 'tier: !!int "4"'), "5:7: error[FILE]: the tag !!int is not read"),
    "two documents": (added("---\njourney: other\n"), "20:1: error[FILE]: a file is one document: another begins"),
    "a merge of a text": (added("cooldown: {<<: 30d}\n"), "20:16: error[FILE]: not YAML: << merges mappings"),
    "UTF-16": (written("journey: pizza\n".encode("utf-16")), "1:1: error[FILE]: not UTF-8: the byte 0xff"),
    "Latin-1": (
        written("owner: x\ntitle: {es: año}\n".encode("latin-1")),
        "2:14: error[FILE]: not UTF-8: the byte 0xf1",
    ),
    "NUL": (added("owner\0: x\n"), "20:6: error[FILE]: not YAML: the character U+0000 is not allowed"),
    "a bell": (added('"\a": x\n'), "20:2: error[FILE]: not YAML: the character U+0007 is not allowed"),
    "half a character": (
        added('"\\ud83d": x\n'),
        "20:4: error[FILE]: not YAML: this escape between double quotes is no character",
    ),
    "a tab before a field": (added("\tnever_with: []\n"), "20:1: error[FILE]: not YAML"),
    "nothing": (written(""), "1:1: error[FORM]"),
    "a number alone": (written("7"), "1:1: error[FORM]"),
    "cut while it is written": (in_place(', expects: "bakes it well"}\n', ""), "error[FILE]: not YAML"),
    "a FIFO": (a_fifo, "1:1: error[FILE]: no regular file"),
    "a folder": (a_folder, "1:1: error[FILE]: no regular file"),
    "a socket": (a_socket, "1:1: error[FILE]: no regular file"),
    "a link to a device": (linked("/dev/zero"), "1:1: error[FILE]: a link that leads out of"),
    "a link to a process": (linked("/proc/self/environ"), "1:1: error[FILE]: a link that leads out of"),
    "a link to a file elsewhere": (a_link_out, "1:1: error[FILE]: a link that leads out of"),
    "a link to nothing": (linked("nowhere.yaml"), "1:1: error[FILE]: a link to what is not there"),
    "a link to itself": (linked("pizza.yaml"), "1:1: error[FILE]: cannot be read"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return catalogue(tmp_path / "catalogue", {}, {})


@pytest.mark.parametrize("name", SPOILT)
def test_hostile_file_is_named_where_it_is_wrong_and_never_served(name: str, folder: Path) -> None:
    spoil, says = SPOILT[name]
    spoil(folder / PIZZA)
    found = confined(checked_and_loaded, folder)
    assert any(line.startswith(PIZZA) and says in line for line in found), found
    assert any(fault.startswith(f"{PIZZA}: ") for fault in found), found


@pytest.mark.parametrize("name", ["200,000 brackets", "nested aliases", "20 MB", "a FIFO", "a link to a device"])
def test_policies_and_cases_are_read_with_the_same_care(name: str, folder: Path) -> None:
    spoil, says = SPOILT[name]
    spoil(folder / "policies.yaml")
    assert any(line.startswith("policies.yaml:") and says in line for line in confined(checked, folder))
    (folder / "cases").mkdir()
    (folder / "cases" / "night.yaml").write_text("cases: []\n", encoding="utf-8")
    spoil(folder / "cases" / "night.yaml")
    (fault,) = confined(cases, folder)
    assert fault.startswith("cases/night.yaml:")


def test_folder_of_journeys_that_lies_elsewhere_is_not_read(folder: Path) -> None:
    outside = folder.parent / "outside"
    shutil.move(folder / "journeys", outside)
    (folder / "journeys").symlink_to(outside)
    assert confined(checked, folder) == [
        "journeys:1:1: error[FILE]: a link that leads out of its folder",
    ]


@pytest.mark.slow
def test_far_too_many_files_are_not_read_at_all(folder: Path) -> None:
    for number in range(MAX_ENTRIES):
        (folder / "journeys" / f"{number}.yaml").touch()
    assert confined(checked, folder) == [f"journeys:1:1: error[FILE]: more than {MAX_ENTRIES} files"]


def test_far_too_much_is_not_read_at_all(folder: Path) -> None:
    for number in range(70):
        (folder / "journeys" / f"{number}.yaml").write_text("#" * MAX_BYTES, encoding="utf-8")
    assert confined(checked, folder) == ["journeys:1:1: error[FILE]: more than 16 MB in all"]


def test_very_many_faults_of_a_file_are_told_by_the_first_and_their_number(folder: Path) -> None:
    (folder / PIZZA).write_text("".join(f"field_{n}: 1\n" for n in range(5_000)), encoding="utf-8")
    told = confined(loaded, folder)
    assert len(told) == 101
    assert told[-1] == f"{PIZZA}: and 4907 more faults of form"  # 5,000 unknown and 7 missing fields, less 100


def test_file_whose_name_cannot_be_written_is_named_all_the_same(folder: Path) -> None:
    (folder / "journeys" / "a\nb.yaml").touch()
    (folder / os.fsdecode(b"journeys/\xff.yaml")).touch()
    assert confined(checked, folder) == [
        r"journeys/\udcff.yaml:1:1: error[FILE]: a name that cannot be printed",
        r"journeys/a\nb.yaml:1:1: error[FILE]: a name that cannot be printed",
    ]


def test_catalogue_that_is_mounted_as_a_config_map_is_read(folder: Path, tmp_path: Path) -> None:
    """Kubernetes puts the files into a folder of their own within the mount, and swaps a link to it."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    shutil.copytree(folder, mounted / "..2026_11_29_06_51_00.123")
    (mounted / "..data").symlink_to("..2026_11_29_06_51_00.123")
    (mounted / "policies.yaml").symlink_to("..data/policies.yaml")
    (mounted / "journeys").symlink_to("..data/journeys")
    assert loaded(mounted) == []
    (tmp_path / "linked").symlink_to(mounted)
    assert loaded(tmp_path / "linked") == []


def test_journeys_mounted_file_by_file_are_read(folder: Path) -> None:
    data = folder / "journeys" / "..2026"
    data.mkdir()
    for file in list((folder / "journeys").glob("*.yaml")):
        file.rename(data / file.name)
        file.symlink_to(f"..data/{file.name}")
    (folder / "journeys" / "..data").symlink_to("..2026")
    assert loaded(folder) == []


@pytest.mark.parametrize("name", [".#pizza.yaml", "._pizza.yaml", ".pizza.yaml.swp", ".git", ".yaml", "..data.yaml"])
def test_what_begins_with_a_dot_is_no_journey_and_no_case(name: str, folder: Path) -> None:
    """An editor's lock (a link to nothing), the shadow of a file on another system, a swap file."""
    (folder / "cases").mkdir()
    (folder / "cases" / "night.yaml").write_text("cases: []\n", encoding="utf-8")
    before = Reader(folder).stamp()
    for kind in ("journeys", "cases"):
        (folder / kind / name).write_bytes(b"\x00\x05\x16\x07")
        (folder / kind / f"{name}.yaml").symlink_to("me@host.1234:5678")
    assert loaded(folder) == []
    assert cases(folder) == []
    assert Reader(folder).stamp() == before


@pytest.mark.parametrize("name", ["pizza.yaml~", "#pizza.yaml#", "pizza.yaml.swp", "pizza.yaml.orig", "README.md"])
def test_what_an_editor_leaves_behind_is_no_journey(name: str, folder: Path) -> None:
    (folder / "journeys" / name).write_text("journey: [", encoding="utf-8")
    assert loaded(folder) == []


def test_lines_may_end_and_begin_as_on_any_system(folder: Path) -> None:
    text = (folder / PIZZA).read_text(encoding="utf-8")
    (folder / PIZZA).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert loaded(folder) == []


def test_anchors_aliases_and_merges_mean_what_they_do_elsewhere(folder: Path) -> None:
    """The fields of a merge give way to a mapping's own."""
    text = (folder / PIZZA).read_text(encoding="utf-8")
    text = text.replace("{id: pizza-email, channels: [email],", "&email {id: pizza-email, channels: &by [email],")
    text = text.replace("channels: [app]", "<<: *email, channels: [app]").replace(", placements: [home]", "")
    (folder / PIZZA).write_text(text, encoding="utf-8")
    journey = next(j for j in load(folder, TERMS).document.journeys if j.journey == "pizza")
    tip = journey.stages[1].actions[0]
    assert (tip.id, tip.channels, tip.tone, tip.offer) == ("pizza-tip", ("app",), "light", True)


def test_good_file_is_loaded_after_a_hostile_one(folder: Path) -> None:
    own = CatalogueFolder(folder, TERMS)
    good, text = own.load(), (folder / PIZZA).read_bytes()
    for spoil, _ in (SPOILT["200,000 brackets"], SPOILT["nested aliases"], SPOILT["a FIFO"]):
        spoil(folder / PIZZA)
        with pytest.raises(CatalogueInvalid):
            own.load()
        (folder / PIZZA).unlink()
        (folder / PIZZA).write_bytes(text)
        assert own.load() is good


def test_load_ends_when_it_is_told_to_and_the_next_one_is_whole(folder: Path) -> None:
    patience, own = Patience(), CatalogueFolder(folder, TERMS)
    patience.end()
    with pytest.raises(LoadEnded, match="ended"):
        own.load(patience)
    assert len(own.load().document.journeys) == 2


def test_load_that_takes_too_long_ends_between_two_conditions(folder: Path) -> None:
    """By a clock that goes a minute with each look."""
    looks = iter(range(10_000))
    patience = Patience(within_s=240, clock=lambda: 60.0 * next(looks))
    with pytest.raises(LoadEnded, match="not loaded within 240 s"):
        CatalogueFolder(folder, TERMS).load(patience)
