"""Where the control plane is, and the key that opens it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from counterseal.errors import Unsendable

URL = "COUNTERSEAL_URL"
API_KEY = "COUNTERSEAL_API_KEY"


@dataclass(frozen=True, slots=True)
class Access:
    """A base URL and an API key. The key never shows when this is printed."""

    url: str
    api_key: str = field(repr=False)

    @classmethod
    def found(
        cls, url: str | None, api_key: str | None, environment: Mapping[str, str]
    ) -> "Access":
        """Take what was given, else what ``environment`` says. Raises ``Unsendable``."""
        where = (url or environment.get(URL, "")).strip().rstrip("/")
        key = (api_key or environment.get(API_KEY, "")).strip()
        if not where:
            raise Unsendable(f"no server is named; set {URL}, for example https://seal.example.")
        if not key:
            raise Unsendable(f"no API key is given; set {API_KEY}.")
        if not key.isascii() or not key.isprintable():
            raise Unsendable(f"{API_KEY} holds characters that no API key has; copy it again.")
        _check_url(where)
        return cls(where, key)


def _check_url(where: str) -> None:
    try:
        parsed = httpx.URL(where)
    except httpx.InvalidURL as error:
        raise Unsendable(f"{URL} is not a URL: {error}.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Unsendable(f"{URL} must begin with https:// or http:// and name a host.")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise Unsendable(f"{URL} must be a plain base URL, without user, query or fragment.")
