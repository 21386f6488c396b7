"""The collections of frames in Qdrant: on a server, or embedded in a folder on one machine."""

from components.collection.frames import FrameCollection
from components.collection.points import Hit, Point

__all__ = ["FrameCollection", "Hit", "Point"]
