"""Adapters are held to their ports against the real thing."""

from tests.support.postgres import *  # noqa: F403 - fixtures are found by name
