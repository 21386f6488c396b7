"""`oriane plan`: what a run would take now, why, and what it is likely to cost."""
