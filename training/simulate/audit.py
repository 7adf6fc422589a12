"""Whether anything was shown that the catalogue forbids: counted again from the catalogue's text, and from what was
reported, by nothing of the decision's own code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from service.decision.decide import Decision
from service.decision.reports.rows import CustomerEvent, Outcome, OutcomeType
from training.simulate.people import People, Visit
from training.simulate.scenario import NEW_JOURNEY, START, ZONES

HELPING = ("service", "resolution")
COMPANY_ZONE = ZoneInfo("Europe/Madrid")
QUIET_FROM, QUIET_TO = 21, 9
NEWCOMER_DAYS, OFTEN = 21, 4
GIVEN_BACK_AFTER = timedelta(hours=2)
"""When a place on the app is given back that nobody confirmed; on e-mail it counts."""
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def journeys() -> dict[str, dict[str, Any]]:
    """The documents of the catalogue, with the journey that comes later."""
    folder = resources.files("training.simulate") / "company" / "catalogue" / "journeys"
    documents = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in folder.iterdir()]
    return {document["journey"]: document for document in documents}


@cache
def policies() -> dict[str, Any]:
    text = (resources.files("training.simulate") / "company" / "catalogue" / "policies.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))


def span(text: str) -> timedelta:
    """Such as 7d."""
    return int(text[:-1]) * _UNITS[text[-1]]


@dataclass(slots=True)
class _Shown:
    decision_id: str
    journey: str
    channel: str
    at: datetime
    presented_at: datetime | None = None

    def counts(self, since: datetime, now: datetime) -> bool:
        if self.presented_at is None and self.channel == "app" and now >= self.at + GIVEN_BACK_AFTER:
            return False
        return (self.presented_at or self.at) > since


@dataclass(slots=True)
class _Record:
    """Of one customer."""

    shown: list[_Shown] = field(default_factory=list)
    answers: list[tuple[str, str, datetime]] = field(default_factory=list)
    consents: set[tuple[str, str]] = field(default_factory=set)
    incidents: set[str] = field(default_factory=set)


class Auditor:
    """Told of all that is decided and reported; `violations` says what should not have been shown, and why."""

    def __init__(self, people: People, units: int | None = None) -> None:
        """`units`: of the journey whose capacity the simulation scales."""
        self._people = people
        self._units = units
        self._new_on = people.scenario.new_journey_on
        self._records: dict[int, _Record] = defaultdict(_Record)
        self._used: dict[tuple[str, date], list[_Shown]] = defaultdict(list)
        self.violations: list[str] = []
        self.shown = 0
        self.most: dict[str, int] = defaultdict(int)
        """By cap the most that was counted, the contact itself with it."""

    def told(self, events: Sequence[CustomerEvent]) -> None:
        for event in events:
            record, said = self._records[self._people.place[event.customer_id]], event.attributes
            if event.type == "consent.granted":
                record.consents.add((str(said["purpose"]), str(said["channel"])))
            elif event.type == "consent.withdrawn":
                record.consents = {one for one in record.consents if one[0] != said["purpose"]}
            elif event.type == "incident.opened":
                record.incidents.add(str(said["incident_id"]))
            elif event.type == "incident.resolved":
                record.incidents.discard(str(said["incident_id"]))

    def reported(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            record = self._records[self._people.place[outcome.customer_id]]
            if outcome.type is OutcomeType.PRESENTED:
                for shown in record.shown:
                    if (shown.decision_id, shown.journey) == (outcome.decision_id, outcome.journey_id):
                        shown.presented_at = outcome.occurred_at
            else:
                record.answers.append((outcome.journey_id, outcome.type.value, outcome.occurred_at))

    def decided(self, decision: Decision, visit: Visit) -> None:
        record = self._records[visit.who]
        if decision.arm.value == "HOLDOUT":
            sold = [p.journey_id for p in decision.picks if journeys()[p.journey_id]["kind"] not in HELPING]
            self.violations.extend(f"{visit.at} {visit.who} {journey}: holdout" for journey in sold)
        if len(decision.picks) > (slots := policies()["channels"][visit.channel]["slots"]):
            self.violations.append(f"{visit.at} {visit.who}: {len(decision.picks)} of {slots} slots of {visit.channel}")
        for pick in decision.picks:
            document = journeys()[pick.journey_id]
            self.shown += 1
            for why in self._forbidden(document, record, visit):
                self.violations.append(f"{visit.at} {visit.who} {pick.journey_id}: {why}")
            shown = _Shown(decision.terms.decision_id, pick.journey_id, visit.channel, visit.at)
            record.shown.append(shown)
            self._used[pick.journey_id, visit.at.astimezone(COMPANY_ZONE).date()].append(shown)

    def _forbidden(self, document: dict[str, Any], record: _Record, visit: Visit) -> Iterator[str]:
        """Why it may not be shown."""
        journey, kind = document["journey"], document["kind"]
        yield from self._not_for(journey, record, visit)
        if record.incidents and kind not in HELPING:
            yield "an incident is open"
        for purpose in document.get("consent", []):
            if (purpose, visit.channel) not in record.consents:
                yield f"no consent to {purpose}"
        local = visit.at.astimezone(ZoneInfo(ZONES[self._people.zone[visit.who]]))
        if visit.channel == "email" and kind not in HELPING and not QUIET_TO <= local.hour < QUIET_FROM:
            yield f"quiet hours: {local:%H:%M}"
        for answer, rests in document.get("cooldown", {}).items():
            last = max((at for one, said, at in record.answers if (one, said) == (journey, answer)), default=_NEVER)
            if visit.at < last + span(rests):
                yield f"rests after {answer}"
        for other in document.get("never_after", []):
            shown = [s.presented_at for s in record.shown if s.journey == other["journey"]]
            if any(at is not None and visit.at < at + span(other["within"]) for at in shown):
                yield f"after {other['journey']}"
        yield from self._too_many(document, record, visit)

    def _not_for(self, journey: str, record: _Record, visit: Visit) -> Iterator[str]:
        days, comes_on = (visit.at - self._people.member_since(visit.who)) / timedelta(days=1), self._new_on
        if journey == NEW_JOURNEY and (comes_on is None or (visit.at - START).days < comes_on):
            yield "not in the catalogue yet"
        actions = [a for stage in journeys()[journey]["stages"] for a in stage["actions"]]
        if not any(visit.channel in action["channels"] for action in actions):
            yield f"not on {visit.channel}"
        if journey == "sorry" and not record.incidents:
            yield "no incident is open"
        if journey == "welcome" and days >= NEWCOMER_DAYS:
            yield f"a member for {days:.1f} days"
        if journey == "one-question" and self._people.visits[(visit.at - START).days, visit.who] < OFTEN:
            yield "comes too seldom"

    def _too_many(self, document: dict[str, Any], record: _Record, visit: Visit) -> Iterator[str]:
        journey, now = document["journey"], visit.at
        caps: list[tuple[str, int, int]] = []
        if contact := document.get("contact"):
            since = now - span(contact["per"])
            own = sum(s.journey == journey and s.counts(since, now) for s in record.shown)
            caps.append((journey, own + 1, contact["at_most"]))
        for cap in policies()["pressure"]:
            kinds, since = cap.get("kinds"), now - span(cap["per"])
            of_cap = [s for s in record.shown if _is_of(s.journey, s.channel, kinds, cap.get("channels"))]
            if _is_of(journey, visit.channel, kinds, cap.get("channels")):
                caps.append((cap["id"], sum(s.counts(since, now) for s in of_cap) + 1, cap["at_most"]))
        if "capacity" in document and self._units is not None:
            today = self._used[journey, now.astimezone(COMPANY_ZONE).date()]
            caps.append((f"units of {journey}", sum(s.counts(_NEVER, now) for s in today) + 1, self._units))
        for name, count, limit in caps:
            self.most[name] = max(self.most[name], count)
            if count > limit:
                yield f"{name}: {count} of {limit}"


def _is_of(journey: str, channel: str, kinds: list[str] | None, channels: list[str] | None) -> bool:
    kind = journeys()[journey]["kind"]
    is_kind = kind not in HELPING if kinds is None else kind in kinds
    return is_kind and (channels is None or channel in channels)
