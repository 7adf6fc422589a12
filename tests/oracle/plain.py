"""A catalogue in a plain form: what is drawn, what the oracle reads, and the documents that the loader gets.

The fields are those of the YAML; durations and periods are kept as they are written there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.oracle.conditions import Condition

STAGES = ("need", "research", "select", "purchase", "receive", "use", "maintain", "recommend")
KINDS = ("promotional", "service", "resolution", "onboarding", "feedback", "loyalty", "celebration")
HELPING = ("service", "resolution")
OTHERS = tuple(kind for kind in KINDS if kind not in HELPING)

FAR = date(2099, 12, 31)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def lasting(text: str) -> timedelta:
    """`7d` as a time."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A condition of an audience or a policy, with what to do about facts that cannot be had."""

    when: Condition
    on_missing: str = "deny"
    on_stale: str = "deny"
    on_unknown_customer: str | None = None
    max_age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    at_most: int
    per: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    action_id: str
    channels: tuple[str, ...]
    placements: tuple[str, ...]
    is_offer: bool
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    rests: Mapping[str, str]
    """By type of response."""
    ignored: tuple[int, str] | None
    """So many times, so long a rest."""
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    when: Condition
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    journey_id: str
    kind: str
    tier: int
    stages: Mapping[str, tuple[Action, ...]]
    within: str
    value: float
    prior: float | None = None
    audience: Requirement | None = None
    lever: float | None = None
    context_weight: Weight | None = None
    consent: tuple[str, ...] = ()
    contact: Limit | None = None
    cooldown: Cooldown | None = None
    capacity: Limit | None = None
    never_with: tuple[str, ...] = ()
    never_after: Mapping[str, str] = field(default_factory=dict)
    """By the other journey, within so long."""
    max_duration: str | None = None
    exit_when: Condition | None = None
    switchable: bool = False
    bypass: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def document(self) -> dict[str, Any]:
        return _written(
            journey=self.journey_id,
            title={"es": self.journey_id, "en": self.journey_id},
            owner="somebody",
            kind=self.kind,
            tier=self.tier,
            audience=self.audience and _required("when", self.audience),
            objective={"outcome": "CONVERTED", "within": self.within, "value": self.value},
            prior=self.prior,
            lever=self.lever and {"weight": self.lever, "until": FAR, "why": "to see whether it matters"},
            context_weight=self.context_weight
            and [{"when": self.context_weight.when.text(), "weight": self.context_weight.weight}],
            consent=list(self.consent),
            contact=self.contact and _limit(self.contact),
            cooldown=self.cooldown and _cooldown(self.cooldown),
            capacity=self.capacity and {"units": self.capacity.at_most, "per": self.capacity.per},
            never_with=list(self.never_with),
            never_after=[{"journey": other, "within": within} for other, within in self.never_after.items()],
            max_duration=self.max_duration,
            exit_when=self.exit_when and self.exit_when.text(),
            switchable=self.switchable,
            bypass=list(self.bypass),
            valid=_written(**{"from": _instant(self.valid_from), "until": _instant(self.valid_until)}) or None,
            stages=[
                {"stage": stage, "actions": [_action(a) for a in actions]} for stage, actions in self.stages.items()
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    is_outbound: bool
    slots: int
    reserve: str
    unconfirmed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentClass:
    allow: tuple[str, ...]
    severities: Mapping[str, tuple[str, ...]]
    grace: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    source: str
    max_age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    pressure_id: str
    limit: Limit
    kinds: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    quiet_id: str
    channels: tuple[str, ...]
    hours: tuple[str, str] | None
    weekends: bool
    holidays: bool
    kinds: tuple[str, ...]
    on_missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    budget_id: str
    amount: float
    per: str
    kinds: tuple[str, ...]
    journeys: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    policy_id: str
    require: Requirement
    kinds: tuple[str, ...]
    journeys: tuple[str, ...]

    @property
    def code(self) -> str:
        return "POLICY_" + self.policy_id.upper().replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    channels: Mapping[str, Channel]
    time_zone: str
    incident_default: IncidentClass
    incident_classes: Mapping[str, IncidentClass]
    incident_feed: Feed | None
    consent_feed: Feed | None
    purposes: tuple[str, ...]
    pressure: tuple[Pressure, ...]
    quiet: tuple[Quiet, ...]
    budgets: tuple[Budget, ...]
    in_flight: Mapping[str, int]
    policies: tuple[Policy, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Those whose heartbeats count."""
        return tuple(feed.source for feed in (self.incident_feed, self.consent_feed) if feed is not None)

    def document(self) -> dict[str, Any]:
        return _written(
            time_zone=self.time_zone,
            channels={name: _channel(c) for name, c in self.channels.items()},
            incidents=_written(
                default=_class(self.incident_default),
                classes={name: _class(c) for name, c in self.incident_classes.items()},
                feed=self.incident_feed
                and {"source": self.incident_feed.source, "max_age": self.incident_feed.max_age},
            ),
            consents=self.consent_feed
            and {"feed": {"source": self.consent_feed.source, "max_age": self.consent_feed.max_age}},
            purposes=list(self.purposes),
            pressure=[
                {"id": p.pressure_id, **_limit(p.limit), "kinds": list(p.kinds), "channels": list(p.channels)}
                for p in self.pressure
            ],
            quiet_hours=[_quiet(q) for q in self.quiet],
            budgets=[
                {
                    "id": b.budget_id,
                    "amount": b.amount,
                    "per": b.per,
                    "kinds": list(b.kinds),
                    "journeys": list(b.journeys),
                    "channels": list(b.channels),
                }
                for b in self.budgets
            ],
            in_flight=dict(self.in_flight),
            policies=[
                {
                    "id": p.policy_id,
                    **_required("require", p.require),
                    "text": {"es": p.policy_id, "en": p.policy_id},
                    "kinds": list(p.kinds),
                    "journeys": list(p.journeys),
                }
                for p in self.policies
            ],
            context={"page": "string", "basket_value": "double"},
            priors=dict.fromkeys(KINDS, 0.25),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    policies: Policies
    journeys: Mapping[str, Journey]

    def write(self, folder: Path) -> None:
        (folder / "journeys").mkdir(parents=True)
        _dump(folder / "policies.yaml", self.policies.document())
        for journey in self.journeys.values():
            _dump(folder / "journeys" / f"{journey.journey_id}.yaml", journey.document())


def _dump(path: Path, document: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _written(**fields: Any) -> dict[str, Any]:
    """Without what is absent, so that the defaults are tried too."""
    return {name: value for name, value in fields.items() if value not in (None, [], {}, False)}


def _required(name: str, required: Requirement) -> dict[str, Any]:
    return _written(
        **{
            name: required.when.text(),
            "on_missing": required.on_missing,
            "on_stale": required.on_stale,
            "on_unknown_customer": required.on_unknown_customer,
            "max_age": required.max_age,
        }
    )


def _limit(limit: Limit) -> dict[str, Any]:
    return {"at_most": limit.at_most, "per": limit.per}


def _cooldown(cooldown: Cooldown) -> dict[str, Any]:
    ignored = cooldown.ignored and {"times": cooldown.ignored[0], "for": cooldown.ignored[1]}
    return _written(**cooldown.rests, ignored=ignored, also=list(cooldown.also))


def _action(action: Action) -> dict[str, Any]:
    return {
        "id": action.action_id,
        "channels": list(action.channels),
        **_written(placements=list(action.placements), offer=action.is_offer, cost=action.cost),
        "tone": "plain",
        "expects": "something",
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "direction": "outbound" if channel.is_outbound else "inbound",
        "slots": channel.slots,
        "reserve": channel.reserve,
        "unconfirmed": channel.unconfirmed,
    }


def _class(incident_class: IncidentClass) -> dict[str, Any]:
    return {
        "allow": list(incident_class.allow),
        **_written(
            severities={name: list(kinds) for name, kinds in incident_class.severities.items()},
            grace=incident_class.grace,
        ),
    }


def _quiet(quiet: Quiet) -> dict[str, Any]:
    hours = {} if quiet.hours is None else {"from": quiet.hours[0], "to": quiet.hours[1]}
    return {
        "id": quiet.quiet_id,
        "channels": list(quiet.channels),
        **hours,
        **_written(weekends=quiet.weekends, holidays=quiet.holidays, kinds=list(quiet.kinds)),
        "on_missing": quiet.on_missing,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
