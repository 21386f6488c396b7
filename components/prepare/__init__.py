"""prepare: fetch, crop, frame and dedup one after the other, in one process."""
