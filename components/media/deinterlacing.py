"""Interlaced frames made whole, by FFmpeg's bwdif; progressive ones pass as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

_AGAIN = (av.error.BlockingIOError, av.error.EOFError)
# bwdif could give a picture a field, and counts time in halves of the stream's unit for it.
_HALVED = 2


def deinterlaced(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield one frame for each, from the first interlaced one on through bwdif.

    It looks at the fields before and after, so whoever wants single frames has to decode in order.
    """
    frames = iter(frames)
    for frame in frames:
        if frame.interlaced_frame:
            yield from _filtered(chain([frame], frames))
            return
        yield frame


def _filtered(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Filter frames of one size and format after the other through a graph each."""
    graph: Graph | None = None
    shape: tuple[int, int, str] | None = None
    for frame in frames:
        if shape != (shape := (frame.width, frame.height, frame.format.name)):
            if graph:
                yield from _pulled(graph, None)
            graph = _graph(frame)
        assert graph, "made for the first frame"
        yield from _pulled(graph, frame)
    if graph:
        yield from _pulled(graph, None)


def _graph(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base,
    )
    bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph, frame: VideoFrame | None) -> Iterator[VideoFrame]:
    """Push a frame, or the end, and yield what comes out, times of the stream's clock again."""
    graph.push(frame)
    while True:
        try:
            result = graph.pull()
        except _AGAIN:
            return
        assert isinstance(result, VideoFrame), "bwdif gives pictures"
        if result.pts is not None:
            result.pts //= _HALVED
        yield result
