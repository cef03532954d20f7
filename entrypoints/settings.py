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
    ``worker_metrics_port`` is where the worker tells Prometheus of its checks, if it is given.
    ``payload_keys`` (``file:`` and a path) is what payloads in Temporal are encrypted with;
    ``temporal_ui_origin`` is where Temporal's UI runs that may ask for them in clear.
    ``data_keys`` (``file:`` and a path, or ``aws-kms:`` and a key) is what the keys of sensitive
    values are wrapped with. ``packager_key`` names the key that evidence packages are signed with
    (``adapters.signing_keys``), ``trust_file`` the keys of signer and witnesses, to be told.
    """

    model_config = SettingsConfigDict(env_prefix="COUNTERSEAL_", extra="ignore")

    database_url: str
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    gateway_key_file: Path | None = None
    gateway_keys: Annotated[tuple[str, ...], NoDecode] = ()
    payload_keys: str | None = None
    data_keys: str | None = None
    log_origin: str = "counterseal.local"
    packager_key: str | None = None
    trust_file: Path | None = None
    temporal_ui_origin: Annotated[str | None, Field(pattern=r"^https?://[^/\s]+$")] = None
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    answer_within: float = Field(default=5.0, gt=0, le=60)
    longest_wait: float = Field(default=60.0, ge=0, le=600)
    sandbox: bool = False
    log_level: str = "INFO"
    cached_actions: int = Field(default=2000, gt=0)
    worker_metrics_port: int | None = Field(default=None, ge=0, le=65535)

    @field_validator("gateway_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take a comma-separated list."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


class SignerSettings(BaseSettings):
    """What the signer reads, from the same kind of variables. It shares no key with the others.

    ``database_url`` is a Postgres URL of the signer's role. ``log_key`` names the keys to sign
    with (``adapters.signing_keys``), ``signer_state`` the folder of its own memory. ``witnesses``
    are ``<verifier key>@<url>``, of which ``witness_quorum`` make a checkpoint witnessed.
    """

    model_config = SettingsConfigDict(env_prefix="COUNTERSEAL_", extra="ignore")

    database_url: str
    log_origin: str = "counterseal.local"
    log_key: Annotated[tuple[str, ...], NoDecode]
    signer_state: Path
    witnesses: Annotated[tuple[str, ...], NoDecode] = ()
    witness_quorum: int = Field(default=1, ge=1)
    signer_host: str = "127.0.0.1"
    signer_port: int = Field(default=8431, ge=0, le=65535)
    log_level: str = "INFO"

    @field_validator("log_key", "witnesses", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take a comma-separated list."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
