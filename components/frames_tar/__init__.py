"""The tar of files in which phases hand on the frames of a video."""
