"""How a service is set up: by RUMBO_* variables, or by the options of `rumbo serve`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.catalogue.load import EXAMPLE
from service.state.database import Durability


class Settings(BaseSettings):
    """`home` holds every embedded file; everything else has a default that works on one machine."""

    model_config = SettingsConfigDict(env_prefix="RUMBO_", frozen=True)

    home: Path = Path(".rumbo")
    catalogue: Path = EXAMPLE
    host: str = "127.0.0.1"
    port: int = Field(default=50051, ge=0, le=65535)
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    durability: Durability = Durability.POWER_SAFE
    drain_s: float = Field(default=10.0, ge=0.0)

    @property
    def feature_repo(self) -> Path:
        return self.home / "feast"

    @property
    def state_file(self) -> Path:
        return self.home / "state.db"
