"""`oriane export`: frames, hits and vectors for analysis elsewhere."""
