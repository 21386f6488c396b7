"""dedup: drop frames that look like the one before."""
