"""Files that are rendered from what is declared in code."""
