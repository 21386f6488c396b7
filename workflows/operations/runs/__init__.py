"""`oriane runs`: past runs, by the digests that they left."""
