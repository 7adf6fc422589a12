"""The guide to a company of one's own is run as it stands: commands in their order, files where it says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.companies.bank import make_bank
from tests.documents import GUIDES, read
from tests.e2e.test_command_line import END_S, address_of, process
from tests.e2e.test_second_company import hashes

GUIDE = GUIDES / "your-company.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Reader:
    """Somebody who does what the guide says. `said`: what each command printed, in their order."""

    def __init__(self, place: Path, opened: ExitStack) -> None:
        self.place = place
        self.said: list[tuple[str, str]] = []
        self._opened = opened
        self.address = ""

    def follow(self, text: str) -> None:
        """What stands under some headings."""
        for kind, code in BLOCK.findall(text):
            if kind == "console":
                for line in code.splitlines():
                    self.run(line.removeprefix("$ "))
            elif kind == "csv":
                (name,) = re.findall(r"`(\w+\.csv)`", text[: text.index(code)])[-1:]
                (self.place / name).write_text(code, encoding="utf-8")
            else:
                put(self.place, code)

    def run(self, line: str) -> None:
        program, *arguments = shlex.split(line)
        if program == "cd":
            self.place = self.place / arguments[0]
            return
        assert program == "rumbo", line
        if arguments == ["serve"]:
            self._serve()
            return
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.place)
            patch.setenv("RUMBO_PORT", "0")
            if self.address:
                patch.setenv("RUMBO_ADDRESS", self.address)
            result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (line, result.output, result.exception)
        self.said.append((line, result.output))

    def _serve(self) -> None:
        """In the terminal of its own, where it runs until it is ended, as when it is started anew."""
        self._opened.close()
        serving = self._opened.enter_context(process("serve", "--company", str(self.place), PORT="0"))
        self._opened.callback(serving.wait, END_S)
        self._opened.callback(serving.send_signal, signal.SIGTERM)
        self.address = address_of(serving)


def put(folder: Path, code: str) -> None:
    """A file that its first line names; what is there under the same keys gives way, and the rest stays."""
    named, _, text = code.partition("\n")
    file = folder / named.removeprefix("# ")
    sections = re.findall(r"^\w[^\n]*\n(?:[ #-][^\n]*\n)*", text, re.MULTILINE)
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    for section in sections if file.exists() else ():
        key = section.partition(":")[0]
        kept = re.sub(rf"^{key}:[^\n]*\n(?: [^\n]*\n)*", "", kept, flags=re.MULTILINE)
    file.write_text(kept + text, encoding="utf-8")


def part(first: str, after: str = "") -> str:
    """The guide from one heading up to another."""
    text = read(GUIDE)
    return text[text.index(f"## {first}\n") : text.index(f"## {after}\n") if after else None]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository `feast`, whose facts are of today."""
    place = tmp_path_factory.mktemp("guide")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.companies.bank.NOW", datetime.now(UTC))
        bank = make_bank(place / "bank")
    shutil.move(bank.repo, place / "feast")
    return place


@pytest.fixture
def reader(place: Path) -> Iterator[Reader]:
    with ExitStack() as opened:
        yield Reader(place, opened)


def ranked(said: str) -> list[str]:
    """The journeys in the first table of an answer."""
    return re.findall(r"^│ +\d+ │ ([a-z-]+)", said, re.MULTILINE)


def test_the_guide_ends_in_the_decisions_that_it_tells_of(reader: Reader, place: Path) -> None:
    before, begun = hashes(place / "feast"), monotonic()
    reader.follow(part("Begin", "Bring a Feast repository"))
    assert monotonic() - begun < 300
    first, second = [said for line, said in reader.said if " decide " in line]
    assert ranked(first) == ["how-can-we-help"]
    assert "CONSENT_MISSING" in first
    assert ranked(second) == ["first-offer", "how-can-we-help"]

    reader.said.clear()
    reader.follow(part("Bring a Feast repository", "Add an event type"))
    assert "customer.account_days" in reader.said[-1][1]
    assert re.search(r"customer\.card_rating .* 99\.5%", reader.said[-1][1])
    assert "EUR" in reader.said[0][1]

    reader.said.clear()
    reader.follow(part("Add an event type", "Let features tell of incidents"))
    said = dict(reader.said)
    assert "0 errors, 0 warnings" in said["rumbo catalogue check"]
    assert "15 of 15 cases met" in said["rumbo catalogue test"]
    assert ranked(reader.said[-1][1]) == ["renewal-thanks", "first-offer", "how-can-we-help"]
    port = reader.address.rpartition(":")[2]
    reader.run(f"rumbo doctor --port {port}")
    assert f"a service answers at {reader.address}" in reader.said[-1][1]
    assert "marketing on app 1" in reader.said[-1][1]

    (place / "claims.csv").write_text(
        "customer_id,source,type,occurred_at,incident_id\n100005,core,claim.opened,2025-11-04T10:00:00Z,c-1\n"
    )
    reader.run(f"rumbo events load {place / 'claims.csv'}")
    reader.run("rumbo decide --customer 100005 --channel app --json")
    answer = json.loads(reader.said[-1][1])
    assert [journey["journey_id"] for journey in answer["ranked"]] == ["how-can-we-help"]

    reader.follow(part("Let features tell of incidents"))
    assert "15 of 15 cases met" in reader.said[-1][1]
    assert hashes(place / "feast") == before
