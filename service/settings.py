"""How a service is set up: by RUMBO_* variables, or by the options of `rumbo serve`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.company.home import HOME
from features.errors import RumboError
from service.state.engines.engine import Durability
from service.state.engines.postgres_url import PostgresUrl
from service.state.upkeep.retention import Retention

LONGEST_DAYS = 36500
MOST_WORKERS = 256
AGE_S, AGE_AMONG_WORKERS_S, LONGEST_AGE_S = 3600.0, 60.0, 86400.0
"""How old a connection becomes before it is made anew."""
ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}
"""Who listens on every address is called on this machine's own."""
_LINK: Final = re.compile(r"(tcp|udp|sctp)://")
"""How Kubernetes sets RUMBO_PORT in every pod beside a Service that is named `rumbo`."""


def _kept(table: str) -> int:
    """A number of days whose default is that of `Retention`."""
    days: int = Field(default=getattr(Retention(), table).days, ge=1, le=LONGEST_DAYS)
    return days


class SettingInvalid(RumboError):
    """Variables that are not what they must be, by name; what they hold is not told, for it may be a secret."""

    def __init__(self, error: ValidationError) -> None:
        faults = (("_".join(map(str, fault["loc"])) or "*", fault["msg"]) for fault in error.errors())
        super().__init__("; ".join(f"RUMBO_{name.upper()}: {text}" for name, text in faults))


class Settings(BaseSettings):
    """`company` is the folder of rumbo.yaml, `home` holds every embedded file, `catalogue` goes before the company's.

    Everything else has a default that works on one machine.

    `state_url` names a PostgreSQL database, `postgresql://…`, for the state in place of a file in `home`; it may hold a
    password, so it is read from the environment and never shown. `keep_…_days` say how long rows of the state are kept.

    `allow_unrecorded`: while the state store is away, answer with the journeys that need none of its facts, in place of
    UNAVAILABLE. It accepts for these answers the kill list as the process last read it, withdrawals of consent as the
    feature store has them, and that nobody will know what was shown.

    `trust_group`: serve a home that others of its group can write, as where a volume is made writable for a group.

    `workers`: how many processes serve. With several, connections are made anew every minute, so that they spread over
    them and leave one that is replaced; with one, every hour. `connection_age_s` says another age.

    A service that ends is NOT_SERVING and refuses new calls for at least `notice_s`, so that whoever calls goes
    elsewhere, and gives those under way `drain_s` to end.

    `max_calls_…`: how many calls of a method are worked on at once, and how many with a message of more than 64 kB; one
    more is refused, RESOURCE_EXHAUSTED. Of questions fewer are while they wait longer than `max_wait_decide_s` to be
    begun, but for `min_calls_decide`.

    Raises: RetentionTooShort, SettingInvalid, UrlInvalid.
    """

    model_config = SettingsConfigDict(env_prefix="RUMBO_", frozen=True)

    company: Path | None = None
    home: Path = Path(HOME)
    catalogue: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=50051, ge=0, le=65535)
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=MOST_WORKERS)
    connection_age_s: float | None = Field(default=None, ge=1.0, le=LONGEST_AGE_S)
    durability: Durability = Durability.POWER_SAFE
    state_url: SecretStr | None = None
    allow_unrecorded: bool = False
    trust_group: bool = False
    drain_s: float = Field(default=10.0, ge=0.0)
    notice_s: float = Field(default=1.0, ge=0.0)
    max_calls_decide: int = Field(default=64, ge=1)
    min_calls_decide: int = Field(default=8, ge=1)
    max_wait_decide_s: float = Field(default=0.1, gt=0.0)
    max_calls_record_events: int = Field(default=64, ge=1)
    max_calls_record_outcomes: int = Field(default=64, ge=1)
    max_calls_get_decision: int = Field(default=64, ge=1)
    max_calls_large: int = Field(default=8, ge=1)
    keep_decisions_days: int = _kept("decisions")
    keep_contacts_days: int = _kept("contacts")
    keep_outcomes_days: int = _kept("outcomes")
    keep_events_days: int = _kept("events")
    keep_moves_days: int = _kept("moves")
    keep_pool_uses_days: int = _kept("pool_uses")
    keep_catalogues_days: int = _kept("catalogues")

    @model_validator(mode="wrap")
    @classmethod
    def _tell_faults(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(_without_links(values))
        except ValidationError as error:
            raise SettingInvalid(error) from None

    @field_validator("state_url")
    @classmethod
    def _check_state_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            PostgresUrl.read(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _check_retention(self) -> Self:
        """Refuses a retention that is too short at once, not when rows are about to be deleted."""
        _ = self.retention
        return self

    @property
    def address(self) -> str:
        """Where a caller on this machine finds the service."""
        host = ANY_HOST.get(self.host, self.host)
        return f"{host}:{self.port}"

    @property
    def age_s(self) -> float:
        """How old a connection becomes before it is made anew."""
        if self.connection_age_s is not None:
            return self.connection_age_s
        return AGE_S if self.workers == 1 else AGE_AMONG_WORKERS_S

    @property
    def state_file(self) -> Path:
        return self.home / "state.db"

    @property
    def retention(self) -> Retention:
        days = {field.name: getattr(self, f"keep_{field.name}_days") for field in fields(Retention)}
        return Retention(**{table: timedelta(days=kept) for table, kept in days.items()})


def _without_links(values: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    links = {name for name in ("port", "metrics_port") if _LINK.match(str(values.get(name, "")))}
    return {name: value for name, value in values.items() if name not in links}
