"""Flow tests share one Temporal, one database and one worker; each has a tenant of its own."""

from tests.support.workflows import *  # noqa: F403 - fixtures are found by name
