"""Where the vectors of frames are: what the project needs of a store, and the stores there are."""
