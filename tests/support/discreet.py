"""A tenant whose policy calls much sensitive, with everybody who has to do with it."""

import uuid
from typing import Any

from counterseal.client import Counterseal
from tests.support.stack import Caller, Cast, Json

_SENSITIVE = "sensitive: [/pin, /amount, '/cards/*/number', /env, '/notes/*', /blob]"

POLICY = f"""
bundle: discreet
version: "1"
groups: {{people: Whoever is asked}}
defaults: {{route: {{groups: [people], timeout: 1h}}, grant_ttl: 15m, receipt_ttl: 1h}}
classes:
  - id: free
    title: Allowed
    tools: [free]
    verdict: ALLOW
    risk: low
    {_SENSITIVE}
  - id: asked
    title: People are asked
    tools: [asked]
    verdict: STEP_UP
    risk: high
    {_SENSITIVE}
  - id: hasty
    title: People are asked, and have no time
    tools: [hasty]
    verdict: STEP_UP
    risk: high
    route: {{groups: [people], timeout: 1s}}
    {_SENSITIVE}
  - id: wiped
    title: Never
    tools: [wipe]
    verdict: BLOCK
    risk: critical
    {_SENSITIVE}
  - id: fleeting
    title: Allowed, and soon forgotten
    tools: [fleeting]
    verdict: ALLOW
    risk: low
    retention: 1s
    {_SENSITIVE}
  - id: ruled
    title: Rules look at it
    tools: [ruled]
    verdict: ALLOW
    risk: low
    {_SENSITIVE}
    attributes:
      pin: {{type: string, from: [/pin]}}
      amount: {{type: number, from: [/amount]}}
      notes: {{type: strings, from: ["/notes/*"]}}
  - {{id: plain, title: Nothing is sensitive here, tools: [plain], verdict: ALLOW, risk: low}}
rules:
  - id: long-pin
    title: A long PIN is looked at
    owner: grc
    match: {{class: [ruled]}}
    when: [{{name: long, cel: "size(attr.pin) > 4 && attr.amount > 1.0"}}]
    verdict: STEP_UP
    message: "'PIN ' + attr.pin + ' of ' + string(action.arguments.amount)"
  - id: odd-pin
    title: A PIN is a number
    owner: grc
    match: {{class: [ruled]}}
    when: [{{name: number, cel: "double(attr.pin) > 0.0 || action.arguments.env.KEY == attr.pin"}}]
    verdict: STEP_UP
  - id: near
    title: One of two
    owner: grc
    match: {{class: [ruled]}}
    when:
      - {{name: there, cel: "attr.notes.exists(note, size(note) > 0)"}}
      - {{name: never, cel: "attr.pin == ''"}}
    verdict: BLOCK
"""


class Discreet:
    """A rehearsal of that policy, and one caller for each role."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        made = cast.operator.http.post("/v1/rehearsals", json={"files": {"bundle.yaml": POLICY}})
        assert made.status_code == 201, made.text
        told: Json = made.json()
        self.tenant: str = told["tenant"]
        self.agent_key: str = told["agent_key"]
        self.agent = cast.caller(told["agent_key"])
        self.auditor = cast.caller(told["auditor_key"])
        self.operator = cast.caller(told["operator_key"])
        self.approver = self.with_key("approver", "people-1")
        self.outsider = self.with_key("approver", "nobody")

    def with_key(self, role: str, subject: str) -> Caller:
        key = self.operator.http.post("/v1/keys", json={"role": role, "subject": subject})
        return self.cast.caller(key.json()["secret"])

    def sdk(self) -> Counterseal:
        """Be the agent, as its developer writes it."""
        return Counterseal(self.cast.stack.url, self.agent_key)

    def activate(self, policy: str) -> None:
        made = self.operator.http.post("/v1/bundles", json={"files": {"bundle.yaml": policy}})
        assert made.status_code == 201, made.text

    def reveal(self, who: Caller, action: str, **query: str) -> Any:
        return who.http.get(f"/v1/actions/{action}", params={"reveal": "true", **query})

    def shred(self, who: Caller, action: str, **body: str) -> Any:
        asked = {"reason": "asked to be forgotten"} | body
        return who.http.post(f"/v1/actions/{action}/shredding", json=asked)


WORD, NUMBER = "kanarie", "47110815"
"""How every planted string and number begins: where neither is found, none of them is."""


def planted_word() -> str:
    return WORD + uuid.uuid4().hex


def secrets() -> dict[str, Any]:
    """Draw arguments of every kind whose values nobody else has."""
    return {
        "pin": planted_word(),
        "amount": int(NUMBER + str(uuid.uuid4().int)[:7]),
        "cards": [{"number": f"{planted_word()} é\"'\\", "holder": "Ada"}],
        "env": {"KEY": planted_word(), "DEEP": [{"er": f"<{planted_word()}>"}]},
        "notes": [planted_word(), planted_word() * 100],
        "open": "for all to see",
    }


def every_value(of: Any) -> list[Any]:
    """List every string and number in a value."""
    if isinstance(of, dict):
        return [each for below in of.values() for each in every_value(below)]
    if isinstance(of, list):
        return [each for below in of for each in every_value(below)]
    return [of]
