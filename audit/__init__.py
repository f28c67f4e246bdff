"""What happened: the one history."""
