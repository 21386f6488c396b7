"""What a command is given to work on, checked before anything is started or copied."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import ConfigurationError
from components.plan.job_input import given_videos
from components.settings import Settings
from workflows.intake.copies import copied
from workflows.intake.files import ALL_FILES, LocalFiles, Selection, local_files

if TYPE_CHECKING:
    from components.stores.s3 import Store


@dataclass(frozen=True)
class Given:
    """An S3 prefix, a list of videos, or files of this machine; or nothing."""

    source: str = ""
    job_input: str = ""
    files: LocalFiles | None = None
    replace: bool = False

    def parameters(
        self, store: Store, bucket: str, uploaded: Callable[[str], None]
    ) -> dict[str, str]:
        """Return plan's inputs; local files are copied to the source bucket first.

        Raises:
            ConfigurationError: a file would take another one's place, or none can be read.
        """
        if self.files:
            items = copied(self.files, store, bucket, uploaded, replace=self.replace)
            if not items:
                raise ConfigurationError(f"no file could be read; {self.files.summary}")
            return {"job_input": json.dumps(items)}
        values = {"source": self.source, "job_input": self.job_input}
        return {name: value for name, value in values.items() if value}


def given(
    paths: Sequence[str],
    job_input: Path | None,
    settings: Settings,
    selection: Selection = ALL_FILES,
    *,
    replace: bool = False,
) -> Given:
    """Return what the arguments name.

    Raises:
        ConfigurationError: they contradict each other, or one of them cannot be used.
    """
    bucket = settings.storage.videos_bucket
    if paths and job_input:
        raise ConfigurationError("give paths or --job-input, not both")
    if job_input:
        return Given(job_input=_checked(read_job_input(job_input), bucket))
    remote = [path for path in paths if path.startswith("s3://")]
    if remote and len(paths) > 1:
        raise ConfigurationError("give one s3:// prefix, or any number of local paths")
    if paths and not remote:
        return Given(files=local_files(paths, selection, bucket), replace=replace)
    if selection.include or selection.exclude:
        raise ConfigurationError("--include and --exclude choose among local files; leave them out")
    if remote:
        return Given(source=remote[0])
    _checked(settings.plan.job_input or "[]", bucket)
    return Given()


def _checked(job_input: str, bucket: str) -> str:
    """Return the list as it is; one that lies in S3 is read by plan alone."""
    if not job_input.startswith("s3://"):
        for _ in given_videos(job_input, bucket):
            pass
    return job_input


def read_job_input(path: Path) -> str:
    """Return the text of a file with a list of videos.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--job-input {path}: cannot be read ({error})") from error
