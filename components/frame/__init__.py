"""frame: pick the frames that represent the scenes."""
