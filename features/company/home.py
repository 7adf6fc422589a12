"""Where a company's files lie, and where Rumbo's own do: from what was said, the current folder, and the home.

A home belongs to one company, and says so: another company is never served from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from features.company.company import COMPANY_FILE, Company, load_company
from features.errors import RumboError
from features.files import write_text

FILE = "company.json"
HOME = ".rumbo"
IGNORED = ".gitignore"
"""In a home: nothing of it is for whoever keeps the company's folder in git."""
_BEFORE = ("store.json", "state.db")
"""Of a home that was made before homes told whose they are."""


class CompanyUnknown(RumboError):
    """Nothing says for which company to work."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"no company: name its folder by --company or RUMBO_COMPANY, or go where its {COMPANY_FILE} lies"
            f" ({home} was made for none)"
        )


class HomeForeign(RumboError):
    """A home that belongs to another company, or a folder that is none."""


class Origin(StrEnum):
    """What a value is from."""

    SAID = "said"
    HERE = "the current folder"
    COMPANY = "the company's folder"
    FILE = COMPANY_FILE
    HOME = "the home"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeCompany:
    """The content of HOME/company.json: the company that the home was made for, and where its folder was."""

    name: str
    folder: Path

    @classmethod
    def of(cls, home: Path) -> Self | None:
        """None if the home tells of no company. Raises: HomeForeign."""
        file = home / FILE
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            return cls(name=str(fields["company"]), folder=Path(fields["folder"]))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HomeForeign(f"{file}, which says whose home this is, cannot be read: name another home") from error


def demand_home_of(company: Company, home: Path) -> None:
    """Raises: HomeForeign if the home belongs to another company, or is a folder with something else in it."""
    known = HomeCompany.of(home)
    if known is not None and known.name != company.name:
        raise HomeForeign(
            f"{home} is the home of the company '{known.name}' ({known.folder}), not of '{company.name}':"
            f" name another one, such as --home {company.default_home}"
        )
    if known is None and _is_something_else(home):
        raise HomeForeign(f"{home} is not empty and no home of Rumbo: name a folder that is, or does not exist yet")


def make_home_of(company: Company, home: Path) -> None:
    """From now on the home is this company's. Raises: as `demand_home_of`; CannotWrite."""
    demand_home_of(company, home)
    known = HomeCompany(name=company.name, folder=company.folder)
    if HomeCompany.of(home) != known:
        text = json.dumps({"company": known.name, "folder": str(known.folder)}, indent=1, ensure_ascii=False)
        write_text(home / FILE, text + "\n")
    if not (home / IGNORED).exists():
        write_text(home / IGNORED, "*\n")


def _is_something_else(home: Path) -> bool:
    if not home.is_dir():
        return home.exists()
    names = {entry.name for entry in home.iterdir()}
    return bool(names) and names.isdisjoint(_BEFORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folder of the company, if one is known, the home, and what each is from."""

    company: Path | None
    company_from: Origin
    home: Path
    home_from: Origin

    def demand_company(self) -> Company:
        """Raises: CompanyUnknown; CompanyInvalid."""
        return demanded(self.company, self.home)


def demanded(company: Path | None, home: Path) -> Company:
    """Raises: CompanyUnknown; CompanyInvalid."""
    if company is None:
        raise CompanyUnknown(home)
    return load_company(company)


def places(company: Path | None = None, home: Path | None = None, *, within: Path | None = None) -> Places:
    """The places that are meant where these were said, or None. Raises: HomeForeign.

    The company is the one that was said, else the one that `within` (a folder, such as of a catalogue) lies in, else
    the one of the current folder, else the one that the home was made for. The home is the one that was said, else the
    one in the company's folder, else the one in the current folder.
    """
    company_from = Origin.SAID if company is not None else Origin.DEFAULT
    if company is None and (near := _around(within)) is not None:
        company, company_from = near, Origin.HERE
    home_from = Origin.SAID if home is not None else Origin.DEFAULT if company is None else Origin.COMPANY
    if home is None:
        home = Path(HOME) if company is None else company / HOME
    if company is None and (known := HomeCompany.of(home)) is not None:
        company, company_from = known.folder, Origin.HOME
    return Places(company=company, company_from=company_from, home=home, home_from=home_from)


def _around(within: Path | None) -> Path | None:
    """The nearest company's folder that `within` lies in; without it, the current folder if it is one."""
    folders = () if within is None else (within.resolve(), *within.resolve().parents)
    return next((folder for folder in (*folders, Path()) if (folder / COMPANY_FILE).is_file()), None)
