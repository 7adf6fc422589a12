"""The company that is worked for, and what of it is known."""

from __future__ import annotations

from pathlib import Path

from features.company.company import Company
from features.company.home import demanded
from features.company.kept_registry import known_features
from features.company.registry import CompanyFeatures
from features.situation import SituationViews
from service.catalogue.terms import Terms, company_terms
from service.settings import Settings


def company_of(settings: Settings) -> Company:
    """The company that is worked for, read once and handed on. Raises: CompanyUnknown, CompanyInvalid."""
    return demanded(settings.company, settings.home)


def catalogue_of(settings: Settings, company: Company) -> Path:
    """Where the journeys are: what the settings say goes before the company's."""
    return company.catalogue if settings.catalogue is None else settings.catalogue


def features_known(settings: Settings, company: Company) -> CompanyFeatures:
    """What is known of customers. Raises: CompanyInvalid."""
    return known_features(company, settings.home)


def terms_known(settings: Settings, company: Company) -> Terms:
    """What the company's rules may speak of. Raises: CompanyInvalid."""
    known = features_known(settings, company)
    return company_terms(company, known.schema, known.fingerprint)


def pushed_views(settings: Settings) -> SituationViews:
    """The views that facts are pushed to, none where no company is named; for who needs no more of it.

    Raises: CompanyInvalid.
    """
    return SituationViews() if settings.company is None else company_of(settings).situation
