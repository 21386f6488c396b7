"""`oriane config`: what is set, where, and whether the stores answer."""
