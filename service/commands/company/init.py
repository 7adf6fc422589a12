"""`rumbo init`: a company's folder over its own Feast repository, with two journeys and cases that pass.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

import click

from features.errors import RumboError

if TYPE_CHECKING:
    from features.draft import Draft
    from features.registry import CompanyFeatures
    from features.schema import FeatureSchema, FeatureSpec

STARTER: Final = Path(__file__).parent / "starter"
REPO: Final = Path("feast")


class FolderTaken(RumboError):
    """A folder in which something of a company lies already."""


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

    What they say of features is drafted from the registry of the Feast repository. What is there already stays, and
    nothing is written then.
    """
    from features.draft import draft_of, notes_of
    from features.files import write_text

    _demand_room(folder)
    feast = folder / REPO if repo is None else repo
    company = name or re.sub(r"[^a-z0-9_]+", "_", folder.resolve().name.lower()).strip("_")
    draft = draft_of(feast, company=company, named=_named(feast, folder), entity=entity)
    found = _read(replace(draft, repo=str(feast.resolve())))
    for path, text in _starter(found.schema).items():
        write_text(folder / path, text)
    write_text(folder / "features.yaml", notes_of(found.schema.features))
    write_text(folder / "rumbo.yaml", draft.text())
    click.echo(f"{folder}: company {company}, {len(found.schema.features)} features of {draft.entity}, two journeys")
    for notice in found.notices:
        click.echo(f"notice: {notice}")
    click.echo(f"next: rumbo features check --company {folder}, rumbo catalogue test --company {folder}")


def _read(draft: Draft) -> CompanyFeatures:
    """The features as the company that is drafted will have them; nothing is written where it will be."""
    from features.company import COMPANY_FILE, load_company
    from features.registry import features_of

    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "features.yaml").write_text("{}\n", encoding="utf-8")
        (Path(scratch) / COMPANY_FILE).write_text(draft.text(), encoding="utf-8")
        return features_of(load_company(Path(scratch)))


def _demand_room(folder: Path) -> None:
    taken = [name for name in ("rumbo.yaml", "features.yaml", "catalogue") if (folder / name).exists()]
    if taken:
        raise FolderTaken(f"{folder} has {', '.join(taken)} already: nothing was written")


def _named(repo: Path, folder: Path) -> str:
    """From the company's folder where that is near, else the whole path."""
    relative = os.path.relpath(repo.resolve(), folder.resolve())
    return f"{relative}/" if not relative.startswith("../..") else str(repo.resolve())


def _starter(schema: FeatureSchema) -> Mapping[Path, str]:
    """The files of a first catalogue by their path in the company's folder, over a feature of its own."""
    words = _audience(schema)
    files = sorted(path for path in STARTER.rglob("*.yaml"))
    return {path.relative_to(STARTER): Template(path.read_text(encoding="utf-8")).substitute(words) for path in files}


def _audience(schema: FeatureSchema) -> dict[str, str]:
    """A condition over one feature, a value that meets it, and one that does not."""
    from features.schema import FeatureType

    made = {
        FeatureType.INT: ("customer.{} >= 1", "1", "0"),
        FeatureType.DOUBLE: ("customer.{} >= 1.0", "1.0", "0.0"),
        FeatureType.BOOL: ("customer.{}", "true", "false"),
        FeatureType.STRING: ('customer.{} != "none"', '"any"', '"none"'),
        FeatureType.TIMESTAMP: ("customer.{} < now", '"2020-01-01T00:00:00Z"', '"2040-01-01T00:00:00Z"'),
    }
    spec = min(_plain(schema), key=lambda spec: list(made).index(spec.type))
    condition, within, without = made[spec.type]
    return {"feature": spec.name, "audience": condition.format(spec.name), "within": within, "without": without}


def _plain(schema: FeatureSchema) -> list[FeatureSpec]:
    return [spec for spec in schema.features if not spec.is_derived]
