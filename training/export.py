"""The company's own export, brought up to date: what `rumbo train` learns from where no log is named."""

from __future__ import annotations

from pathlib import Path

from service.bootstrap.export import update_export


def own_export(company: Path, home: Path) -> Path:
    """The folder `home/export`, with every day whose rewards may have changed written again.

    Raises: CompanyInvalid, HomeForeign, StateUnavailable, CatalogueInvalid, CatalogueLost, CannotWrite.
    """
    return update_export(company, home)
