"""The only reader of the environment. Every setting has a safe default or is asked for by name."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DECISION_QUEUE = "counterseal"
"""The task queue of governed actions and of what they touch."""


class Settings(BaseSettings):
    """Read from ``COUNTERSEAL_…`` variables.

    ``database_url`` is a Postgres URL of the application role. ``gateway_keys`` are the public
    keys (base64url) of the gateways whose signed messages workers believe; ``gateway_key_file``
    is this gateway's own private key. ``answer_within`` and ``longest_wait`` are seconds.
    """

    model_config = SettingsConfigDict(env_prefix="COUNTERSEAL_", extra="ignore")

    database_url: str
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    gateway_key_file: Path | None = None
    gateway_keys: Annotated[tuple[str, ...], NoDecode] = ()
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    answer_within: float = Field(default=5.0, gt=0, le=60)
    longest_wait: float = Field(default=60.0, ge=0, le=600)
    sandbox: bool = False
    log_level: str = "INFO"
    cached_actions: int = Field(default=2000, gt=0)

    @field_validator("gateway_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take a comma-separated list."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
