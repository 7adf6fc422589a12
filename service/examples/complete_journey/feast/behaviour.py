"""Weekly snapshots of shopping behaviour, Mondays 05:00 UTC, of everything strictly before."""

from __future__ import annotations

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import FeastType, Float64, Int64, UnixTimestamp

from features.declare import FOREVER, feature, view_tags
from features.schema import PersonalData
from service.examples.complete_journey.feast.customer import customer, parquet


def _fact(name: str, dtype: FeastType, unit: str, description: str) -> Field:
    return feature(name, dtype, unit, description, "customer-analytics", PersonalData.PSEUDONYMOUS)


def _count(name: str, unit: str, description: str) -> Field:
    return _fact(name, Int64, unit, description)


def _spend(name: str, description: str) -> Field:
    return _fact(name, Float64, "USD", description)


def _share(name: str, description: str) -> Field:
    return _fact(name, Float64, "share 0..1", description)


def _department(name: str, department: str) -> Field:
    return _share(f"share_{name}_90d", f"Part of the last 90 days' spend on {department}; NULL without spend.")


def _category(name: str, category: str) -> Field:
    return _spend(f"spend_{name}_90d", f"Spend on {category} in the last 90 days.")


behaviour_source = parquet("behaviour")

behaviour = FeatureView(
    name="behaviour",
    entities=[customer],
    ttl=FOREVER,
    source=behaviour_source,
    tags=view_tags(timedelta(days=21)),
    description="Shopping of the last 7, 30 and 90 days, coupon use and campaigns, as of the last Monday.",
    schema=[
        _count("baskets_7d", "baskets", "Baskets of the last 7 days."),
        _count("baskets_30d", "baskets", "Baskets of the last 30 days."),
        _count("baskets_90d", "baskets", "Baskets of the last 90 days."),
        _spend("spend_7d", "Spend of the last 7 days."),
        _spend("spend_30d", "Spend of the last 30 days."),
        _spend("spend_90d", "Spend of the last 90 days."),
        _fact(
            "spend_trend_30d",
            Float64,
            "ratio 0..3",
            "Spend of the last 30 days over a third of that of the last 90: above 1 it grows. NULL without spend.",
        ),
        _spend("basket_value_mean_90d", "Mean spend a basket in the last 90 days; NULL without baskets."),
        _fact(
            "basket_gap_mean_90d",
            Float64,
            "days",
            "Mean time between the baskets of the last 90 days; NULL with fewer than two.",
        ),
        _count("stores_90d", "stores", "Different stores visited in the last 90 days."),
        _count("categories_90d", "categories", "Different product categories bought in the last 90 days."),
        _count("products_90d", "products", "Different products bought in the last 90 days."),
        _department("grocery", "groceries"),
        _department("drug_gm", "drugstore and general merchandise"),
        _department("produce", "fruit and vegetables"),
        _department("meat", "meat, fresh and packaged"),
        _department("deli", "delicatessen"),
        _department("pastry", "bread and pastry"),
        _department("cosmetics", "cosmetics"),
        _department("nutrition", "nutrition products"),
        _share("private_label_share_90d", "Part of the last 90 days' spend on the store's own brands; NULL without."),
        _share("discount_share_90d", "Part of the shelf price saved by loyalty discounts in the last 90 days."),
        _count("coupon_baskets_90d", "baskets", "Baskets of the last 90 days with a coupon."),
        _count("coupon_baskets_total", "baskets", "Baskets with a coupon so far."),
        _count("coupon_match_lines_90d", "lines", "Bought lines of the last 90 days whose coupon the store matched."),
        _spend("coupon_discount_90d", "Amount saved by coupons in the last 90 days."),
        _count("redemptions_90d", "coupons", "Campaign coupons redeemed in the last 90 days."),
        _count("redemptions_total", "coupons", "Campaign coupons redeemed so far."),
        _fact(
            "last_redemption_at",
            UnixTimestamp,
            "UTC instant",
            "End of the local day of the last coupon redemption (only its date is on record); NULL if never.",
        ),
        _count("campaigns_received_total", "campaigns", "Coupon campaigns received so far."),
        _count("campaigns_redeemed_total", "campaigns", "Campaigns of which a coupon was redeemed so far."),
        _count("campaigns_received_90d", "campaigns", "Coupon campaigns received in the last 90 days."),
        _share("campaign_redemption_rate_total", "Part of the received campaigns that was redeemed; NULL without any."),
        _share("morning_share_90d", "Part of the last 90 days' baskets before noon, local time."),
        _share("evening_share_90d", "Part of the last 90 days' baskets from 18:00 on, local time."),
        _share("weekend_share_90d", "Part of the last 90 days' baskets on Saturdays and Sundays, local time."),
        _category("cold_cereal", "cold cereal"),
        _category("frozen_meat", "frozen meat and meat dinners"),
        _category("makeup", "make-up and treatment"),
        _category("baby_food", "baby food"),
        _category("frozen_pizza", "frozen pizza"),
        _category("greeting_cards", "greeting cards, wrapping and party supplies"),
        _category("hair_care", "hair care"),
        _category("soap", "soap, liquid and bar"),
    ],
)
