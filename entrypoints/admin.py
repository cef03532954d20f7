"""Administration on the server's side: prepare a database, make a gateway key, begin a tenant.

Example: python -m entrypoints.admin migrate postgresql://postgres@db/counterseal
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from adapters.postgres.migrate import migrate
from domain.ports import Unavailable
from entrypoints.bootstrap import TENANT, bootstrap, read_keys
from entrypoints.keys import make_gateway_key
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


def _tenant(options: argparse.Namespace) -> dict[str, object]:
    if read_keys(options.keys) is not None:
        raise ValueError(f"{options.keys} has keys already; name another file")
    asyncio.run(
        bootstrap(options.dsn, options.keys, options.policies, options.roster, options.name)
    )
    return {"tenant": options.name, "keys": str(options.keys)}


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

    one = commands.add_parser("tenant", help="begin a tenant: roster, policy, one key per role")
    one.add_argument("dsn", help="a Postgres URL of counterseal_app")
    one.add_argument("--name", default=TENANT)
    one.add_argument("--keys", type=Path, required=True, help="file for the keys, mode 0600")
    one.add_argument("--policies", type=Path, default=ROOT / "policies" / "starter")
    one.add_argument("--roster", type=Path, default=ROOT / "policies" / "roster.yaml")
    one.set_defaults(run=_tenant)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
