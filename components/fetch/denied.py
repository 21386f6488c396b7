"""Whether a source that may not be read is one object's fault, or that of the credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from components.errors import DeniedError, PipelineError, TransientError
from components.records.videos import Video
from components.running.services import Services

# Others that are asked for before all are taken to be denied.
_OTHERS = 4

T = TypeVar("T")


class Sources:
    """The sources of a shard, of which some may be kept from the credentials.

    In a bucket that others write to, objects may belong to another account, or be encrypted with
    a key of KMS that is disabled. One such object is its video's failure; where no other source
    can be read either, nothing is as the settings say.
    """

    def __init__(self, videos: Iterable[Video], services: Services) -> None:
        self._videos = list(videos)
        self._store = services.store
        self._readable = False

    def read(self, video: Video, read: Callable[[], T]) -> T:
        """Return what `read` returns of a video's source.

        Raises:
            TransientError: this source is denied, and another is not.
            DeniedError: none of those asked for can be read.
        """
        try:
            return read()
        except DeniedError as error:
            if self._readable or self._finds_readable(video):
                self._readable = True
                raise TransientError(str(error)) from error
            raise

    def _finds_readable(self, denied: Video) -> bool:
        others = (video for video in self._videos if video != denied)
        return any(self._may_read(video.source) for video in islice(others, _OTHERS))

    def _may_read(self, uri: str) -> bool:
        try:
            self._store.part(uri, 0, 0, self._store.head(uri).etag)
        except PipelineError:
            # Also of one that is gone, archived or empty it is not known.
            return False
        return True
