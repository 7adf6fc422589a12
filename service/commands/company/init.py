"""`rumbo init`: a company's folder over its own Feast repository, with two journeys and cases that pass.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

import click

from features.errors import RumboError
from features.files import write_text
from features.names import is_name, name_like
from features.store.configuration import CONFIG_FILE

if TYPE_CHECKING:
    from features.company.draft import Draft
    from features.company.registry import CompanyFeatures
    from features.schema import FeatureSchema, FeatureSpec

STARTER: Final = Path(__file__).parent / "starter"
REPO: Final = Path("feast")


class FolderTaken(RumboError):
    """A folder in which something of a company lies already."""


class NameUnfit(RumboError):
    """A name that no company can have."""


class RepositoryMissing(RumboError):
    """A folder that is no Feast repository."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--feast",
    "repo",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    show_default="DIR/feast",
    help="The Feast repository: the folder of feature_store.yaml. Nothing in it is changed.",
)
@click.option("--entity", help="The entity of a customer. Default: the one that most views are of.")
@click.option("--company", "name", help="The company's name. Default: that of DIR.")
def init(folder: Path, repo: Path | None, entity: str | None, name: str | None) -> None:
    """Write a first rumbo.yaml, features.yaml and catalogue into DIR: one service and one promotional journey.

    What they say of features is drafted from the registry of the Feast repository. Where DIR has any of them already,
    nothing is written. The files name their forms for editors, which lie in DIR/.schema.
    """
    from features.company.draft import draft_of, notes_of

    _demand_room(folder)
    company = _company(folder) if name is None else _demanded(name)
    feast = _repository(folder / REPO if repo is None else repo)
    draft = draft_of(feast, company=company, named=_named(feast, folder), entity=entity)
    found = _read(replace(draft, repo=str(feast.resolve())))
    words = _audience(found.schema)
    _write(
        folder,
        {
            **_starter(words),
            **_schemas(),
            Path("features.yaml"): notes_of(found.schema.features),
            Path("rumbo.yaml"): draft.text(),
        },
    )
    click.echo(f"{folder}: company {company}, {len(found.schema.features)} features of {draft.entity}, two journeys")
    for notice in found.notices:
        click.echo(f"notice: {notice}")
    click.echo(f"first-offer is for whom `{words['audience']}` holds: write whom you mean, and its cases")
    where = shlex.quote(str(folder))
    click.echo(f"next: rumbo features check --company {where}, rumbo catalogue test --company {where}")


def _demanded(name: str) -> str:
    """Raises: NameUnfit."""
    if not is_name(name):
        hint = f", such as {name_like(name)}" if name_like(name) else ""
        raise NameUnfit(
            f"--company {name!r}: a company's name is lower-case letters, digits and '_', starts with a letter, has 63"
            f" at most{hint}: nothing was written"
        )
    return name


def _company(folder: Path) -> str:
    """The name that the folder's own makes. Raises: NameUnfit."""
    name = name_like(folder.resolve().name)
    if not name:
        raise NameUnfit(f"no company can be called as {folder} is: name it by --company: nothing was written")
    return name


def _repository(repo: Path) -> Path:
    """Raises: RepositoryMissing."""
    if not (repo / CONFIG_FILE).is_file():
        raise RepositoryMissing(
            f"{repo} is no Feast repository, for there is no {CONFIG_FILE}: name yours by --feast, or begin one there"
            f" with `feast init`, and register it: nothing was written"
        )
    return repo


def _write(folder: Path, files: Mapping[Path, str]) -> None:
    """All of them or none. Raises: CannotWrite."""
    made = [path for path in (folder, *(folder / file.parent for file in files)) if not path.exists()]
    try:
        for file, text in files.items():
            write_text(folder / file, text)
    except BaseException:
        for file in files:
            with suppress(OSError):
                (folder / file).unlink(missing_ok=True)
        for path in sorted(
            {*made, *(p for one in made for p in one.parents if p.is_relative_to(folder))}, reverse=True
        ):
            with suppress(OSError):
                path.rmdir()
        raise


def _read(draft: Draft) -> CompanyFeatures:
    """The features as the company that is drafted will have them; nothing is written where it will be."""
    from features.company.company import COMPANY_FILE, load_company
    from features.company.registry import features_of

    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "features.yaml").write_text("{}\n", encoding="utf-8")
        (Path(scratch) / COMPANY_FILE).write_text(draft.text(), encoding="utf-8")
        return features_of(load_company(Path(scratch)))


def _demand_room(folder: Path) -> None:
    taken = [name for name in ("rumbo.yaml", "features.yaml", "catalogue", ".schema") if (folder / name).exists()]
    if taken:
        raise FolderTaken(f"{folder} has {', '.join(taken)} already: nothing was written")


def _named(repo: Path, folder: Path) -> str:
    """From the company's folder where that is near, else the whole path."""
    relative = os.path.relpath(repo.resolve(), folder.resolve())
    return f"{relative}/" if not relative.startswith("../..") else str(repo.resolve())


def _starter(words: Mapping[str, str]) -> Mapping[Path, str]:
    """The files of a first catalogue by their path in the company's folder. `words`: of `_audience`."""
    files = sorted(path for path in STARTER.rglob("*.yaml"))
    return {path.relative_to(STARTER): Template(path.read_text(encoding="utf-8")).substitute(words) for path in files}


def _schemas() -> Mapping[Path, str]:
    """The forms of all these files, for editors."""
    from features.company.draft import SCHEMAS
    from service.catalogue.documents.editor_schema import FORMS, written

    return {Path(SCHEMAS) / name: written(name) for name in FORMS}


def _audience(schema: FeatureSchema) -> dict[str, str]:
    """A condition over one feature, a value that meets it, and one that does not.

    Preferably that something has happened by now, which is so of most, and says nothing of what a number means.
    """
    from features.schema import FeatureType

    made = {
        FeatureType.TIMESTAMP: ("customer.{} < now", '"2020-01-01T00:00:00Z"', '"2040-01-01T00:00:00Z"'),
        FeatureType.INT: ("customer.{} >= 1", "1", "0"),
        FeatureType.DOUBLE: ("customer.{} >= 1.0", "1.0", "0.0"),
        FeatureType.BOOL: ("customer.{}", "true", "false"),
        FeatureType.STRING: ('customer.{} != "none"', '"any"', '"none"'),
    }
    spec = min(_plain(schema), key=lambda spec: list(made).index(spec.type))
    condition, within, without = made[spec.type]
    return {"feature": spec.name, "audience": condition.format(spec.name), "within": within, "without": without}


def _plain(schema: FeatureSchema) -> list[FeatureSpec]:
    return [spec for spec in schema.features if not spec.is_derived]
