"""The company that is worked for, and what of it is known."""

from __future__ import annotations

from pathlib import Path

from features.company.company import Company
from features.company.home import demanded
from features.company.known import known_features
from features.company.registry import CompanyFeatures
from service.catalogue.terms import Terms, company_terms
from service.settings import Settings


def company_of(settings: Settings) -> Company:
    """The company that is worked for. Raises: CompanyUnknown, CompanyInvalid."""
    return demanded(settings.company, settings.home)


def catalogue_of(settings: Settings) -> Path:
    """Where the journeys are: what the settings say goes before the company's. Raises: as `company_of`."""
    return company_of(settings).catalogue if settings.catalogue is None else settings.catalogue


def features_known(settings: Settings) -> CompanyFeatures:
    """What is known of customers. Raises: as `company_of`; CompanyInvalid."""
    return known_features(company_of(settings), settings.home)


def terms_known(settings: Settings) -> Terms:
    """What the company's rules may speak of. Raises: as `features_known`."""
    company = company_of(settings)
    known = known_features(company, settings.home)
    return company_terms(company, known.schema, known.fingerprint)
