"""Which journey each historical campaign belongs to: campaign type x dominant product category of its coupons.

Groups below 150 (household, campaign) pairs or 10 redeeming ones say too little on their own; they are merged into
their type as the category `mixed`. Campaigns that started before February 2017 are left out: their households' earlier
shopping is not on record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd

from service.examples.complete_journey.data.source import SourceTables

FIRST_START: Final = date(2017, 2, 1)
MIN_PAIRS: Final = 150
MIN_POSITIVES: Final = 10
LABEL_DAYS: Final = 28
MIXED: Final = "mixed"

COUPON_CATEGORIES: Final = {
    "COLD CEREAL": "cold_cereal",
    "FRZN MEAT/MEAT DINNERS": "frozen_meat",
    "MAKEUP AND TREATMENT": "makeup",
    "BABY FOODS": "baby_food",
    "FROZEN PIZZA": "frozen_pizza",
    "GREETING CARDS/WRAP/PARTY SPLY": "greeting_cards",
    "HAIR CARE PRODUCTS": "hair_care",
    "SOAP - LIQUID & BAR": "soap",
}
"""Product categories that dominate a group, and their names in features and catalogue."""

JOURNEY_IDS: Final = {
    ("A", "cold_cereal"): "pantry-mailer",
    ("A", "frozen_meat"): "freezer-mailer",
    ("A", "makeup"): "beauty-mailer",
    ("B", "baby_food"): "baby-care-coupons",
    ("B", "cold_cereal"): "breakfast-coupons",
    ("B", "frozen_pizza"): "pizza-night-coupons",
    ("B", "greeting_cards"): "gift-season-coupons",
    ("B", "makeup"): "make-up-coupons",
    ("B", MIXED): "targeted-coupons",
    ("C", "hair_care"): "hair-care-club",
    ("C", "soap"): "everyday-care-club",
    ("C", MIXED): "long-run-coupons",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignJourney:
    """A campaign as an instance of a journey."""

    campaign_id: int
    journey_id: str
    campaign_type: str
    category: str


def campaign_journeys(source: SourceTables) -> tuple[CampaignJourney, ...]:
    """The journey of each campaign from `FIRST_START` on, by campaign id.

    Raises: KeyError when the rule yields a group without a name in `JOURNEY_IDS`.
    """
    groups = _groups(source)
    kept = {
        key for key, pairs, positives in _sizes(source, groups) if pairs >= MIN_PAIRS and positives >= MIN_POSITIVES
    }
    journeys = []
    for campaign_id, (campaign_type, category_name) in sorted(groups.items()):
        is_kept = (campaign_type, category_name) in kept
        category = COUPON_CATEGORIES[category_name] if is_kept else MIXED
        journeys.append(
            CampaignJourney(
                campaign_id=campaign_id,
                journey_id=JOURNEY_IDS[campaign_type, category],
                campaign_type=campaign_type,
                category=category,
            )
        )
    return tuple(journeys)


def dominant_categories(source: SourceTables) -> dict[int, str]:
    """The product category with most distinct coupon rows of each campaign; the first name wins a tie.

    The table repeats 4,872 rows, most of them in campaign 27, so repeated rows count once.
    """
    rows = source.coupons.drop_duplicates().merge(source.products[["product_id", "product_category"]], on="product_id")
    sizes = rows.groupby(["campaign_id", "product_category"]).size().reset_index(name="rows")
    best = sizes.sort_values(["campaign_id", "rows", "product_category"], ascending=[True, False, True])
    return dict(best.drop_duplicates("campaign_id")[["campaign_id", "product_category"]].itertuples(index=False))


def redeemed_pairs(source: SourceTables, *, within_days: int) -> pd.DataFrame:
    """(campaign_id, household_id) pairs with a redemption on one of the first `within_days` dates of the campaign."""
    rows = source.coupon_redemptions.merge(source.campaign_descriptions, on="campaign_id")
    age = rows["redemption_date"] - rows["start_date"]
    is_within = (age >= pd.Timedelta(0)) & (age < pd.Timedelta(days=within_days))
    return rows.loc[is_within, ["campaign_id", "household_id"]].drop_duplicates()


def _groups(source: SourceTables) -> dict[int, tuple[str, str]]:
    """(campaign type, dominant category) of each campaign with usable history."""
    campaigns = source.campaign_descriptions
    recent = campaigns[campaigns["start_date"] >= pd.Timestamp(FIRST_START)]
    categories = dominant_categories(source)
    return {
        int(campaign_id): (str(campaign_type).removeprefix("Type "), categories[campaign_id])
        for campaign_id, campaign_type in recent[["campaign_id", "campaign_type"]].itertuples(index=False)
    }


def _sizes(source: SourceTables, groups: dict[int, tuple[str, str]]) -> list[tuple[tuple[str, str], int, int]]:
    """(group, pairs sent, pairs redeemed within the label's window)."""
    pairs = source.campaigns["campaign_id"].map(groups).value_counts()
    positives = redeemed_pairs(source, within_days=LABEL_DAYS)["campaign_id"].map(groups).value_counts()
    return [(key, int(pairs[key]), int(positives.get(key, 0))) for key in pairs.index]
