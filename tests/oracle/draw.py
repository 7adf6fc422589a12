"""Draws catalogues, customers, happenings and questions. Same seed, same draw."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tests.oracle.conditions import Combination, Compare, Condition, Fact, Holds, Not, Why
from tests.oracle.history import Customer, Question, StoredConsent, StoredFeatures, StoredIncident
from tests.oracle.plain import (
    KINDS,
    OTHERS,
    STAGES,
    Action,
    Budget,
    Catalogue,
    Channel,
    Cooldown,
    Feed,
    IncidentClass,
    Journey,
    Limit,
    Policies,
    Policy,
    Pressure,
    Quiet,
    Requirement,
    Weight,
)

T = TypeVar("T")

CHANNELS = ("email", "push", "web", "app")
OUTBOUND = ("email", "push")
PLACEMENTS = ("home", "cart")
PURPOSES = ("marketing", "loyalty", "service")
CLASSES = ("delivery", "billing")
SEVERITIES = ("minor", "major")
RESPONSES = ("REJECTED", "ACCEPTED", "CONVERTED")
PERIODS = ("2h", "1d", "3d", "7d", "day", "week", "month")
RESTS = ("2h", "1d", "5d", "20d")
ZONES = ("Europe/Madrid", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
REGIONS = ("US", "ES", "US-NY", "ES-MD")
BEGINS = datetime(2026, 11, 20, tzinfo=UTC)

CODES = (
    "KILLED",
    "NOT_VALID_NOW",
    "INCIDENT_OPEN",
    "CONSENT_MISSING",
    "POLICY",
    "STAGE",
    "AUDIENCE",
    "COOLDOWN",
    "NEVER_WITH",
    "NEVER_AFTER",
    "IN_FLIGHT",
    "CONTACT_CAP",
    "PRESSURE_CAP",
    "QUIET_HOURS",
    "CAPACITY",
    "BUDGET",
)


class Draw:
    """`focus` names a code whose rules and facts are drawn often, and all others seldom."""

    def __init__(self, seed: str, focus: str | None = None) -> None:
        self.chance = random.Random(seed)
        self._focus = focus

    def has(self, code: str, usual: float) -> bool:
        """Whether a rule of this code is drawn."""
        if self._focus is None:
            return self.chance.random() < usual
        return self.chance.random() < (0.9 if code == self._focus else 0.15 * usual)

    def likely(self, p: float) -> bool:
        return self.chance.random() < p

    def one(self, of: Sequence[T]) -> T:
        return self.chance.choice(of)

    def some(self, of: Sequence[T], least: int = 1, most: int | None = None) -> tuple[T, ...]:
        """In their order."""
        number = self.chance.randint(least, len(of) if most is None else min(most, len(of)))
        chosen = set(self.chance.sample(range(len(of)), number))
        return tuple(x for i, x in enumerate(of) if i in chosen)

    def span(self, longest: timedelta) -> timedelta:
        return timedelta(microseconds=self.chance.randrange(int(longest / timedelta(microseconds=1))) + 1)

    def pause(self) -> timedelta:
        """Mostly short, at times days."""
        longest = self.chance.choices(
            (timedelta(seconds=50), timedelta(minutes=40), timedelta(hours=16), timedelta(days=6)), (40, 25, 25, 10)
        )[0]
        return self.span(longest)

    # The catalogue

    def catalogue(self, now: datetime) -> Catalogue:
        names = [f"j{i}" for i in range(self.chance.randint(4, 9))]
        journeys = {name: self._journey(name, names, now) for name in names}
        return Catalogue(policies=self._policies(names), journeys=journeys)

    def _journey(self, name: str, names: Sequence[str], now: datetime) -> Journey:
        kind = self.one(KINDS)
        is_helping = kind not in OTHERS
        others = [n for n in names if n != name]
        stages = self.some(STAGES, 1, 3 if self.has("STAGE", 0.5) else 1)
        begin = now + self.chance.uniform(-20, 20) * timedelta(days=1)
        consent = () if is_helping and self.likely(0.7) else self.some(PURPOSES[:2], 1, 2)
        is_dated = self.has("NOT_VALID_NOW", 0.15)
        return Journey(
            journey_id=name,
            kind=kind,
            tier=self.one((1, 2, 3, 3, 4)),
            stages={stage: self._actions(name, stage, can_offer=bool(consent)) for stage in stages},
            within=self.one(("1d", "7d")),
            value=self.one((1.0, 5.0, 12.5)),
            prior=self.one((None, 0.1, 0.6)),
            audience=self._required() if self.has("AUDIENCE", 0.3) else None,
            lever=1.5 if self.likely(0.2) else None,
            context_weight=Weight(when=self._condition(), weight=1.25) if self.likely(0.2) else None,
            consent=consent,
            contact=self._limit() if self.has("CONTACT_CAP", 0.35) else None,
            cooldown=self._cooldown(others) if self.has("COOLDOWN", 0.35) else None,
            capacity=Limit(at_most=self.chance.randint(1, 6), per=self.one(PERIODS))
            if self.has("CAPACITY", 0.2)
            else None,
            never_with=self.some(others, 1, 2) if self.has("NEVER_WITH", 0.2) else (),
            never_after={o: self.one(RESTS) for o in self.some(others, 1, 2)} if self.has("NEVER_AFTER", 0.2) else {},
            max_duration=self.one(("1d", "6d", "30d")) if self.likely(0.3) else None,
            exit_when=self._condition() if self.likely(0.15) else None,
            switchable=self.likely(0.3),
            bypass=self.some(("PRESSURE_CAP", "QUIET_HOURS", "AUDIENCE", "COOLDOWN", "IN_FLIGHT", "STAGE"), 1, 2)
            if is_helping and self.likely(0.3)
            else (),
            valid_from=begin if is_dated and self.likely(0.7) else None,
            valid_until=begin + timedelta(days=self.chance.randint(5, 30)) if is_dated else None,
        )

    def _actions(self, name: str, stage: str, *, can_offer: bool) -> tuple[Action, ...]:
        return tuple(
            Action(
                action_id=f"{name}-{stage}-{i}",
                channels=self.some(CHANNELS, 1 if self.has("STAGE", 0.5) else 3),
                placements=self.some(PLACEMENTS) if self.likely(0.2) else (),
                is_offer=can_offer and self.likely(0.25),
                cost=self.one((0.0, 0.25, 0.5)),
            )
            for i in range(self.one((1, 1, 2)))
        )

    def _limit(self) -> Limit:
        return Limit(at_most=self.one((1, 1, 2, 3)), per=self.one(PERIODS))

    def _cooldown(self, others: Sequence[str]) -> Cooldown:
        ignored = (self.one((1, 2)), self.one(RESTS)) if self.likely(0.5) else None
        rests = {kind: self.one(RESTS) for kind in self.some(RESPONSES, 0 if ignored else 1)}
        return Cooldown(rests=rests, ignored=ignored, also=self.some(others, 1, 2) if self.likely(0.3) else ())

    def _required(self) -> Requirement:
        return Requirement(
            when=self._condition(),
            on_missing=self.one(("deny", "allow")),
            on_stale=self.one(("deny", "allow", "use")),
            on_unknown_customer=self.one((None, "allow", "deny")),
            max_age=self.one((None, None, "1d", "10d")),
        )

    def _condition(self, depth: int = 2) -> Condition:
        if depth and self.likely(0.4):
            if self.likely(0.2):
                return Not(self._condition(depth - 1))
            return Combination(self.one(("&&", "||")), self._condition(depth - 1), self._condition(depth - 1))
        ordered = ("<", ">=")
        simple: tuple[Condition, ...] = (
            Compare("customer.baskets_90d", self.one(ordered), self.chance.randint(0, 9)),
            Compare("customer.spend_90d", self.one(ordered), float(self.chance.randint(0, 900))),
            Compare("customer.recency_days", self.one(ordered), float(self.chance.randint(0, 40))),
            Compare("customer.household_size", self.one(("==", "!=")), self.one(("1", "2"))),
            Compare("context.page", self.one(("==", "!=")), self.one(PLACEMENTS)),
            Compare("context.basket_value", self.one(ordered), 50.0),
            Compare("channel", self.one(("==", "!=")), self.one(CHANNELS)),
            Holds("customer.is_known"),
            Holds("situation.has_open_incident"),
        )
        return self.one(simple)

    def _policies(self, names: Sequence[str]) -> Policies:
        return Policies(
            channels={
                name: Channel(
                    is_outbound=name in OUTBOUND,
                    slots=self.chance.randint(1, 4),
                    reserve=self.one(("15m", "2h", "24h")),
                    unconfirmed=self.one(("count", "release")),
                )
                for name in CHANNELS
            },
            time_zone=self.one(ZONES),
            incident_default=IncidentClass(allow=("service", "resolution"), severities={}, grace=None)
            if self.likely(0.5)
            else self._class(),
            incident_classes={name: self._class() for name in self.some(CLASSES, 0)},
            incident_feed=Feed(source="ticketing", max_age="1d") if self.has("INCIDENT_OPEN", 0.1) else None,
            consent_feed=Feed(source="consents", max_age="1d") if self.likely(0.05) else None,
            purposes=PURPOSES,
            pressure=tuple(
                Pressure(
                    pressure_id=f"p{i}",
                    limit=Limit(at_most=self.chance.randint(1, 4), per=self.one(PERIODS)),
                    kinds=self.some(KINDS) if self.likely(0.5) else (),
                    channels=self.some(CHANNELS) if self.likely(0.7) else (),
                )
                for i in range(2)
                if self.has("PRESSURE_CAP", 0.4)
            ),
            quiet=tuple(self._quiet(f"q{i}") for i in range(2) if self.has("QUIET_HOURS", 0.4)),
            budgets=tuple(
                Budget(
                    budget_id=f"b{i}",
                    amount=self.one((0.5, 1.0, 2.25)),
                    per=self.one(PERIODS),
                    kinds=self.some(KINDS) if self.likely(0.5) else (),
                    journeys=self.some(names) if self.likely(0.3) else (),
                    channels=self.some(CHANNELS) if self.likely(0.5) else (),
                )
                for i in range(2)
                if self.has("BUDGET", 0.3)
            ),
            in_flight={k: self.chance.randint(1, 2) for k in KINDS if self.has("IN_FLIGHT", 0.4)},
            policies=tuple(
                Policy(
                    policy_id=f"own-{i}",
                    require=self._required(),
                    kinds=self.some(KINDS) if self.likely(0.5) else (),
                    journeys=self.some(names) if self.likely(0.3) else (),
                )
                for i in range(2)
                if self.has("POLICY", 0.3)
            ),
        )

    def _class(self) -> IncidentClass:
        return IncidentClass(
            allow=self.some(KINDS, 1, 6),
            severities={s: self.some(KINDS, 1, 6) for s in self.some(SEVERITIES, 0)},
            grace=self.one((None, "1d", "4d")),
        )

    def _quiet(self, name: str) -> Quiet:
        hours = (
            (f"{self.chance.randrange(24):02}:30", f"{self.chance.randrange(24):02}:00") if self.likely(0.7) else None
        )
        weekends = self.likely(0.3)
        return Quiet(
            quiet_id=name,
            channels=self.some(OUTBOUND),
            hours=hours,
            weekends=weekends,
            holidays=self.likely(0.4) or (hours is None and not weekends),
            kinds=self.some(KINDS) if self.likely(0.5) else (),
            on_missing=self.one(("deny", "allow")),
        )

    # What is known of customers

    def customers(self, now: datetime) -> dict[str, Customer]:
        return {name: Customer(customer_id=name, stored=self.stored(now)) for name in ("ana", "bo", "eva", "li")}

    def stored(self, now: datetime) -> StoredFeatures:
        stored = StoredFeatures()
        trouble = self.likely(0.35)
        if not trouble or self.likely(0.5):
            self._view(
                stored, now, {"time_zone": self.one((*ZONES, "Nowhere/Land")) if trouble else self.one(ZONES)}, 0
            )
            self._view(stored, now, {"holiday_region": self.one(REGIONS)}, 0.1 if trouble else 0)
        elif self.likely(0.7):
            self._gone(stored, ("time_zone", "holiday_region"), self.one((Why.UNREACHABLE, Why.STALE)), now)
        if not trouble or self.likely(0.4):
            drawn = {"baskets_90d": self.chance.randint(0, 9), "spend_90d": float(self.chance.randint(0, 900))}
            self._view(stored, now, drawn, 0.2 if trouble else 0)
        else:
            self._gone(stored, ("baskets_90d", "spend_90d"), self.one((Why.UNREACHABLE, Why.STALE)), now)
        if self.likely(0.8):
            self._view(stored, now, {"last_purchase_at": 0}, 0)
        elif trouble:
            self._gone(stored, ("last_purchase_at",), Why.UNREACHABLE, now)
        if self.likely(0.6):
            self._view(stored, now, {"household_size": self.one(("1", "2"))}, 0)
        stored.incidents = self._incidents(now) if not trouble or self.likely(0.7) else self.one(tuple(Why)[1:])
        stored.consents = self._consents(now) if not trouble or self.likely(0.7) else self.one(tuple(Why)[1:])
        lists = stored.incidents, stored.consents
        facts = stored.features.values()
        stored.is_complete = Why.UNREACHABLE not in (*lists, *(f.why for f in facts))
        stored.has_any_row = any(f.why is not Why.UNREACHABLE for f in facts) or any(
            x is Why.STALE or (not isinstance(x, Why) and x) for x in lists
        )
        return StoredFeatures() if self.likely(0.08) else stored

    def _view(
        self, stored: StoredFeatures, now: datetime, values: Mapping[str, str | int | float], empty: float
    ) -> None:
        at = now - self.span(timedelta(days=20))
        for name, value in values.items():
            is_empty = self.likely(empty)
            stored.features[name] = Fact(why=Why.MISSING, at=at) if is_empty else Fact(value=value, at=at)

    def _gone(self, stored: StoredFeatures, names: Sequence[str], why: Why, now: datetime) -> None:
        at = now - timedelta(days=40)
        for name in names:
            value = self.one(ZONES) if name == "time_zone" else 5 if name == "baskets_90d" else 50.0
            stored.features[name] = Fact(why=why) if why is Why.UNREACHABLE else Fact(value=value, why=why, at=at)

    def _incidents(self, now: datetime) -> Sequence[StoredIncident]:
        if not self.has("INCIDENT_OPEN", 0.15):
            return ()
        return [
            StoredIncident(
                incident_id=name,
                incident_class=self._class_or_none(),
                severity=self.one((None, *SEVERITIES)),
                is_open=self.likely(0.4),
                at=now - self.span(timedelta(days=20)),
            )
            for name in self.some(("i1", "i2", "i9"), 1, 2)
        ]

    def _class_or_none(self) -> str | None:
        return self.one((None, *CLASSES, "unheard-of"))

    def _consents(self, now: datetime) -> Sequence[StoredConsent]:
        if not self.has("CONSENT_MISSING", 0.15):
            return ()
        return [
            StoredConsent(purpose=p, channel=c, is_granted=self.likely(0.5), at=now - self.span(timedelta(days=20)))
            for p, c in self.some([(p, c) for p in PURPOSES for c in CHANNELS], 1, 2)
        ]

    # Questions

    def question(self, customer_id: str) -> Question:
        context: dict[str, str | float] = {}
        if self.likely(0.5):
            context["page"] = self.one(PLACEMENTS)
        if self.likely(0.5):
            context["basket_value"] = self.one((20.0, 80.0))
        return Question(
            customer_id=customer_id,
            channel=self.one(CHANNELS),
            placement=self.one((None, None, None, *PLACEMENTS)),
            context=context,
            limit=self.one((None, None, 1, 2, 5, 50)),
            is_dry_run=self.likely(0.5),
        )
