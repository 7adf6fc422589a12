"""A company's features as JSON: how one process tells them to another, and how the home keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from features.company.registry import CompanyFeatures
from features.interactions import ModelFeatures
from features.schema import FeatureSchema
from features.store.customer_key import CustomerKey, KeyType


def described(found: CompanyFeatures) -> dict[str, Any]:
    """What `features_in` reads back."""
    return {
        "fingerprint": found.fingerprint,
        "key": asdict(found.key),
        "features": json.loads(found.schema.dump()),
        "model": {
            "leave_out": sorted(found.model.leave_out),
            "interactions": {name: str(formula) for name, formula in found.model.interactions.items()},
        },
        "notices": list(found.notices),
    }


def features_in(written: Mapping[str, Any]) -> CompanyFeatures:
    """Raises: ValueError, KeyError, TypeError."""
    key, model = written["key"], written["model"]
    return CompanyFeatures(
        key=CustomerKey(name=str(key["name"]), type=KeyType(key["type"])),
        schema=FeatureSchema.of(written["features"]),
        model=ModelFeatures.of(model["leave_out"], model["interactions"]),
        notices=tuple(map(str, written["notices"])),
        fingerprint=str(written["fingerprint"]),
    )
