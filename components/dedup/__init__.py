"""dedup: drop frames that look like one that is kept."""
