"""Frames in Qdrant: on a server, or embedded in a folder on one machine."""
