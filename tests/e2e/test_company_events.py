"""A company's own types of events, from its rumbo.yaml to what a caller is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rumbo.decision.v1 import events_pb2, row_pb2, value_pb2
from service.wire.client import Client
from tests.e2e.test_second_company import HELP, HOLDER, OFFER, asked, bank, company, denied, ranked, said, served

__all__ = ["bank", "company"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DECLARED = """\
events:
  claim.opened: {opens_incident: claims}
  claim.closed: {resolves_incident: claims}
  card.renewed: {attributes: {fee: double}, latest: last_renewed_at}
"""
THANKS = """\
journey: thanks
title: {es: "Gracias", en: "Thank you"}
owner: cards
kind: service
tier: 1
audience: customer.renewal_days < 1.0
objective: {event: card.renewed, where: "fee >= 5.0", within: 28d, value: 5.0}
stages:
  - stage: use
    actions:
      - {id: thanks-tile, channels: [app], tone: plain, expects: "reads it"}
"""


@pytest.fixture
def declaring(company: Path) -> Path:
    """The company, with events of its own, an age that follows from one, and a journey that speaks of both."""
    file = company / "rumbo.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    notes = next(line for line in lines if line.startswith("  notes: features.yaml"))
    text = "\n".join(lines).replace(notes, f"{notes}\n  derived: {{renewal_days: days_since(last_renewed_at)}}")
    file.write_text(f"{text}\n{DECLARED}")
    (company / "catalogue" / "journeys" / "thanks.yaml").write_text(THANKS)
    return company


def tell(client: Client, event_type: str, **attributes: str | float) -> events_pb2.EventResult:
    """What became of an event of the holder that happens now."""
    values = {
        name: value_pb2.Value(string_value=value) if isinstance(value, str) else value_pb2.Value(double_value=value)
        for name, value in attributes.items()
    }
    event = events_pb2.Event(
        event_id=f"{event_type}-{datetime.now(UTC).timestamp()}",
        customer_id=HOLDER,
        source="core-banking",
        type=event_type,
        attributes=values,
    )
    event.occurred_at.GetCurrentTime()
    (result,) = client.record_events([event]).results
    return result


def rejection(result: events_pb2.EventResult) -> tuple[str, str]:
    return result.rejection.field, result.rejection.code


def test_declared_events_close_the_gate_and_move_an_age_in_the_next_call(declaring: Path) -> None:
    assert "0 errors, 0 warnings" in said("catalogue", "check", "--company", str(declaring))
    with served(declaring) as (client, _):
        assert tell(client, "consent.granted", purpose="marketing", channel="app").status == row_pb2.ROW_STATUS_ACCEPTED
        before = asked(client)
        assert ranked(before) == [OFFER, HELP]
        assert denied(before, "thanks") == ["AUDIENCE"]
        assert tell(client, "claim.opened", incident_id="c-1").status == row_pb2.ROW_STATUS_ACCEPTED
        assert denied(asked(client), OFFER)[:1] == ["INCIDENT_OPEN"]
        assert tell(client, "claim.closed", incident_id="c-1").status == row_pb2.ROW_STATUS_ACCEPTED
        assert tell(client, "card.renewed", fee=9.5).status == row_pb2.ROW_STATUS_ACCEPTED
        after = asked(client)
        assert ranked(after)[0] == "thanks"
        assert "INCIDENT_OPEN" not in denied(after, OFFER)


def test_what_is_not_as_it_is_declared_is_rejected_by_its_field(declaring: Path) -> None:
    with served(declaring) as (client, _):
        assert rejection(tell(client, "card.renewed", fee="9.5")) == ("attributes.fee", "NOT_A_NUMBER")
        assert rejection(tell(client, "claim.opened")) == ("attributes.incident_id", "MISSING")
        assert rejection(tell(client, "card.lost")) == ("type", "UNKNOWN_TYPE")
