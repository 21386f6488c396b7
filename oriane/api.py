"""The functions of the package `oriane`: what the commands of the same names do, for programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.records.run_report import RunReport
from oriane.settings import Settings
from workflows.operations.export.rows import ExportedFrame as Frame
from workflows.search.answer import Answer, Moment
from workflows.search.answer import Found as Hit

if TYPE_CHECKING:
    from components.base.vectors import Vectors
    from components.settings import Settings as AllSettings

__all__ = [
    "Answer",
    "Frame",
    "Hit",
    "Moment",
    "RunReport",
    "ask",
    "frames",
    "run",
    "search",
    "vectors",
]


def run(
    *paths: str | Path,
    catch_up: bool = False,
    replace: bool = False,
    settings: Settings | None = None,
) -> RunReport:
    """Run every phase over videos, on this machine; what is done already is reused.

    Args:
        paths: Files, folders, or one s3:// prefix.
        catch_up: Take what is due in the source bucket, instead of paths.
        replace: Let a file take the place of another under a name made of its path.

    Returns:
        How each video ended: done, rejected or failed, with its reason. Raises for none of them.

    Raises:
        ConfigurationError: a setting or an argument is wrong.
        TransientError: S3, Qdrant or Postgres does not answer.
    """
    from workflows.intake.given import given
    from workflows.local.run import run_videos
    from workflows.watch.after_run import after_run

    known = _known(settings)
    work = given([str(path) for path in paths], None, known, replace=replace)
    return run_videos(
        known,
        work,
        shards_in_flight=known.work.worker_count,
        options={"catch_up": True} if catch_up else {},
        afterwards=after_run,
    )


def search(
    query: str | Path,
    *,
    limit: int = 10,
    platform: str | None = None,
    code: str | None = None,
    settings: Settings | None = None,
) -> list[Hit]:
    """Return the frames that fit a text, or the picture in a file (a `Path`), best first.

    `score` is the cosine similarity, `second` the time in the video, `location` the frame's file or
    s3:// address.

    Raises:
        ConfigurationError: there is no collection, or the file is not a picture.
        TransientError: Qdrant does not answer.
    """
    from workflows.local.stand_ins import deployed
    from workflows.search.ask import asking
    from workflows.search.question import asked as question
    from workflows.search.question_picture import picture_file, with_plain_picture

    of_picture, known = isinstance(query, Path), deployed(_known(settings))
    asks = question(
        texts=() if of_picture else (query,),
        image=picture_file(query, known) if of_picture else None,
        limit=limit,
        platform=platform,
        video=code,
    )
    with asking(known) as asker:
        return asker.frames(with_plain_picture(asks, known))


def ask(
    *texts: str,
    image: str | Path | None = None,
    settings: Settings | None = None,
    **asked: Any,
) -> Answer:
    """Return the moments that fit texts, a picture or a frame, or that nothing fits.

    Args:
        texts: What they should show; several count alike.
        image: A picture's file that they should look like.
        asked: What else a question may have, as `oriane search --help` lists it: `without` (texts),
            `like`, `platform`, `video`, `after`, `before`, `min_duration`, `max_duration`,
            `from_second`, `to_second`, `cropped`, `confidence`, `limit`, `per_video`, `offset`.

    Raises:
        ConfigurationError: there is no collection, the file is not a picture, or the question
            cannot be understood.
        TransientError: Qdrant does not answer.
    """
    from workflows.local.stand_ins import deployed
    from workflows.search.ask import asking
    from workflows.search.question import asked as question
    from workflows.search.question_picture import picture_file, with_plain_picture

    known = deployed(_known(settings))
    asks = question(texts=texts, image=picture_file(image, known), **asked)
    with asking(known) as asker:
        return asker.answer(with_plain_picture(asks, known))


def frames(
    *, platform: str = "", code: str = "", settings: Settings | None = None
) -> Iterator[Frame]:
    """Yield every frame of the collection, or of a platform or video, without its vector.

    An embedded Qdrant is in use until the last one is taken, or the iterator is closed.

    Raises:
        ConfigurationError: there is no collection.
        TransientError: Qdrant does not answer.
    """
    from workflows.local.stand_ins import deployed
    from workflows.operations.export.rows import all_frames

    return all_frames(deployed(_known(settings)), platform, code, vectors=False)


def vectors(
    *, platform: str = "", code: str = "", settings: Settings | None = None
) -> tuple[list[Frame], Vectors]:
    """Return frames and their vectors: float32 of shape (frames, dim), rows of length 1.

    Where there is no frame, the shape is (0, 0).

    Raises:
        ConfigurationError: there is no collection.
        TransientError: Qdrant does not answer.
    """
    import numpy as np

    from workflows.local.stand_ins import deployed
    from workflows.operations.export.rows import all_frames

    found = list(all_frames(deployed(_known(settings)), platform, code, vectors=True))
    rows = [frame.vector for frame in found if frame.vector is not None]
    return found, np.asarray(rows, np.float32).reshape(len(found), -1 if found else 0)


def _known(settings: Settings | None) -> AllSettings:
    return (settings or Settings()).all
