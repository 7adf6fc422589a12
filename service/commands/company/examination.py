"""One examination: checks in their order, of which none that fails hides the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from features.errors import RumboError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from features.company.company import Company
    from features.company.registry import CompanyFeatures
    from features.store.coverage import SampleCustomer
    from service.catalogue.documents.policies import PoliciesDocument
    from service.catalogue.terms import Terms
    from service.settings import Settings
    from service.state.engines.inventory import Heard, StoreStatus


class State(StrEnum):
    """What a check found."""

    GOOD = "good"
    DOUBT = "doubt"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found, in a line; `todo`: what to do about it, if anything."""

    check: str
    state: State
    text: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding whose check is not named yet."""

    state: State
    text: str
    todo: str = ""


def good(text: str) -> Found:
    return Found(State.GOOD, text)


def doubt(text: str, todo: str = "") -> Found:
    return Found(State.DOUBT, text, todo)


def fault(text: str, todo: str = "") -> Found:
    return Found(State.FAULT, text, todo)


@dataclass(frozen=True)
class Patient:
    """What is examined. Each part is read once, when it is first asked for, and raises what is wrong with it.

    `customer`: whose row is to be read; None: anybody's. Nothing that is read is changed, and no home is made.
    """

    settings: Settings
    customer: str | None
    now: datetime

    @cached_property
    def company(self) -> Company:
        from service.bootstrap.company import company_of

        return company_of(self.settings)

    @cached_property
    def features(self) -> CompanyFeatures:
        """As the registry has them now, whatever the home keeps."""
        from features.company.registry import features_of

        return features_of(self.company)

    @cached_property
    def terms(self) -> Terms:
        from service.catalogue.terms import company_terms

        return company_terms(self.company, self.features.schema)

    @cached_property
    def catalogue(self) -> Path:
        from service.bootstrap.company import catalogue_of

        return catalogue_of(self.settings, self.company)

    @cached_property
    def policies(self) -> PoliciesDocument | None:
        from service.catalogue.documents.source import Reader

        return Reader(self.catalogue).read().policies

    @cached_property
    def sample(self) -> SampleCustomer | None:
        from features.store.coverage import sample_customer

        return sample_customer(self.company.feature_repo, self.features.schema, self.now)

    @cached_property
    def store(self) -> StoreStatus | None:
        """None where there is no store yet."""
        from service.bootstrap.store import survey
        from service.state.home import HomeStore

        settings = self.settings
        is_known = HomeStore.of(settings.home).embedded is not None
        if settings.state_url is None and not settings.state_file.exists() and not is_known:
            return None
        return survey(settings)

    @cached_property
    def heard(self) -> Heard:
        """Of a store that stands at the last step."""
        from service.bootstrap.store import heard

        return heard(self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `needs`: those without whose success it cannot be made."""

    name: str
    find: Callable[[Patient], Found]
    needs: tuple[str, ...] = ()


def examine(patient: Patient, checks: Sequence[Check]) -> Iterator[Finding]:
    """A finding a check, in their order."""
    failed: set[str] = set()
    for check in checks:
        found = _found(patient, check, [name for name in check.needs if name in failed])
        if found.state is State.FAULT:
            failed.add(check.name)
        yield Finding(check=check.name, state=found.state, text=found.text, todo=found.todo)


def _found(patient: Patient, check: Check, lacking: Sequence[str]) -> Found:
    if lacking:
        return doubt(f"not looked at, for it needs: {', '.join(lacking)}")
    try:
        return check.find(patient)
    except RumboError as error:
        return fault(str(error))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one part, the others are looked at
        return fault(f"{type(error).__name__}: {error}")
