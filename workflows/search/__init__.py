"""Finding frames by text or by picture."""
