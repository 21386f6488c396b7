"""`oriane`, the command line."""
