"""The door keeps what it may keep, and takes nothing that it cannot keep."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from adapters.keys.file import FileCustody
from adapters.payload_keys import make_payload_keys
from adapters.postgres.secrets import PostgresSecrets
from counterseal.core.action import Action, action_id
from counterseal.core.commitments import disclose, has_marker
from counterseal.core.policy.bundle import Bundle, bundle_digest
from counterseal.core.policy.load import parse_bundle
from domain.vault import KeysUnavailable, Wrapped
from entrypoints.problems import Declined
from entrypoints.secrecy import Secrecy
from tests.support.discreet import POLICY
from tests.support.entries import new_action


class Policies:
    """Policies of a test's own making; counts how often it is asked."""

    def __init__(self, bundle: Bundle | None) -> None:
        self._bundle = bundle
        self.asked = self.fetched = 0

    async def active_bundle(self, _tenant: str) -> str | None:
        self.asked += 1
        return bundle_digest(self._bundle) if self._bundle else None

    async def bundle(self, _tenant: str, _digest: str) -> bytes:
        self.fetched += 1
        assert self._bundle is not None
        return self._bundle.model_dump_json().encode()


class Away:
    """Keys that cannot be reached."""

    async def wrap(self, _data_key: bytes, _context: Mapping[str, str]) -> Wrapped:
        raise KeysUnavailable("away")

    async def unwrap(self, _wrapped: Wrapped, _context: Mapping[str, str]) -> bytes:
        raise KeysUnavailable("away")


@pytest.fixture
def policies() -> Policies:
    return Policies(parse_bundle({"bundle.yaml": POLICY}))


@pytest.fixture
def secrets(pool: asyncpg.Pool, tmp_path: Path) -> PostgresSecrets:
    make_payload_keys(tmp_path / "data.keys")
    return PostgresSecrets(pool, FileCustody(tmp_path / "data.keys"))


def action(tool: str = "free", **arguments: object) -> Action:
    return Action(
        id=action_id("acme", "bot", new_action()),
        tenant="acme",
        agent="bot",
        environment="test",
        tool=tool,
        arguments=arguments,
    )


async def test_without_keys_nothing_sensitive_is_taken_and_everything_else_is(
    policies: Policies, pool: asyncpg.Pool
) -> None:
    door = Secrecy(policies, PostgresSecrets(pool, None))
    with pytest.raises(Declined) as told:
        await door.cover(action(pin="1234"))
    assert told.value.declined_code == "data-keys-missing"
    for harmless in (action(open=1), action(), action("plain", pin=1), action("unknown", pin=1)):
        assert (await door.cover(harmless)).action == harmless


async def test_keys_that_are_away_are_worth_asking_for_again(
    policies: Policies, pool: asyncpg.Pool, secrets: PostgresSecrets
) -> None:
    door, asked = Secrecy(policies, PostgresSecrets(pool, Away())), action(pin="1234")
    with pytest.raises(Declined) as told:
        await door.cover(asked)
    assert told.value.declined_code == "data-keys-unavailable"
    covered = await Secrecy(policies, secrets).cover(asked)
    with pytest.raises(Declined):
        await door.disclosures(covered.action)


async def test_an_agent_is_told_less_where_its_values_cannot_be_opened(
    policies: Policies, pool: asyncpg.Pool, secrets: PostgresSecrets
) -> None:
    covered = await Secrecy(policies, secrets).cover(action(pin="1234"))
    assert await Secrecy(policies, secrets).disclosures(covered.action) == covered.disclosures
    assert await Secrecy(policies, PostgresSecrets(pool, None)).disclosures(covered.action) == ()


async def test_the_same_values_are_covered_alike_and_others_are_not(
    policies: Policies, secrets: PostgresSecrets
) -> None:
    door, asked = Secrecy(policies, secrets), action(pin="1234", notes=[1.0, None])
    first, second = await door.cover(asked), await door.cover(asked)
    assert first == second
    assert has_marker(first.action.arguments)
    assert disclose(first.action.arguments, first.disclosures) == asked.arguments
    for arguments in ({"pin": "1235", "notes": [1, None]}, {"pin": "1234"}, {"notes": [1, None]}):
        other = await door.cover(asked.model_copy(update={"arguments": arguments}))
        assert not other.is_kept
        assert (
            other.action.arguments["pin" if "pin" in arguments else "notes"]
            != (first.action.arguments["pin" if "pin" in arguments else "notes"])
        )


async def test_a_question_is_known_again_in_clear_and_covered(
    policies: Policies, secrets: PostgresSecrets
) -> None:
    door, asked = Secrecy(policies, secrets), action(pin="1234", open=1)
    covered = (await door.cover(asked)).action
    changed: list[dict[str, object]] = [
        {"arguments": {"pin": "1235", "open": 1}},
        {"tool": "asked"},
        {"resource": "x"},
    ]
    for recorded in (asked, covered):
        assert await door.is_same(asked, recorded)
        for each in changed:
            assert not await door.is_same(asked.model_copy(update=each), recorded)


async def test_a_policy_is_asked_for_each_time_and_read_once(
    policies: Policies, secrets: PostgresSecrets
) -> None:
    door = Secrecy(policies, secrets)
    for _ in range(3):
        await door.cover(action("plain", pin=1))
    await door.cover(action())  # without arguments there is nothing to ask about
    assert (policies.asked, policies.fetched) == (3, 1)


async def test_a_tenant_without_policy_has_nothing_sensitive(secrets: PostgresSecrets) -> None:
    asked = action(pin="1234")
    assert (await Secrecy(Policies(None), secrets).cover(asked)).action == asked
