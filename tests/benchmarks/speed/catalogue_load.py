"""Loads a catalogue as a service does when it starts, and tells how long that took: COMPANY CATALOGUE."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from features.company.company import load_company
from features.company.registry import features_of
from service.catalogue.load import CatalogueFolder
from service.catalogue.terms import company_terms
from service.quiet_load import collecting_later


def main(company_folder: Path, catalogue: Path) -> None:
    company = load_company(company_folder)
    known = features_of(company)
    folder = CatalogueFolder(catalogue, company_terms(company, known.schema, known.fingerprint))
    begins = time.perf_counter()
    with collecting_later():
        folder.load()
    sys.stdout.write(f"loaded in {time.perf_counter() - begins:.3f} s\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
