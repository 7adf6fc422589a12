"""What people read, as tests read it: the README, CONTRIBUTING, the guides, the decisions; and the code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ROOT / "service" / "guides"
README, CONTRIBUTING = ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md"
DOCUMENTS = (
    README,
    CONTRIBUTING,
    ROOT / "CHANGELOG.md",
    *sorted(GUIDES.glob("*.md")),
    *sorted((ROOT / "service" / "adr").glob("*.md")),
)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def name_of(document: Path) -> str:
    """Its path in the repository: the id of a test."""
    return str(document.relative_to(ROOT))


def section(document: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    _, below = re.split(rf"^#+ {re.escape(heading)}$", read(document), flags=re.MULTILINE)
    return re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of its tables, without the two lines at the head of each; `\\|` is no border."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {i + k for i, line in enumerate(lines[1:]) if re.fullmatch(r"[|-]+", line) for k in (0, 1)}
    return [[cell.strip() for cell in line.strip("|").split("|")] for i, line in enumerate(lines) if i not in heads]


def blocks(document: Path, language: str) -> list[str]:
    """The code that stands in it, of one language."""
    return [code for name, code in _BLOCK.findall(read(document)) if name == language]


def prose(document: Path) -> str:
    """Without blocks of code."""
    return _BLOCK.sub("", read(document))


def anchors(document: Path) -> set[str]:
    """What a link may name behind a `#`: each heading, as GitHub writes it."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document: Path) -> Iterator[str]:
    """Every link to a place in this repository, of texts and of pictures, as it is written."""
    for target in (*re.findall(r"\]\(([^)\s]+)\)", prose(document)), *_clicks(document)):
        if not re.match(r"[a-z]+:", target):
            yield target


def _clicks(document: Path) -> list[str]:
    return [path for picture in blocks(document, "mermaid") for path in re.findall(r'click \w+ "([^"]+)"', picture)]


def faults_of(document: Path) -> list[str]:
    """The links that lead nowhere."""
    return [link for link in links(document) if not _leads_somewhere(document, link)]


def _leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    place = (document.parent / path).resolve() if path else document
    if not place.is_relative_to(ROOT) or not place.exists():
        return False
    return not anchor or (place.suffix == ".md" and anchor in anchors(place))
