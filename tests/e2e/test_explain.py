"""`rumbo catalogue explain`: every verdict on a journey for a customer, read from the home of a service."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.commands.catalogue import catalogue
from tests.e2e.wire import REGULAR, opened
from tests.fixtures_service import Clock, row_counts, running


def explain(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(catalogue, ["explain", *arguments, "--home", str(home)])


def rules_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, (result.output, result.exception)
    return {rule["constraint"]: rule for rule in json.loads(result.output)["rules"]}


def test_rules_that_allow_are_told_with_values_limits_and_ages(own_home: Path) -> None:
    result = explain(own_home, "rescue-basket", "--customer", REGULAR, "--channel", "app", "--json")
    rules = rules_of(result)
    assert rules["KILLED"]["verdict"] == "allows"
    assert rules["CONSENT_MISSING marketing"]["observed"]["status"] == "PRESENT"
    assert rules["CONSENT_MISSING marketing"]["age_s"]["granted"] > 0
    assert rules["CONTACT_CAP rescue-basket"]["observed"] == {"contacts": 0}
    assert rules["CONTACT_CAP rescue-basket"]["limits"] == {"at_most": 2, "per": 14 * 86400}
    audience = rules["AUDIENCE rescue-basket"]
    assert audience["limits"]["condition"].startswith("customer.recency_days > 30.0")
    assert audience["observed"]["customer.recency_days"] > 0
    assert audience["age_s"]["customer.recency_days"] > 0


def test_denial_is_told_in_the_caller_s_language(own_home: Path) -> None:
    result = explain(own_home, "bring-a-friend", "--customer", "nobody", "--channel", "app", "--locale", "es")
    assert result.exit_code == 0, result.output
    assert "unknown" in result.output
    assert "NOT_FOUND" in result.output
    assert "• CONSENT_MISSING: Falta el consentimiento del cliente" in result.output


async def test_incident_of_a_moment_ago_is_seen_and_nothing_is_changed(own_home: Path) -> None:
    now = datetime.now(UTC)
    async with running(own_home, Clock(now)) as service:
        message = opened()
        message.occurred_at.FromDatetime(now - timedelta(hours=1))
        await service.tell(message)
    before = facts_kept(own_home)
    rules = await _in_thread(own_home, "complaint-apology", "--customer", REGULAR, "--channel", "web", "--json")
    assert rules["AUDIENCE complaint-apology"]["verdict"] == "allows"
    assert rules["AUDIENCE complaint-apology"]["observed"] == {"situation.has_open_incident": True}
    offers = await _in_thread(own_home, "pantry-mailer", "--customer", REGULAR, "--channel", "web", "--json")
    assert offers["INCIDENT_OPEN promotional"]["verdict"] == "denies"
    assert offers["INCIDENT_OPEN promotional"]["observed"]["open_incidents"] == 1
    assert facts_kept(own_home) == before


def facts_kept(home: Path) -> dict[str, int]:
    """Rows by table, without the counters: a pool that nobody counted yet is counted by the first who asks for it."""
    return {name: rows for name, rows in row_counts(home).items() if name not in ("pools", "pool_uses", "versions")}


def test_journey_without_anything_on_a_channel_is_an_error_of_the_caller(own_home: Path) -> None:
    result = explain(own_home, "pantry-mailer", "--customer", REGULAR, "--channel", "sms")
    assert result.exit_code != 0
    assert "no journey 'pantry-mailer' with something to show on sms" in str(result.exception)


@pytest.mark.usefixtures("of_the_example")
def test_home_without_a_store_is_an_error_of_the_caller(tmp_path: Path) -> None:
    result = explain(tmp_path, "pantry-mailer", "--customer", REGULAR, "--channel", "web")
    assert result.exit_code != 0
    assert "there is no state store" in str(result.exception)
    assert not list(tmp_path.iterdir()), "nothing is made by asking"


async def _in_thread(home: Path, *arguments: str) -> dict[str, Any]:
    """The command runs a loop of its own."""
    import asyncio

    return rules_of(await asyncio.to_thread(explain, home, *arguments))
