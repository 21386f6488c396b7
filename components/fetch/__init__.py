"""fetch: probe the source and reject what cannot be used."""
