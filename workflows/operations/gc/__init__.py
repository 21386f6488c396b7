"""`oriane gc`: cleans the artifacts bucket."""
