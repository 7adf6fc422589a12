"""`rumbo features apply` registers what a repository defines, also in files that are named as our packages are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from features.company.company import load_company
from features.company.registry import features_of
from tests.companies.bank import configuration

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]  # each imports Feast in two processes

RUMBO = str(Path(sys.executable).with_name("rumbo"))
ENTITY = 'holder = Entity(name="holder", join_keys=["holder_no"], value_type=ValueType.INT64)'
DEFINITIONS = """\
from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64

{entity}
{name} = FeatureView(
    name="{name}",
    entities=[holder],
    ttl=timedelta(days=1),
    source=FileSource(name="{name}", path="data/{name}.parquet", timestamp_field="as_of"),
    schema=[Field(name="{name}_value", dtype=Float64)],
)
"""


def definitions(name: str, entity: str = ENTITY) -> str:
    return DEFINITIONS.format(name=name, entity=entity)


def company(folder: Path, files: Mapping[str, str]) -> Path:
    """A company whose repository has these files, and nothing registered."""
    repo = folder / "feast"
    for name, text in files.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text, encoding="utf-8")
    (repo / "feature_store.yaml").write_text(configuration(), encoding="utf-8")
    (folder / "rumbo.yaml").write_text("company: mybank\ncustomer: {entity: holder}\n", encoding="utf-8")
    return folder


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RUMBO, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("files", "views"),
    [
        ({"features.py": definitions("accounts")}, {"accounts"}),
        (
            {
                "features/accounts.py": definitions("accounts"),
                "models.py": definitions("cards", "from features.accounts import holder"),
                "service.py": definitions("claims", "from models import holder"),
                "training.py": definitions("visits", "from features.accounts import holder"),
                "other.py": definitions("others", "from service import holder"),
            },
            {"accounts", "cards", "claims", "visits", "others"},
        ),
    ],
    ids=["features.py alone", "every name that we have"],
)
def test_files_named_as_our_packages_are_registered(files: Mapping[str, str], views: set[str], tmp_path: Path) -> None:
    folder, elsewhere = company(tmp_path / "mybank", files), tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run("features", "apply", "--company", str(folder), cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    found = features_of(load_company(folder))
    assert set(found.schema.by_view) == views
    assert list(elsewhere.iterdir()) == []


def test_a_fault_of_a_definition_is_told_and_ends_it_as_feast_does(tmp_path: Path) -> None:
    folder = company(tmp_path / "mybank", {"features.py": "from feast import Entiti\n"})
    done = run("features", "apply", "--company", str(folder), cwd=tmp_path)
    assert done.returncode != 0
    assert "Entiti" in done.stderr
    assert not (folder / "feast" / "registry.db").exists()
