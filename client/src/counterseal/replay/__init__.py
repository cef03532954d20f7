"""Replaying recorded tool calls through the real API, to see what policy would have done."""
