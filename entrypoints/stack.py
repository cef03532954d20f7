"""The whole control plane on one machine, from Postgres to the signer. Real ones, no stand-ins.

Used by ``make up``, the demo, the benchmarks and the tests. Everything it keeps lies in one folder,
so that stopping and starting again finds every hold where it was.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.payload_keys import make_payload_keys
from adapters.postgres.migrate import migrate
from adapters.signing_keys import make_signing_key
from domain.evidence.statement import packager
from entrypoints.bootstrap import TENANT, Keys, bootstrap, read_keys
from entrypoints.keys import make_gateway_key
from entrypoints.notaries import Notaries
from entrypoints.processes import Child, free_port
from entrypoints.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
API_PORT, TEMPORAL_PORT, UI_PORT = 8420, 7233, 8233


class StackFailed(Exception):  # noqa: N818 - it reads as what happened
    """A part did not come up; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen, on loopback."""

    api: int
    temporal: int
    ui: int | None


class Stack:
    """Starts, heals and stops the parts. ``data`` is where everything is kept."""

    def __init__(
        self,
        data: Path,
        *,
        policies: Path = ROOT / "policies" / "starter",
        roster: Path = ROOT / "policies" / "roster.yaml",
        ui: bool = False,
        ports: Ports | None = None,
        temporal_flags: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data.absolute()
        self.policies = policies
        self.roster = roster
        self.postgres = EmbeddedPostgres(self.data / "postgres")
        self.ports = ports or Ports(free_port(0), free_port(0), free_port(0) if ui else None)
        server = Settings.model_fields["log_origin"].default
        self.notaries = Notaries(self.data, server, free_port(0), free_port(0))
        self._temporal_flags = temporal_flags
        self._environment = dict(environment or {})
        self.children: dict[str, Child] = {}
        self.keys: Keys | None = None

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.ports.api}"

    @property
    def payload_keys(self) -> Path:
        """Where the keys lie that payloads in Temporal are encrypted with."""
        return self.data / "payload.keys"

    @property
    def data_keys(self) -> Path:
        """Where the keys lie that the keys of sensitive values are wrapped with."""
        return self.data / "data.keys"

    @property
    def packager_key(self) -> Path:
        """Where the key lies that evidence packages are signed with."""
        return self.data / "packager.pem"

    @property
    def ui(self) -> str | None:
        """Where Temporal's UI runs, if it does."""
        return None if self.ports.ui is None else f"http://127.0.0.1:{self.ports.ui}"

    @property
    def temporal_address(self) -> str:
        """Where Temporal's frontend listens."""
        return f"127.0.0.1:{self.ports.temporal}"

    def start(self) -> Keys:
        """Bring everything up, ready to answer; return one key per role."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o711)  # Postgres may have a user of its own, who must get through
        temporal = self._temporal()
        self.children = {"temporal": temporal}  # from here on there is something to stop
        temporal.start()  # it takes as long as Postgres does: side by side
        dsn = self.postgres.start()
        migrate(self.postgres.admin_dsn)
        gateway = make_gateway_key(self.data / "gateway.pem")
        make_payload_keys(self.payload_keys)
        make_payload_keys(self.data_keys)
        environment = self._settings(dsn, gateway)
        packages = packager(self.notaries.server, make_signing_key(self.packager_key).public)
        self.notaries.trust(TENANT, [packages])
        self.children = {
            "temporal": temporal,
            **self.notaries.children(self.postgres.signer_dsn, {"PYTHONUNBUFFERED": "1"}, ROOT),
            "worker": self._python("worker", ["worker.py"], environment),
            "api": self._python("api", ["-m", "entrypoints.api"], environment),
        }
        for name in ("worker", "api", "signer", "witness"):
            self.children[name].start()
        self.keys = read_keys(self.data / "keys.json") or asyncio.run(
            bootstrap(dsn, self.data / "keys.json", self.policies, self.roster)
        )
        self.wait_until_ready()
        return self.keys

    def settings(self) -> Settings:
        """Give the settings its parts run with, for code that runs beside them."""
        return Settings(
            database_url=self.postgres.dsn,
            temporal_address=self.temporal_address,
            gateway_key_file=self.data / "gateway.pem",
            gateway_keys=(make_gateway_key(self.data / "gateway.pem"),),
            payload_keys=f"file:{self.payload_keys}",
            data_keys=f"file:{self.data_keys}",
            host="127.0.0.1",
            port=self.ports.api,
        )

    def heal(self) -> list[str]:
        """Start again whatever has died; name what was started."""
        started = []
        if not self.postgres.is_alive():
            self.postgres.start()
            started.append("postgres")
        for child in self.children.values():
            if child.pid is None:
                child.start()
                started.append(child.name)
        return started

    def wait_until_ready(self, patience: float = 60.0) -> None:
        """Wait until the API can reach the ledger and the orchestrator.

        A worker that is still starting makes the first answers slow, never wrong.
        """
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for child in self.children.values():
                if child.process is not None and child.pid is None:
                    raise StackFailed(f"{child.name} ended: {child.last_words()}")
            if self._is_ready():
                return
            time.sleep(0.05)
        words = "\n".join(child.last_words() for child in self.children.values())
        raise StackFailed(f"not ready after {patience:g} s: {words}")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=3) as answer:  # noqa: S310 - loopback
                return json.load(answer)["ready"] is True
        except (URLError, OSError, ValueError):
            return False

    def stop(self) -> None:
        """Stop everything in the order that loses least time at the next start."""
        self.stop_all_but_postgres()
        self.postgres.stop()

    def stop_all_but_postgres(self) -> None:
        """Leave the database to whoever wants to look at it alone."""
        for name in ("api", "worker", "signer", "witness", "temporal"):
            if name in self.children:
                self.children[name].stop()

    def _temporal(self) -> Child:
        flags = [
            line.strip()
            for line in (ROOT / "temporal" / "dev-server.flags").read_text("utf-8").splitlines()
            if line.strip() and not line.startswith("#")
        ]
        ui = (
            ["--headless"]
            if self.ports.ui is None
            else [
                *("--ui-port", str(self.ports.ui), "--ui-ip", "127.0.0.1"),
                *("--ui-codec-endpoint", f"{self.url}/v1/codec"),
            ]
        )
        program = Path(sys.executable).parent / "temporal"
        return Child(
            "temporal",
            [
                *(str(program), "server", "start-dev", "--ip", "127.0.0.1"),
                *("--port", str(self.ports.temporal)),
                *("--http-port", str(free_port(0)), "--metrics-port", str(free_port(0))),
                *("--db-filename", str(self.data / "temporal.db")),
                *ui,
                *flags,
                *self._temporal_flags,
            ],
            self.data / "temporal.log",
        )

    def _python(self, name: str, arguments: list[str], environment: dict[str, str]) -> Child:
        return Child(
            name,
            [sys.executable, *arguments],
            self.data / f"{name}.log",
            environment=environment,
            folder=ROOT,
        )

    def _settings(self, dsn: str, gateway: str) -> dict[str, str]:
        return {
            "COUNTERSEAL_DATABASE_URL": dsn,
            "COUNTERSEAL_TEMPORAL_ADDRESS": self.temporal_address,
            "COUNTERSEAL_GATEWAY_KEY_FILE": str(self.data / "gateway.pem"),
            "COUNTERSEAL_GATEWAY_KEYS": gateway,
            "COUNTERSEAL_PAYLOAD_KEYS": f"file:{self.payload_keys}",
            "COUNTERSEAL_DATA_KEYS": f"file:{self.data_keys}",
            "COUNTERSEAL_PACKAGER_KEY": f"file:{self.packager_key}",
            "COUNTERSEAL_TRUST_FILE": str(self.notaries.trust_file),
            "COUNTERSEAL_HOST": "127.0.0.1",
            "COUNTERSEAL_PORT": str(self.ports.api),
            "PYTHONUNBUFFERED": "1",
            "HOME": os.environ.get("HOME", str(self.data)),
            **({"COUNTERSEAL_TEMPORAL_UI_ORIGIN": self.ui} if self.ui else {}),
            **self._environment,
        }
