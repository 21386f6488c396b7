"""Which objects of a source bucket are videos, and which videos they are."""

from __future__ import annotations

import re

from pydantic import ValidationError

from components.base.wrong_values import wrong_value
from components.plan.job_input import SOURCE_FILE
from components.records.videos import Video
from components.settings import PlanSettings

_OWN = rf"(?P<platform>[^/]+)/(?P<code>[^/]+)/{re.escape(SOURCE_FILE)}"


class UnsafeNameError(Exception):
    """An object whose platform or code could leave its folder, in S3 or on disk."""


class Layout:
    """How keys name videos: `<platform>/<code>/video.mp4` from the top, or by VP_SOURCE_PATTERN.

    The whole key has to match, so that no two objects of the default layout are the same video.
    """

    def __init__(self, settings: PlanSettings) -> None:
        self.own = settings.source_pattern is None
        self._pattern = re.compile(settings.source_pattern or _OWN)

    def video(self, uri: str) -> Video | None:
        """Return the video that an object is, None if it is something else.

        Raises:
            UnsafeNameError: its name is one that no video may have; says which and why.
        """
        found = self._pattern.fullmatch(uri.removeprefix("s3://").partition("/")[2])
        if not found:
            return None
        try:
            return Video(platform=found["platform"], code=found["code"], source=uri)
        except ValidationError as error:
            wrong = wrong_value(error)
            raise UnsafeNameError(f"{uri}: {wrong.field} {wrong.found!r}: {wrong.why}") from error

    def __str__(self) -> str:
        shown = f"<platform>/<code>/{SOURCE_FILE}"
        return shown if self.own else f"VP_SOURCE_PATTERN={self._pattern.pattern}"
