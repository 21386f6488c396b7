"""Those that are measured, one module each."""
