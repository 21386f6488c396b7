"""Done markers under another model: what they say after a switch, and after a rollback.

A marker carries the fingerprints by which a plan tells what is up to date. After a switch they are
those that a run with the new model would have written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from components.base.model_names import identity, setting_for
from components.errors import ConfigurationError
from components.pipeline import chooses_frames
from components.records.done_marker import DoneMarker, ModelBooking
from components.running.fingerprint import renewed
from components.running.services import Services
from components.settings import Settings
from components.stores.vectors.store import Collection
from workflows.model_swap.done_videos import DoneVideo, DoneVideos, some_at_a_time

Rebook = Callable[[DoneMarker], ModelBooking | None]


@dataclass
class Survey:
    """Done videos by what a switch means for them; `unreadable` markers are left out."""

    videos: int = 0
    lacking: int = 0
    to_rebook: int = 0
    unreadable: int = 0


@dataclass(frozen=True)
class _Found:
    done: DoneVideo
    booking: ModelBooking | None
    held: bool


def switched(settings: Settings, model: str, dim: int) -> Rebook:
    """Return what books a marker as a run with these settings would; None where it is so booked."""

    def rebook(marker: DoneMarker) -> ModelBooking | None:
        collection = settings.index.collection
        if (marker.model, marker.dim, marker.collection) == (model, dim, collection):
            return None
        marks = renewed(settings, marker.fingerprints, "embed")
        return ModelBooking(collection=collection, model=model, dim=dim, fingerprints=marks)

    return rebook


def rolled_back(settings: Settings, model: str, dim: int) -> Rebook:
    """Return what gives a marker the booking of a former model back.

    That is the one that a switch replaced. A video that was run since the switch has none; it is
    booked as a run would, where the model is one that the settings or a hub can name.
    """
    former = _naming(settings, model)
    run_anew = switched(former, model, dim) if former else None

    def rebook(marker: DoneMarker) -> ModelBooking | None:
        previous = marker.previous
        if (marker.model, marker.dim) == (model, dim):
            return None
        if previous and (previous.model, previous.dim) == (model, dim):
            return previous
        return run_anew(marker) if run_anew else None

    return rebook


def _naming(settings: Settings, model: str) -> Settings | None:
    """Return settings whose CLIP_MODEL is this model; None for a folder that they do not name."""
    if identity(settings.embed.model) == model:
        return settings
    try:
        return settings.having("embed", model=setting_for(model))
    except ConfigurationError:
        return None


def survey(services: Services, collection: Collection, model: str, rebook: Rebook) -> Survey:
    """Count the done videos that the collection holds and lacks, and the markers to change."""
    result, done = Survey(), DoneVideos(services)
    for found in _found(done, collection, model, rebook):
        result.videos += 1
        result.lacking += not found.held
        result.to_rebook += found.held and found.booking is not None
    result.unreadable = done.unreadable
    return result


def rebook_all(
    services: Services,
    collection: Collection,
    model: str,
    rebook: Rebook,
    *,
    keep_previous: bool,
) -> int:
    """Rewrite the markers of the videos that the collection holds; return how many.

    Args:
        keep_previous: Note in the marker what it said before.
    """
    count = 0
    for found in _found(DoneVideos(services), collection, model, rebook):
        if not found.held or found.booking is None:
            continue
        marker, marks = found.done.marker, found.booking.fingerprints
        # First, for after a crash the marker tells that the video is to be done again.
        if services.ledger:
            services.ledger.rebook(marker.platform, marker.code, marks, model)
        rebooked = marker.rebooked(found.booking, keep_previous=keep_previous)
        services.markers.replace_done(rebooked)
        count += 1
    return count


def _found(
    done: DoneVideos, collection: Collection, model: str, rebook: Rebook
) -> Iterator[_Found]:
    def look(video: DoneVideo) -> _Found:
        marker = video.marker
        booking = rebook(marker)
        marks = (booking or marker).fingerprints
        return _Found(
            video, booking, collection.holds(marker, model, marks.get(chooses_frames(), ""))
        )

    return some_at_a_time(look, done)
