"""Administration on the server's side: prepare a database, make a gateway key, begin a tenant.

Example: python -m entrypoints.admin migrate postgresql://postgres@db/counterseal
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from adapters.payload_keys import make_payload_keys, rotate_payload_keys
from adapters.postgres.migrate import migrate
from adapters.postgres.readers import make_reader
from adapters.signing_keys import make_signing_key
from counterseal.core.signing import encode
from counterseal.core.tlog.checkpoint import origin_of
from counterseal.core.tlog.note import SignatureType, VerifierKey
from domain.evidence.statement import packager
from domain.ports import Unavailable
from entrypoints.bootstrap import TENANT, bootstrap, read_keys
from entrypoints.keys import make_gateway_key
from entrypoints.settings import Settings
from entrypoints.stack import ROOT


def main() -> int:
    """Do what was asked; 0 if it is done or was done before, 1 if it cannot be."""
    options = _options()
    try:
        told: dict[str, object] = options.run(options)
    except (Unavailable, OSError, ValueError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)  # noqa: T201 - it is a command
        return 1
    shown = json.dumps(told) if options.json else "\n".join(f"{k}: {v}" for k, v in told.items())
    print(shown)  # noqa: T201 - it is a command
    return 0


def _migrate(options: argparse.Namespace) -> dict[str, object]:
    migrate(options.dsn)
    return {"schema": "up to date"}


def _gateway_key(options: argparse.Namespace) -> dict[str, object]:
    return {"file": str(options.file), "public key": make_gateway_key(options.file)}


def _key_file(options: argparse.Namespace) -> dict[str, object]:
    make = rotate_payload_keys if options.rotate else make_payload_keys
    return {"file": str(options.file), "newest key": make(options.file)}


def _log_key(options: argparse.Namespace) -> dict[str, object]:
    key = make_signing_key(options.file)
    name = origin_of(options.origin, options.tenant)
    verifier = VerifierKey(name, SignatureType.ED25519, key.public)
    return {
        "file": str(options.file),
        "public key": encode(key.public),
        "verifier": str(verifier),
        "family": str(VerifierKey(options.origin, SignatureType.ED25519, key.public)),
    }


def _packager_key(options: argparse.Namespace) -> dict[str, object]:
    verifier = packager(options.origin, make_signing_key(options.file).public)
    return {"file": str(options.file), "trust line": f"packager {verifier}"}


def _tenant(options: argparse.Namespace) -> dict[str, object]:
    if read_keys(options.keys) is not None:
        raise ValueError(f"{options.keys} has keys already; name another file")
    asyncio.run(
        bootstrap(options.dsn, options.keys, options.policies, options.roster, options.name)
    )
    return {"tenant": options.name, "keys": str(options.keys)}


def _reader(options: argparse.Namespace) -> dict[str, object]:
    role = options.role or f"counterseal_reader_{options.tenant}"
    is_new = asyncio.run(make_reader(options.dsn, options.tenant, role))
    return {"role": role, "tenant": options.tenant, "new": is_new}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m entrypoints.admin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    commands = parser.add_subparsers(dest="command", required=True)

    one = commands.add_parser("migrate", help="create or upgrade the schema; safe to repeat")
    one.add_argument("dsn", help="a Postgres URL of an administrator or of counterseal_owner")
    one.set_defaults(run=_migrate)

    one = commands.add_parser("gateway-key", help="make a gateway's signing key, if there is none")
    one.add_argument("file", type=Path, help="where the private key is kept, mode 0600")
    one.set_defaults(run=_gateway_key)

    one = commands.add_parser("payload-key", help="make keys for payloads, if there are none")
    one.add_argument("file", type=Path, help="where the keys are kept, mode 0600")
    one.add_argument("--rotate", action="store_true", help="put a new key before the others")
    one.set_defaults(run=_key_file)

    one = commands.add_parser("data-key", help="make keys for sensitive values, if there are none")
    one.add_argument("file", type=Path, help="where the keys are kept, mode 0600")
    one.add_argument("--rotate", action="store_true", help="put a new key before the others")
    one.set_defaults(run=_key_file)

    one = commands.add_parser("log-key", help="make the signer's key, if there is none")
    one.add_argument("file", type=Path, help="where the private key is kept, mode 0600")
    one.add_argument("--origin", default=Settings.model_fields["log_origin"].default)
    one.add_argument("--tenant", default=TENANT, help="whose log the verifier key names")
    one.set_defaults(run=_log_key)

    one = commands.add_parser("packager-key", help="make the key of evidence packages, if none")
    one.add_argument("file", type=Path, help="where the private key is kept, mode 0600")
    one.add_argument("--origin", default=Settings.model_fields["log_origin"].default)
    one.set_defaults(run=_packager_key)

    one = commands.add_parser("tenant", help="begin a tenant: roster, policy, one key per role")
    one.add_argument("dsn", help="a Postgres URL of counterseal_app")
    one.add_argument("--name", default=TENANT)
    one.add_argument("--keys", type=Path, required=True, help="file for the keys, mode 0600")
    one.add_argument("--policies", type=Path, default=ROOT / "policies" / "starter")
    one.add_argument("--roster", type=Path, default=ROOT / "policies" / "roster.yaml")
    one.set_defaults(run=_tenant)

    one = commands.add_parser("reader", help="make a database role that reads one tenant only")
    one.add_argument("dsn", help="a Postgres URL of an administrator")
    one.add_argument("tenant")
    one.add_argument("--role", help="its name, counterseal_reader_<tenant> if none is given")
    one.set_defaults(run=_reader)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
