"""digest: what a run came to."""
