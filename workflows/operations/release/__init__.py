"""`oriane release`: ends the leases of a run that died."""
