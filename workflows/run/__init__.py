"""`oriane run`: every phase over videos, on this machine, then the standing questions."""
