"""`oriane verify`: reconciles what is stored, and mends it."""
