"""The example catalogue without the rules of time, company and neighbours: for tests of everything else.

What remains are the journeys with their audiences, consents, caps and pressure limits, so an expectation that is worked
out by hand needs six rules, and stays true when the example learns a seventh.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.example import EXAMPLE

JOURNEY_RULES = (
    "cooldown",
    "capacity",
    "never_with",
    "never_after",
    "max_duration",
    "exit_when",
    "switchable",
    "bypass",
)
HELPING = {"service", "resolution"}
"""Limits that count these too would need a bypass."""
POLICY_RULES = ("quiet_hours", "budgets", "in_flight", "policies", "consents")


def write_plain_catalogue(folder: Path) -> None:
    """Writes it into `folder`, which must not exist."""
    (folder / "journeys").mkdir(parents=True)
    for file in sorted((EXAMPLE / "journeys").glob("*.yaml")):
        _write(folder / "journeys" / file.name, _plain_journey(_read(file)))
    _write(folder / "policies.yaml", _plain_policies(_read(EXAMPLE / "policies.yaml")))


def _plain_journey(journey: dict[str, Any]) -> dict[str, Any]:
    plain = {name: part for name, part in journey.items() if name not in JOURNEY_RULES}
    if isinstance(plain.get("audience"), dict):
        plain["audience"] = plain["audience"]["when"]
    for stage in plain["stages"]:
        for action in stage["actions"]:
            if isinstance(action["tone"], dict):
                action["tone"] = action["tone"]["default"]
    return plain


def _plain_policies(policies: dict[str, Any]) -> dict[str, Any]:
    plain = {name: part for name, part in policies.items() if name not in POLICY_RULES}
    plain["pressure"] = [cap for cap in plain["pressure"] if not HELPING & set(cap.get("kinds", ()))]
    incidents = plain["incidents"]
    classes = {name: _allowed(part) for name, part in incidents.get("classes", {}).items()}
    plain["incidents"] = {"default": _allowed(incidents["default"]), "classes": classes}
    return plain


def _allowed(part: Any) -> Any:
    """The kinds that a class allows, without severities and grace."""
    return part["allow"] if isinstance(part, dict) else part


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
