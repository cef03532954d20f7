"""Fixtures for every tier. Servers start once a session, on free ports, and end with it."""

pytest_plugins = ["tests.support.stack", "tests.support.postgres"]
