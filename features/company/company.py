"""A company: its folder, and what the `rumbo.yaml` there says.

The file is configuration under review, and says nothing of where Rumbo writes. Paths in it hold from its own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from features.company.document import CompanyDocument, PushViewDocument, SituationDocument
from features.documents.files import FileUnfit, content_of
from features.documents.form import Form, form_faults, parsed
from features.documents.nodes import NotReadable, decoded
from features.documents.source import SourceFile, fault_line, place_in_text
from features.errors import RumboError
from features.situation import SituationViews

COMPANY_FILE = "rumbo.yaml"


class CompanyInvalid(RumboError):
    """A company that cannot be worked for. `faults`: each in one line, with file, line and column."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("the company is invalid:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company's folder and what its file says. Paths are absolute."""

    folder: Path
    document: CompanyDocument
    file: SourceFile

    @property
    def name(self) -> str:
        return self.document.company

    @property
    def feature_repo(self) -> Path:
        return self._within(self.document.features.repo)

    @property
    def notes(self) -> Path | None:
        named = self.document.features.notes
        return None if named is None else self._within(named)

    @property
    def catalogue(self) -> Path:
        return self._within(self.document.catalogue)

    @property
    def default_home(self) -> Path:
        return self.folder / ".rumbo"

    @property
    def situation(self) -> SituationViews:
        """The views that the engine's own feed writes."""
        said = self.document.situation or SituationDocument()
        incidents = said.incidents if isinstance(said.incidents, PushViewDocument) else None
        views = [None if part is None else part.view for part in (incidents, said.consents)]
        return SituationViews(incidents=views[0], consents=views[1])

    @property
    def incident_conditions(self) -> Mapping[str, str]:
        """When an incident of a class is open by what features tell, by class."""
        said = self.document.situation or SituationDocument()
        conditions = said.incidents if isinstance(said.incidents, dict) else {}
        return {name: condition.when for name, condition in conditions.items()}

    def located(self, path: tuple[str | int, ...], text: str, column: int | None = None) -> str:
        """A fault of the field at `path` in one line, with its place; `column`, 0-based, is one inside of its text."""
        return _located(self.file, path, text, column)

    def _within(self, named: str) -> Path:
        return (self.folder / named).resolve()


def load_company(folder: Path) -> Company:
    """Reads `rumbo.yaml` of this folder. Raises: CompanyInvalid with every fault of it."""
    file, document = read_form(folder, COMPANY_FILE, CompanyDocument)
    return Company(folder=folder.resolve(), document=document, file=file)


def read_form(folder: Path, name: str, form: type[Form]) -> tuple[SourceFile, Form]:
    """Reads one file of a company. Raises: CompanyInvalid with every fault of it."""
    try:
        text = decoded(content_of(folder, name))
        file = SourceFile(name=name, text=text)
        return file, parsed(text, form)
    except (FileUnfit, NotReadable) as error:
        raise CompanyInvalid((_located(SourceFile(name=name), (), str(error)),)) from error
    except ValidationError as error:
        raise CompanyInvalid(tuple(_located(file, f.path, f.text) for f in form_faults(error, form))) from error


def company_json_schema() -> Mapping[str, object]:
    """What an editor needs to help with rumbo.yaml."""
    return CompanyDocument.model_json_schema()


def _located(file: SourceFile, path: tuple[str | int, ...], text: str, column: int | None = None) -> str:
    place = place_in_text(file.name, text) or file.place(path, column)
    return fault_line(place, path, text)
