"""How a route is written in a bundle, and how it becomes a ``Route``."""

from typing import Annotated

from pydantic import BeforeValidator

from counterseal.core.policy.route import Route

_OF_A_NEED = ("groups", "quorum", "escalate", "escalation")


def spelled_out(value: object) -> object:
    """Turn the short form (``groups``, ``quorum``, ``escalate``) into a route with one need.

    What cannot be understood is left as it is, for the model to complain about by name.
    """
    if not isinstance(value, dict):
        return value
    route = dict(value)
    if "needs" not in route:
        route["needs"] = [{key: route.pop(key) for key in _OF_A_NEED if key in route}]
    if isinstance(route["needs"], list | tuple):
        route["needs"] = [_need(each) for each in route["needs"]]
    return route


def _need(value: object) -> object:
    if not isinstance(value, dict):
        return value
    need = dict(value)
    if "escalate" in need:
        need["escalation"] = need.pop("escalate")
    return need


BundleRoute = Annotated[Route, BeforeValidator(spelled_out)]
"""A ``Route``; a bundle may write the groups of its only need beside the timeout."""
