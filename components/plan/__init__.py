"""plan: what to process, packed into shards."""
