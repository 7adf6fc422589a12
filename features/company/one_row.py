"""What the online store has of one customer, asked once."""

from __future__ import annotations

from datetime import datetime

from features.company.company import Company
from features.company.registry import CompanyFeatures
from features.reading import FeatureReading
from features.store.online import OnlineFeatures


def row_of(company: Company, found: CompanyFeatures, customer_id: str, now: datetime) -> FeatureReading:
    """Never raises for trouble of the store, as `OnlineFeatures.read`."""
    reader = OnlineFeatures(company.feature_repo, found.schema, key=found.key)
    try:
        return reader.read(customer_id, now)
    finally:
        reader.close()
