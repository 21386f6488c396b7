"""fetch: probe the source and reject what is no usable video."""
