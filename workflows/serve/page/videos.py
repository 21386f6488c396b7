"""The library: the videos there are, and one of them with its frames."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from components.records.booking import Wanted
from workflows.serve.listing import is_place
from workflows.serve.page.address import printable
from workflows.serve.page.rendering import page
from workflows.serve.page.time_line import TimeLine
from workflows.serve.refusals import RefusedError
from workflows.serve.report import LibraryVideo, VideoPage
from workflows.serve.served import Served

# Pictures of videos stay the same for a while.
PRIVATE = {"Cache-Control": "private, max-age=600"}


def video_list(served: Served, request: Request) -> Response:
    """Show the videos, a page of them."""
    names = ("state", "reason", "name", "run", "order", "after")
    given = {name: printable(request.query_params.get(name, "")) for name in names}
    asked = {name: value or "" for name, value in given.items()}
    # Addresses of before there was an order go on by name.
    by_name = asked["order"] == "name" or (asked["after"] and not is_place(asked["after"]))
    asked["order"] = "name" if by_name else ""
    read = served.listing.videos if by_name else served.listing.newest_or_by_name
    if None in given.values():
        found = VideoPage(videos=(), next=None)
    else:
        wanted = Wanted(
            state=asked["state"],
            reason=asked["reason"],
            contains=asked["name"],
            run=asked["run"],
        )
        found = read(wanted, asked["after"])
    counts = served.listing.counts()
    # Where nothing is, a run may be about to change that.
    last = None if found.videos else served.library.last_run()
    return page(request, "library.html", found=found, counts=counts, asked=asked, last=last)


def video_view(served: Served, request: Request) -> Response:
    """Show one video."""
    platform, code = request.path_params["platform"], request.path_params["code"]
    video = served.library.video(platform, code)
    line = TimeLine(duration_of(video))
    kept = [frame for frame in video.frames if frame.kept]
    scenes = sorted({(one.scene_start or 0.0, one.scene_end or 0.0) for one in kept})
    return page(
        request,
        "video.html",
        video=video,
        second=_second(request, video),
        line=line,
        kept=kept,
        dropped=[frame for frame in video.frames if not frame.kept],
        seconds={frame.number: frame.second for frame in video.frames},
        scenes=line.spans(((start, end), start, end) for start, end in scenes),
        slowest=max((one.seconds or 0.0 for one in video.phases), default=0.0),
    )


def cover(served: Served, request: Request) -> Response:
    """Go to the frame that stands for a video: the one in its middle."""
    platform, code = request.path_params["platform"], request.path_params["code"]
    marker = served.library.marker(platform, code)
    if marker is None or not marker.frames:
        raise RefusedError(404, f"{platform}/{code} has no frames")
    number = marker.frames[len(marker.frames) // 2].number
    where = f"/api/frames/{quote(platform, safe='')}/{quote(code, safe='')}/{number}?size=320"
    return RedirectResponse(where, 307, headers=PRIVATE)


def duration_of(video: LibraryVideo) -> float:
    """Return how many seconds a video lasts, as far as its frames tell if nothing else does."""
    last = max((frame.scene_end or frame.second for frame in video.frames), default=0.0)
    return video.duration or last


def _second(request: Request, video: LibraryVideo) -> float:
    """Return the second that the address asks for, as such or by a frame; 0 without."""
    number = request.query_params.get("frame", "")
    if number:
        return next((one.second for one in video.frames if str(one.number) == number), 0.0)
    try:
        return max(0.0, min(float(request.query_params.get("at", "0")), 1e7))
    except ValueError:
        return 0.0
