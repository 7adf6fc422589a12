"""Rows of every table that tells of customers, drawn at random and written past the store's own door.

Whoever has a row in a table has a version of that kind above 0, as every way in gives her; the reverse need not be.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from service.decision.facts import MOST_OPEN, MOST_RESOLVED, FactKind
from service.state.engines.session import Session, Sql, micros, placeholders
from tests.builders import NOW

CUSTOMERS = tuple(f"c{n}" for n in range(9))
FLOODED = CUSTOMERS[0]
"""Of her there are more incidents than are told."""
STRANGERS = ("nobody", "somebody else")
PURPOSES, CHANNELS = ("marketing", "surveys", "service", "*"), ("web", "email", "sms", "*")
JOURNEYS, NAMES = ("news", "other", "Ñandú"), ("last_purchase_at", "last_renewed_at", "last_claim_at")
SOURCES = ("crm", "ticketing", "tests")
HOUR = timedelta(hours=1) // timedelta(microseconds=1)
Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RandomRows:
    draw: random.Random

    def write(self, session: Session) -> None:
        for name, rows in self.tables().items():
            for row in rows:
                text = f"INSERT INTO {name} ({', '.join(row)}) VALUES {placeholders(row)} ON CONFLICT DO NOTHING"
                session.execute(Sql(text, list(row.values())))

    def tables(self) -> dict[str, list[Cells]]:
        own = [row for customer_id in CUSTOMERS for row in self._of(customer_id)]
        found: dict[str, list[Cells]] = {"customers": []}
        for name, _, row in own:
            found.setdefault(name, []).append(row)
        for customer_id in CUSTOMERS:
            kinds = {kind for _, kind, row in own if row["customer_id"] == customer_id}
            found["customers"].append(self._customer(customer_id, kinds))
        found["kills"] = [{"target": f"journey:{j}", "since": self._at(), "why": f"why {j}"} for j in JOURNEYS[:2]]
        found["versions"] = [{"name": "kills", "version": 7}]
        found["feeds"] = [{"source": source, "heartbeat_at": self._at()} for source in SOURCES]
        return found

    def _of(self, customer_id: str) -> Iterator[tuple[str, str, Cells]]:
        """Her rows, each with its table and the version that it raised."""
        draw = self.draw
        for number in range(draw.choice((0, 0, 4, 12))):
            yield "contacts", "contacts", self._contact(customer_id, number)
        for number in range(draw.choice((0, 0, 5, 20))):
            yield "outcomes", "outcomes", self._outcome(customer_id, number)
        for number in range(MOST_OPEN + MOST_RESOLVED + 30 if customer_id == FLOODED else draw.choice((0, 0, 3, 8))):
            yield "incidents", "incidents", self._incident(customer_id, number)
        for _ in range(draw.choice((0, 3, 9))):
            yield "consents", "consents", self._consent(customer_id)
        for journey in draw.sample(JOURNEYS, draw.choice((0, 1, 3))):
            place = {"customer_id": customer_id, "journey_id": journey, "stage": "need", "since": self._at()}
            yield "enrolments", "places", place
        for name in draw.sample(NAMES, draw.choice((0, 2, 3))):
            yield "latest_events", "events", {"customer_id": customer_id, "name": name, "at": self._at()}

    def _customer(self, customer_id: str, kinds: set[str]) -> Cells:
        versions = {
            f"{kind}_version": self.draw.randint(1, 9) if kind in kinds or self.draw.random() < 0.2 else 0
            for kind in (*(kind.value for kind in FactKind), "contacts")
        }
        return {"customer_id": customer_id, "has_events": int(bool(kinds - {"contacts"})), **versions}

    def _contact(self, customer_id: str, number: int) -> Cells:
        draw, at, decided_at = self.draw, self._at(), self._at()
        state = draw.choice(("RESERVED", "PRESENTED", "RELEASED"))
        return {
            "decision_id": f"{customer_id}-{draw.randrange(1000)}-{number}",
            "journey_id": draw.choice(JOURNEYS),
            "customer_id": customer_id,
            "kind": "service",
            "channel": draw.choice(CHANNELS[:3]),
            "stage": "need",
            "at": at,
            "decided_at": draw.choice((at, decided_at)),
            "presented_at": draw.choice((at, decided_at)) if state == "PRESENTED" else None,
            "reserved_until": self._at(),
            "counts_until": draw.choice((None, self._at())),
            "state": state,
            "cost": draw.choice((0.0, 0.25)),
            "displaces": "[]",
        }

    def _outcome(self, customer_id: str, number: int) -> Cells:
        draw = self.draw
        return {
            "outcome_id": f"o-{customer_id}-{number}",
            "decision_id": f"d{draw.randrange(3)}",
            "journey_id": draw.choice(JOURNEYS),
            "customer_id": customer_id,
            "type": draw.choice(("PRESENTED", "NOT_PRESENTED", "ENGAGED", "REJECTED")),
            "value": None,
            "occurred_at": 0,
            "at": self._at(),
            "received_at": 0,
            "late": 0,
            "fingerprint": "",
        }

    def _incident(self, customer_id: str, number: int) -> Cells:
        draw = self.draw
        opened, resolved = draw.choice(((1, 0), (0, 1), (1, 1)))
        return {
            "customer_id": customer_id,
            "incident_id": f"i{number}",
            "opened_at": self._at() if opened else None,
            "opened_by": "",
            "resolved_at": self._at() if resolved else None,
            "incident_class": draw.choice((None, "billing")),
            "severity": draw.choice((None, "low")),
        }

    def _consent(self, customer_id: str) -> Cells:
        draw = self.draw
        granted, withdrawn = draw.choice(((1, 0), (0, 1), (1, 1)))
        return {
            "customer_id": customer_id,
            "purpose": draw.choice(PURPOSES),
            "channel": draw.choice(CHANNELS),
            "granted_at": self._at() if granted else None,
            "withdrawn_at": self._at() if withdrawn else None,
        }

    def _at(self) -> int:
        """Hours around NOW, few enough to meet each other, and the ends of what is asked for."""
        return micros(NOW) + self.draw.randint(-30, 6) * HOUR
