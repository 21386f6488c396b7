"""embed: turn frames into vectors."""
