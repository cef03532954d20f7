"""Everything that starts, other than the worker."""
