"""The HTTP door: who calls, what they sent, what we answer."""
