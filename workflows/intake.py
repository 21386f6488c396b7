"""What `oriane run` is given: files and folders on this machine, an S3 prefix, or JOB_INPUT."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from components.errors import ConfigurationError, NotFoundError
from components.plan.job_input import SOURCE_FILE, named_video
from components.stores.s3 import Store

_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".flv", ".mpg", ".mpeg"}


def plan_parameters(
    paths: Sequence[str],
    job_input: Path | None,
    store: Store,
    bucket: str,
    uploaded: Callable[[str], None],
) -> dict[str, str]:
    """Return plan's `source` or `job_input`; local files are copied to the source bucket first.

    Args:
        uploaded: Called with each video's name once it is in the bucket.

    Raises:
        ConfigurationError: a path that does not exist, holds no video or has an unsafe name.
    """
    if paths and job_input:
        raise ConfigurationError("give paths or --job-input, not both")
    if job_input:
        return {"job_input": read_job_input(job_input)}
    remote = [path for path in paths if path.startswith("s3://")]
    if remote and len(paths) > 1:
        raise ConfigurationError("give one s3:// prefix, or any number of local paths")
    if remote:
        return {"source": remote[0]}
    if not paths:
        return {}
    items = []
    for platform, code, file in local_videos([Path(path) for path in paths]):
        video = named_video(platform, code, bucket, str(file))
        _upload(file, video.source, store)
        uploaded(str(video))
        items.append({"platform": platform, "code": code})
    return {"job_input": json.dumps(items)}


def local_videos(paths: Sequence[Path]) -> Iterator[tuple[str, str, Path]]:
    """Yield platform, code and file of each video below the paths.

    A file is platform "local" and its stem the code; so are the video files of a folder that is
    not laid out `<platform>/<code>/video.mp4`.

    Raises:
        ConfigurationError: nothing there, or two files of the same name.
    """
    seen: dict[tuple[str, str], Path] = {}
    for path in paths:
        for platform, code, file in _below(path):
            other = seen.setdefault((platform, code), file)
            if other.resolve() != file.resolve():
                raise ConfigurationError(
                    f"{file} and {other} are both {platform}/{code}; rename one of them"
                )
            if other is file:
                yield platform, code, file


def _below(path: Path) -> list[tuple[str, str, Path]]:
    if path.is_file():
        return [("local", path.stem, path)]
    if not path.is_dir():
        raise ConfigurationError(f"{path}: no such file or folder")
    laid_out = sorted(path.glob(f"*/*/{SOURCE_FILE}"))
    if laid_out:
        return [(file.parent.parent.name, file.parent.name, file) for file in laid_out]
    loose = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
    if not loose:
        raise ConfigurationError(
            f"{path}: expected <platform>/<code>/{SOURCE_FILE} or video files, found neither"
        )
    return [("local", file.stem, file) for file in loose]


def _upload(file: Path, uri: str, store: Store) -> None:
    """Copy the file to the object, unless it is there with the same content."""
    try:
        stored = store.head(uri)
        if stored.size == file.stat().st_size and stored.etag == _md5(file):
            return
    except NotFoundError:
        pass
    store.upload(uri, file, content_type="video/mp4")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def read_job_input(path: Path) -> str:
    """Return the text of a file with a list of videos.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--job-input {path}: cannot be read ({error})") from error
