"""`oriane delete`: forgets videos."""
