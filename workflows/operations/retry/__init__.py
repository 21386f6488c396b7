"""`oriane retry`: makes videos due again."""
