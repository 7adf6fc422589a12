"""Who the customer is and when they last bought. These facts do not age: ages are computed when a decision is made."""

from __future__ import annotations

from feast import FeatureView, Field
from feast.types import FeastType, Float64, String, UnixTimestamp

from features.declare import FOREVER, feature, view_tags
from features.schema import PersonalData
from service.examples.complete_journey.feast.customer import customer, parquet


def _demographic(name: str, description: str, personal_data: PersonalData = PersonalData.PERSONAL) -> Field:
    return feature(name, String, "level", description, "customer-analytics", personal_data)


def _profile(name: str, dtype: FeastType, unit: str, description: str) -> Field:
    return feature(name, dtype, unit, description, "customer-platform", PersonalData.PSEUDONYMOUS)


demographics_source = parquet("demographics")
profile_source = parquet("profile")
purchases_source = parquet("purchases")

demographics = FeatureView(
    name="demographics",
    entities=[customer],
    ttl=FOREVER,
    source=demographics_source,
    tags=view_tags(None),
    description="What about a third of the households stated about themselves; the others have no row.",
    schema=[
        _demographic("age_band", "Age band of the reference person."),
        _demographic("income_band", "Band of yearly household income.", PersonalData.SENSITIVE),
        _demographic("home_ownership", "Owns or rents the home."),
        _demographic("marital_status", "Married or not.", PersonalData.SENSITIVE),
        _demographic("household_size", "Number of persons, 5+ at most."),
        _demographic("household_composition", "Adults and children in the household."),
        _demographic("kids_count", "Number of children, 3+ at most."),
    ],
)

profile = FeatureView(
    name="profile",
    entities=[customer],
    ttl=FOREVER,
    source=profile_source,
    tags=view_tags(None),
    description="Stable facts of every customer who ever bought.",
    schema=[
        _profile("first_seen_at", UnixTimestamp, "UTC instant", "First purchase on record."),
        _profile(
            "anniversary_from",
            UnixTimestamp,
            "UTC instant",
            "First purchase, where it is known to be the first; NULL for who was seen in the first month on record.",
        ),
        _profile("time_zone", String, "IANA zone", "Time zone in which the customer lives."),
        _profile("holiday_region", String, "ISO 3166 code", "Region whose public holidays apply."),
    ],
)

purchases = FeatureView(
    name="purchases",
    entities=[customer],
    ttl=FOREVER,
    source=purchases_source,
    tags=view_tags(None),
    description="The last purchase, right to the second.",
    schema=[
        _profile("last_purchase_at", UnixTimestamp, "UTC instant", "The last purchase."),
        _profile("last_purchase_amount", Float64, "USD", "What was paid at the last purchase, before coupons."),
    ],
)
