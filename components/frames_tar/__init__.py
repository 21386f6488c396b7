"""The tar of PNGs in which phases hand on the frames of a video."""
