"""The company's own export, brought up to date: what `rumbo train` learns from where no log is named."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service.bootstrap.export import update_export


def own_export(company: Path, home: Path) -> Path:
    """The folder `home/export`, with every day whose rewards may have changed written again; in a notebook too.

    Raises: CompanyInvalid, HomeForeign, StateUnavailable, CatalogueInvalid, CatalogueLost, CannotWrite.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return update_export(company, home)
    with ThreadPoolExecutor(1) as other:  # a notebook's cells run inside of a loop, and no other begins there
        return other.submit(update_export, company, home).result()
