"""What the company's catalogue, as its folder has it, says of how the service orders."""

from __future__ import annotations

from pathlib import Path

from service.bootstrap.company import catalogue_of, company_of
from service.bootstrap.in_process import Home, bound_company
from service.decision.plan import Plan


def plan_of(company: Path, home: Path) -> Plan | None:
    """None of a company that has no journeys yet. Raises: CompanyInvalid, CatalogueInvalid."""
    where = Home(company=company, home=home)
    if not catalogue_of(where.settings, company_of(where.settings)).is_dir():
        return None
    return bound_company(where).plan
