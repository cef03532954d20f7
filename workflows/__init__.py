"""What waits, for whom, how long."""
