"""Running a phase over the videos of a shard: reuse, decoders, results, services."""
