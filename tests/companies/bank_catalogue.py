"""Journeys of the bank: offers that compete, surveys, an apology, and two that nobody is ever shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

OUT_OF_REACH = "private-vault"
"""Its audience has more on the account than any holder has."""
OUTRANKED = "branch-news"
"""Allowed wherever the open door is, which comes before it, in the one slot there is."""
OPEN_DOOR, APOLOGY = "how-can-we-help", "claim-apology"
NPS_SURVEY, CES_SURVEY = "would-you-recommend-us", "was-it-easy"
DEPOSIT, CARD, LOAN = "deposit-offer", "gold-card", "second-loan"

POLICIES: Mapping[str, Any] = {
    "time_zone": "UTC",
    "channels": {
        "email": {"direction": "outbound"},
        "app": {"direction": "inbound", "slots": 1},
        "call_center": {"direction": "inbound", "slots": 2, "reserve": "30m"},
    },
    "incidents": {"default": ["service", "resolution"]},
    "purposes": ["marketing", "research"],
    "pressure": [{"id": "email-week", "channels": ["email"], "at_most": 1, "per": "7d"}],
    "policies": [
        {
            "id": "frozen-card",
            "require": "!customer.is_frozen",
            "kinds": ["promotional"],
            "text": {"es": "Tarjeta congelada: sin ofertas.", "en": "A frozen card: no offers."},
        }
    ],
    "priors": {
        "promotional": 0.1,
        "service": 0.3,
        "resolution": 0.5,
        "onboarding": 0.15,
        "feedback": 0.1,
        "loyalty": 0.2,
        "celebration": 0.2,
    },
}


def _journey(name: str, kind: str, tier: int, objective: Mapping[str, Any], *actions: Any, **more: Any) -> Any:
    stages = more.pop("stages", None) or [{"stage": "need", "actions": list(actions)}]
    title = {"es": name, "en": name}
    return {
        "journey": name,
        "title": title,
        "owner": "tests",
        "kind": kind,
        "tier": tier,
        "objective": objective,
        "stages": stages,
        **more,
    }


def _action(name: str, expects: str, *channels: str, **more: Any) -> Mapping[str, Any]:
    return {"id": name, "channels": list(channels), "tone": "plain", "expects": expects, **more}


def _offer(name: str, audience: str, value: float, category: str, **more: Any) -> Any:
    look = _action(f"{name}-look", "looks at the offer", "email", "app", "call_center", offer=True, cost=0.1)
    sign = _action(f"{name}-sign", "signs the contract", "email", "app", "call_center", offer=True, cost=0.2)
    return _journey(
        name,
        "promotional",
        4,
        {"outcome": "CONVERTED", "within": "14d", "value": value},
        audience=audience,
        attributes={"category": category},
        consent=["marketing"],
        cooldown={"REJECTED": "30d", "CONVERTED": "60d"},
        stages=[{"stage": "select", "actions": [look]}, {"stage": "purchase", "actions": [sign]}],
        **more,
    )


JOURNEYS: tuple[Any, ...] = (
    _journey(
        APOLOGY,
        "resolution",
        1,
        {"outcome": "ENGAGED", "within": "3d", "value": 5.0},
        _action("apology", "reads the apology", "app", "email", "call_center", cost=0.05),
        audience="situation.has_open_incident",
    ),
    _journey(
        NPS_SURVEY,
        "feedback",
        3,
        {"outcome": "NPS", "within": "7d", "value": 2.0},
        _action("nps-card", "says how likely a recommendation is", "app", "email"),
        audience="customer.accounts_open >= 2",
        consent=["research"],
        contact={"at_most": 1, "per": "60d"},
    ),
    _journey(
        CES_SURVEY,
        "feedback",
        3,
        {"outcome": "CES", "within": "7d", "value": 2.0},
        _action("ces-call", "says how easy it was", "call_center"),
        consent=["research"],
        contact={"at_most": 1, "per": "14d"},
    ),
    _offer(DEPOSIT, "customer.balance > 10000.0", 20.0, "savings", contact={"at_most": 2, "per": "14d"}),
    _offer(CARD, 'customer.card_rating == "plain"', 12.0, "cards", contact={"at_most": 2, "per": "14d"}),
    _offer(LOAN, "customer.accounts_open >= 3", 15.0, "loans", capacity={"units": 10, "per": "week"}),
    _offer(OUT_OF_REACH, "customer.balance > 60000.0", 500.0, "savings"),
    _journey(
        OPEN_DOOR,
        "service",
        5,
        {"outcome": "ENGAGED", "within": "1d", "value": 1.0},
        _action("help-screen", "finds an answer", "app"),
        _action("help-call", "says what is needed", "call_center"),
    ),
    _journey(
        OUTRANKED,
        "service",
        6,
        {"outcome": "ENGAGED", "within": "1d", "value": 0.1},
        _action("news-tile", "reads the news of the branch", "app"),
    ),
)


def write_catalogue(folder: Path) -> None:
    """Writes it into `folder`."""
    (folder / "journeys").mkdir(parents=True)
    _write(folder / "policies.yaml", POLICIES)
    for journey in JOURNEYS:
        _write(folder / "journeys" / f"{journey['journey']}.yaml", journey)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
