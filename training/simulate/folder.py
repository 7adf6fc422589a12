"""Lays out the company of a simulation: its own files, its Feast repository with tables, the catalogue as it begins."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from features.errors import RumboError
from features.files import write_text
from service.bootstrap.in_process import Home
from training.simulate.people import People
from training.simulate.scenario import CATEGORIES, HOUSEHOLDS, NEW_JOURNEY, START, ZONES, Scenario

COMPANY, HOME = "company", "home"
"""In the folder of a simulation."""
CAPPED = "gadget-deal"
"""The journey whose units are those of so many customers."""
UNITS, PER_CUSTOMERS = 12, 1_000


class FolderInUse(RumboError):
    """A folder that holds something else than a simulation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """The company that the loop plays, and copies for worlds beside it: as it begins, and with the later journey.

    Each with a home.
    """

    played: Home
    first: Home
    later: Home


def lay_out(folder: Path, people: People) -> LaidOut:
    """Makes the company anew, and removes what an earlier simulation left in the folder. Raises: FolderInUse."""
    if folder.exists() and any(folder.iterdir()) and not (folder / COMPANY / "rumbo.yaml").is_file():
        raise FolderInUse(f"{folder} holds something else than a simulation: name a folder that does not exist")
    laid_out = LaidOut(played=home_in(folder), first=home_in(folder / "first"), later=home_in(folder / "later"))
    for home in (laid_out.played, laid_out.first, laid_out.later):
        for part in (home.company, home.home):
            shutil.rmtree(part, ignore_errors=True)
    company = laid_out.played.company
    with resources.as_file(resources.files("training.simulate") / COMPANY) as own:
        shutil.copytree(own, company, ignore=shutil.ignore_patterns("__pycache__", f"{NEW_JOURNEY}.yaml"))
    _scale(company, people.scenario)
    _write_tables(company / "feast" / "data", people)
    _register(company / "feast")
    shutil.copytree(company, laid_out.first.company)
    shutil.copytree(company, laid_out.later.company)
    add_new_journey(laid_out.later.company)
    return laid_out


def home_in(folder: Path) -> Home:
    """What is played in a folder."""
    return Home(company=folder / COMPANY, home=folder / HOME)


def add_new_journey(company: Path) -> None:
    """Puts the journey that comes in mid-course into the catalogue."""
    file = f"journeys/{NEW_JOURNEY}.yaml"
    text = (resources.files("training.simulate") / COMPANY / "catalogue" / file).read_text(encoding="utf-8")
    write_text(company / "catalogue" / file, text)


def units_for(customers: int) -> int:
    """Of the capped journey, a day."""
    return max(round(UNITS * customers / PER_CUSTOMERS), 1)


def change_policies(company: Path, **parts: Any) -> None:
    """Other exploration, arms or silence than the company begins with; None takes a part away."""
    file = company / "catalogue" / "policies.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8")) | parts
    kept = {name: part for name, part in document.items() if part is not None}
    write_text(file, yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))


def _scale(company: Path, scenario: Scenario) -> None:
    file = company / "catalogue" / "journeys" / f"{CAPPED}.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["capacity"]["units"] = units_for(scenario.customers)
    write_text(file, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _write_tables(folder: Path, people: People) -> None:
    """What is known before the first day: the offline store of a company that has just begun."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    ids, at = pa.array(people.ids), pa.array([START] * len(people.ids), pa.timestamp("us", tz="UTC"))
    since = pa.array([people.member_since(who) for who in range(len(people.ids))], pa.timestamp("us", tz="UTC"))
    profile = {
        "age": pa.array(people.age),
        "household": pa.array([HOUSEHOLDS[h] for h in people.household]),
        "member_since": since,
        "time_zone": pa.array([ZONES[z] for z in people.zone]),
    }
    behaviour = {
        "visits_30d": pa.array(people.visits[0]),
        **{f"spend_{name}_30d": pa.array(people.spend[0, :, c]) for c, name in enumerate(CATEGORIES)},
    }
    for name, columns in (("profile", profile), ("behaviour", behaviour)):
        pq.write_table(pa.table({"customer_id": ids, "event_time": at, **columns}), folder / f"{name}.parquet")


def _register(repo: Path) -> None:
    """As `feast apply` does."""
    from feast import FeatureStore

    from training.simulate.company.feast.views import anchored

    with _quiet():
        FeatureStore(repo_path=str(repo)).apply(anchored(repo))


@contextmanager
def _quiet() -> Iterator[None]:
    """Feast tells of each view, and warns of what is its own."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
