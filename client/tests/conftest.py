"""The SDK and the command on the real stack that the server's tests start too."""

from tests.support.stack import cast, stack

__all__ = ["cast", "stack"]
