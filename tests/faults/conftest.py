"""Fault tests break stacks of their own."""

from tests.support.faults import *  # noqa: F403 - fixtures are found by name
