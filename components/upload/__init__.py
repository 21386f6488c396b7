"""upload: publish the frames."""
