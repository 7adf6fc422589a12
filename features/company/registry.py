"""A company's features as its own Feast registry has them: names, types, ages, and the key of its customers.

What Rumbo cannot use is left out, and a notice says so. What `rumbo.yaml` names and the registry lacks is a fault.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from features.company.company import Company, CompanyInvalid
from features.company.registry_reader import RegistryReader, Remarks
from features.company.supplements import Supplements
from features.errors import StoreUnavailable
from features.interactions import ModelFeatures
from features.schema import FeatureSchema
from features.store.configuration import CONFIG_FILE
from features.store.connection import open_feature_store
from features.store.customer_key import CustomerKey

if TYPE_CHECKING:
    from feast import FeatureStore


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyFeatures:
    """What is known of a company's customers, and what a model sees of it.

    `notices`: what was left out, or is not said, in a line each. `fingerprint` differs as soon as something of it does.
    """

    key: CustomerKey
    schema: FeatureSchema
    model: ModelFeatures
    notices: tuple[str, ...]
    fingerprint: str


class RegistryUnreadable(CompanyInvalid):
    """There is no repository, or its registry cannot be read now: nothing is known of what it says."""


def features_of(company: Company) -> CompanyFeatures:
    """Opens the company's repository and reads its features.

    Raises: CompanyInvalid with what is wrong; RegistryUnreadable where there is none, or it cannot be read.
    """
    return read_features(company, open_registry(company))


def open_registry(company: Company) -> FeatureStore:
    """The company's repository. Raises: RegistryUnreadable."""
    demand_repository(company)
    try:
        return open_feature_store(company.feature_repo)
    except StoreUnavailable as error:
        raise unreadable(company, f"{error} in {company.feature_repo}") from error
    except Exception as error:
        raise unreadable(company, cause_of(error)) from error


def read_features(company: Company, store: FeatureStore) -> CompanyFeatures:
    """The features of this company in its opened repository.

    Raises: CompanyInvalid with every fault, those of the notes among them; RegistryUnreadable if it is broken.
    """
    try:
        return _read(company, store)
    except CompanyInvalid:
        raise
    except Exception as error:
        raise unreadable(company, cause_of(error)) from error


def _read(company: Company, store: FeatureStore) -> CompanyFeatures:
    """Raises: CompanyInvalid; Feast's own errors for a broken registry."""
    remarks = Remarks(company)
    stored = RegistryReader(company, store, remarks).read()
    supplements = Supplements(company, remarks)
    supplements.check_names([*stored.situation, *stored.specs])
    supplements.check_formulas(stored.specs)
    derived = supplements.derived(stored.specs)
    schema = FeatureSchema(tuple(supplements.noted([*stored.specs, *stored.situation, *derived])))
    model = supplements.model(schema)
    supplements.check_training(schema)
    if remarks.faults or stored.key is None:
        raise CompanyInvalid(tuple(remarks.faults))
    return CompanyFeatures(
        key=stored.key,
        schema=schema,
        model=model,
        notices=tuple(remarks.notices),
        fingerprint=_fingerprint(stored.key, schema),
    )


def demand_repository(company: Company) -> None:
    """Raises: RegistryUnreadable where there is none, which is no matter of its registry alone."""
    if (company.feature_repo / CONFIG_FILE).is_file():
        return
    near = sorted(f"{file.parent.name}/" for file in company.folder.glob(f"*/{CONFIG_FILE}"))
    hint = f"; there is one in {', '.join(near)}" if near else ""
    text = f"there is no {CONFIG_FILE} in {company.feature_repo}{hint}"
    raise unreadable(company, text)


def unreadable(company: Company, text: str) -> RegistryUnreadable:
    """The fault of the repository that rumbo.yaml names."""
    return RegistryUnreadable((company.located(("features", "repo"), text),))


def cause_of(error: Exception) -> str:
    """Why a registry cannot be read, in one line."""
    return f"its registry cannot be read: {type(error).__name__}: {error}".partition("\n")[0]


def _fingerprint(key: CustomerKey, schema: FeatureSchema) -> str:
    described = json.dumps([asdict(key), *map(asdict, schema.features)], sort_keys=True, default=str)
    return hashlib.sha256(described.encode()).hexdigest()[:16]
