"""``make up``: the whole stack in the foreground, until Ctrl-C."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from rich.console import Console
from rich.text import Text

from entrypoints.bootstrap import Keys
from entrypoints.processes import free_port
from entrypoints.stack import API_PORT, ROOT, TEMPORAL_PORT, UI_PORT, Ports, Stack, StackFailed

console = Console()


def main() -> int:
    """Run until told to stop; whatever dies meanwhile is started again."""
    options = _options()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ports = Ports(free_port(API_PORT), free_port(TEMPORAL_PORT), free_port(UI_PORT))
    stack = Stack(options.data, policies=options.policies, ui=True, ports=ports)
    try:
        with console.status("Starting Postgres, Temporal, worker, API, signer and witness"):
            keys = stack.start()
        _show(stack, keys)
        while not stop.wait(0.25):
            for name in stack.heal():
                console.print(f"[yellow]{name} had ended and was started again[/]")
    except StackFailed as failed:
        console.print(f"[red]{failed}[/]", markup=True)
        return 1
    finally:
        with console.status("Stopping; holds are kept and go on when you start again"):
            stack.stop()
    console.print("Stopped. Holds are kept in", str(options.data))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make up", description=__doc__, epilog="Example: make up DATA=/var/tmp/counterseal"
    )
    parser.add_argument("--data", type=Path, default=ROOT / ".counterseal")
    parser.add_argument("--policies", type=Path, default=ROOT / "policies" / "starter")
    return parser.parse_args()


def _show(stack: Stack, keys: Keys) -> None:
    shown = {
        "API": stack.url,
        "OpenAPI": f"{stack.url}/openapi.json",
        "Temporal": stack.temporal_address,
        "Temporal's UI": str(stack.ui),
        "Signer": f"{stack.notaries.signer_url}/readyz",
        "Witness": f"{stack.notaries.witness_url}, publishing to {stack.notaries.witnessed}",
        "Whom auditors trust": str(stack.notaries.trust_file),
        "Policy": str(stack.policies),
        "agent key": keys.agent,
        "auditor key": keys.auditor,
        "operator key": keys.operator,
        **{f"approver key ({person})": key for person, key in keys.approvers.items()},
    }
    console.print("[bold green]Counterseal is up.[/] Ctrl-C stops it.\n")
    for name, value in shown.items():
        # Never cut or wrapped: keys are there to be copied.
        console.print(Text(f"{name:<24}"), Text(value), soft_wrap=True, sep="")
    console.print(
        "\nTemporal keeps payloads encrypted. To read them in its UI, sign in as operator at\n"
        f"      {stack.url}/v1/codec/sign-in\n"
        "then, in the UI's Codec Server settings, use your browser setting with the endpoint\n"
        f"      {stack.url}/v1/codec\n"
        "and tick 'Include cross-origin credentials'.",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"\nTry:  export COUNTERSEAL_URL={stack.url} COUNTERSEAL_API_KEY=<a key from above>\n"
        "      .venv/bin/counterseal actions ls\n",
        soft_wrap=True,
        highlight=False,
    )


if __name__ == "__main__":
    sys.exit(main())
