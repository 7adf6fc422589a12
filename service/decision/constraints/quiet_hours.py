"""QUIET_HOURS: nobody is disturbed at night, nor on days of rest, by the customer's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import ClassVar, Protocol

from features.values import Scalar
from service.decision.constraints.rule import Span
from service.decision.constraints.unknown import OnUnknown
from service.decision.evaluation import Evaluation
from service.decision.facts import SituationPart
from service.decision.verdict import ALLOWED, Observation, Verdict, deny
from service.decision.windows import earliest, first_instant

LONGEST_QUIET = timedelta(days=90)


class Holidays(Protocol):
    """Public holidays by region. Equal calendars are one object."""

    def is_holiday(self, region: str, day: date) -> bool | None:
        """None when the region is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Denies from `begins` to `ends` (local, across midnight if `ends` is earlier), on weekends, on holidays.

    `zone_feature` and `region_feature` name the facts that give the customer's time zone and holiday region. Where an
    unknown region is allowed, its holidays are no days of rest; hours and weekends are told without it.
    """

    quiet_id: str
    begins: time | None
    ends: time | None
    on_weekends: bool
    holidays: Holidays | None
    zone_feature: str
    region_feature: str
    on_unknown: OnUnknown
    code: ClassVar[str] = "QUIET_HOURS"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = ()
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span(asks_if_known=self.on_unknown.tells_strangers_apart)

    def named(self, journey_id: str) -> str:
        return f"{self.code} {self.quiet_id}"

    def denies(self, evaluation: Evaluation) -> bool:
        facts = evaluation.facts
        zone = facts.zone(self.zone_feature)
        if zone is None:
            return self.on_unknown.denies(facts, (self.zone_feature,))
        region, local = facts.text(self.region_feature), facts.now.astimezone(zone)
        is_holiday = self._is_holiday(region, local.date())
        if is_holiday is None and self.on_unknown.denies(facts, (self.region_feature,)):
            return True
        is_rest = bool(is_holiday) or (self.on_weekends and local.weekday() >= 5)
        return is_rest or self._is_quiet_time(local.time())

    def check(self, evaluation: Evaluation) -> Verdict:
        facts = evaluation.facts
        zone = facts.zone(self.zone_feature)
        if zone is None:
            return self.on_unknown.verdict(self.code, facts, (self.zone_feature,), quiet=self.quiet_id)
        region = facts.text(self.region_feature)
        if self.holidays is not None and self._is_holiday(region, facts.now.astimezone(zone).date()) is None:
            verdict = self.on_unknown.verdict(self.code, facts, (self.region_feature,), quiet=self.quiet_id)
            if verdict is not ALLOWED:
                return verdict
        if not self._is_quiet(facts.now, zone, region):
            return ALLOWED
        local = facts.now.astimezone(zone)
        return deny(
            self.code,
            eligible_after=self._first_allowed(facts.now, zone, region),
            quiet=self.quiet_id,
            local_time=f"{local:%H:%M}",
            zone=facts.text(self.zone_feature) or "",
        )

    def seen(self, evaluation: Evaluation) -> Observation:
        facts = evaluation.facts
        zone = facts.zone(self.zone_feature)
        local = "unknown" if zone is None else f"{facts.now.astimezone(zone):%a %H:%M}"
        limits: dict[str, Scalar] = {"weekends": self.on_weekends, "holidays": self.holidays is not None}
        if self.begins is not None and self.ends is not None:
            limits |= {"from": f"{self.begins:%H:%M}", "to": f"{self.ends:%H:%M}"}
        region = facts.text(self.region_feature) or "unknown"
        return Observation(observed={"local_time": local, "holiday_region": region}, limits=limits)

    def _is_quiet(self, at: datetime, zone: tzinfo, region: str | None) -> bool:
        local = at.astimezone(zone)
        if self.on_weekends and local.weekday() >= 5:
            return True
        if self._is_holiday(region, local.date()):
            return True
        return self._is_quiet_time(local.time())

    def _is_quiet_time(self, local: time) -> bool:
        if self.begins is None or self.ends is None:
            return False
        if self.begins < self.ends:
            return self.begins <= local < self.ends
        return local >= self.begins or local < self.ends

    def _is_holiday(self, region: str | None, day: date) -> bool | None:
        if self.holidays is None:
            return False
        return None if region is None else self.holidays.is_holiday(region, day)

    def _first_allowed(self, now: datetime, zone: tzinfo, region: str | None) -> datetime | None:
        """The end of this quiet stretch; None if it is longer than anyone should wait."""
        before = now.replace(microsecond=0)
        for at in self._turns(now, zone):
            if not self._is_quiet(at, zone, region):
                return earliest(before, at, lambda t: not self._is_quiet(t, zone, region))
            before = at
        return None

    def _turns(self, now: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Every instant ahead at which quiet may end, in order: midnights, the daily end, and where clocks jump."""
        day = now.astimezone(zone).date()
        while first_instant(day, zone) <= now + LONGEST_QUIET:
            turns = {first_instant(day, zone), *_jumps(day, zone)}
            if self.ends is not None:
                wall = datetime.combine(day, self.ends)
                turns |= {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
            yield from (at for at in sorted(turns) if at > now)
            day += timedelta(days=1)


def _jumps(day: date, zone: tzinfo) -> Iterator[datetime]:
    """The instant at which clocks jump on this day, if they do."""
    begins, ends = first_instant(day, zone), first_instant(day + timedelta(days=1), zone)
    offset = begins.astimezone(zone).utcoffset()
    if ends.astimezone(zone).utcoffset() != offset:
        yield earliest(begins, ends, lambda at: at.astimezone(zone).utcoffset() != offset)
