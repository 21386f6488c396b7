"""Which videos lie below the paths that a person gives, under which names, and what else does."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from components.errors import ConfigurationError
from components.plan.job_input import SOURCE_FILE, named_video
from components.records.run_report import LeftOut
from workflows.intake.content import looks_like_video

LOOSE = "local"
# Between the folders of a loose file's path, in its code.
_JOINT = "--"
# Join or part letters and emoji, and cannot be seen themselves (Unicode's ZWNJ and ZWJ).
_JOINERS = "\u200c\u200d"
_SUFFIXES = {
    ".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".ogv", ".webm", ".wmv",
}  # fmt: skip
# What browsers, yt-dlp, aria2 and other programs call a file that is still being written.
_UNFINISHED = {
    ".!qb", ".aria2", ".crdownload", ".download", ".filepart", ".opdownload", ".part", ".partial",
    ".temp", ".tmp", ".ytdl",
}  # fmt: skip


@dataclass(frozen=True)
class Selection:
    """Which files of the folders to take: globs over names and relative paths.

    `platform` is the one wanted of those laid out by platform, and the one that loose files get.
    """

    platform: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, relative: Path) -> bool:
        """Return whether the globs let the file through."""
        wanted = not self.include or _matches(relative, self.include)
        return wanted and not _matches(relative, self.exclude)


ALL_FILES = Selection()


@dataclass(frozen=True)
class LocalVideo:
    """A file that is to be the video `platform`/`code`.

    `laid_out` says that its path names the video, rather than that a code was made of its path.
    """

    platform: str
    code: str
    file: Path
    laid_out: bool = False

    def __str__(self) -> str:
        return f"{self.platform}/{self.code}"


@dataclass
class LocalFiles:
    """The videos below the paths, in order; what was left out by kind, and what for a fault.

    `hints` say what else a path could have meant.
    """

    videos: list[LocalVideo] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    faults: list[LeftOut] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """What was taken and what was left out, by kind, and the hints, in a line."""
        by_platform = Counter(video.platform for video in self.videos)
        taken = ", ".join(f"{count} {name}" for name, count in sorted(by_platform.items()))
        line = f"taken: {taken or 'no video'}"
        others = self.others + Counter(fault.reason for fault in self.faults)
        left = ", ".join(f"{count} {kind}" for kind, count in others.most_common())
        return "; ".join([line, *([f"left out: {left}"] if left else []), *self.hints])


def local_files(paths: Sequence[str], selection: Selection, bucket: str) -> LocalFiles:
    """Look through files and folders, and folders in them; nothing is copied.

    A file given by itself is always taken; one in a folder if its name or its content is a video's.
    `<platform>/<code>/video.mp4` below a folder, the working folder among them, is that video. Of
    any other in a folder, the platform is "local" and the code its path below the folder, so that
    it stays the same from run to run; of a file given by itself, the code is its name.

    Raises:
        ConfigurationError: a path that does not exist, no video at all, or several files of one
            name, all of which the message names.
    """
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise ConfigurationError(f"{', '.join(missing)}: no such file or folder")
    special = [path for path in paths if not (Path(path).is_file() or Path(path).is_dir())]
    if special:
        raise ConfigurationError(
            f"{', '.join(special)}: expected files or folders, found a pipe or device; write the "
            "video into a file first"
        )
    found, known = LocalFiles(), set[Path]()
    for path in map(Path, paths):
        if path.is_dir():
            candidates = _in_folder(path, selection, found)
        else:
            candidates = iter([_alone(path, selection.platform, found)])
        for video in candidates:
            file = video.file.resolve()
            if file not in known and _well_named(video, bucket, found):
                known.add(file)
                found.videos.append(video)
    _refuse_collisions(found.videos)
    if not found.videos:
        raise ConfigurationError(
            f"{', '.join(paths)}: expected videos, <platform>/<code>/{SOURCE_FILE} or of any name, "
            f"found none; {found.summary}"
            + "".join(f"; {fault.file}: {fault.message}" for fault in found.faults)
        )
    return found


def _alone(file: Path, platform: str, found: LocalFiles) -> LocalVideo:
    """Return the video that a file given by itself is.

    Two folders above a video.mp4 name it if it is given from there, or if the first is the platform
    that is wanted. Else they may as well be those of /home/me/Downloads/video.mp4.
    """
    named = _laid_out(file)
    if named and (named.platform == platform or (not platform and len(file.parts) == 3)):
        return named
    if named:
        found.hints.append(f"{file}: to take it as {named}, add --platform {named.platform}")
    return LocalVideo(platform or LOOSE, _code(file.stem), file)


def _laid_out(file: Path) -> LocalVideo | None:
    """Return the video that the end of a path names by `<platform>/<code>/video.mp4`."""
    *folders, name = file.parts[-3:]
    if name != SOURCE_FILE or len(folders) < 2 or {"..", file.anchor} & {*folders}:
        return None
    return LocalVideo(folders[0], folders[1], file, laid_out=True)


def _in_folder(folder: Path, selection: Selection, found: LocalFiles) -> Iterator[LocalVideo]:
    for file in _files(folder, found):
        relative = file.relative_to(folder)
        if not selection.takes(relative):
            found.others["excluded"] += 1
            continue
        try:
            # A pipe is asked for by its writer alone: to open one waits for ever.
            if not stat.S_ISREG(file.stat().st_mode):
                found.others["not a file"] += 1
                continue
            if file.suffix.lower() in _UNFINISHED:
                found.others["unfinished"] += 1
                continue
            wanted = _is_wanted(file)
            if not wanted and file.is_symlink():
                found.others["linked"] += 1
                continue
        except OSError as error:
            found.faults.append(unreadable(file, error))
            continue
        if not wanted:
            found.others[file.suffix.lower() or "without a suffix"] += 1
            continue
        video = _named(file, relative, selection.platform)
        if selection.platform and video.platform != selection.platform:
            found.others["of other platforms"] += 1
        else:
            yield video


def _is_wanted(file: Path) -> bool:
    """Return whether the name or the content is a video's.

    A name alone is not enough for a link, which whoever made the folder may have led to any file of
    whoever copies it.
    """
    named = file.suffix.lower() in _SUFFIXES and not file.is_symlink()
    return named or looks_like_video(file)


def _files(folder: Path, found: LocalFiles) -> Iterator[Path]:
    """Yield the files below the folder in the order of their paths; hidden ones are counted."""

    def failed(error: OSError) -> None:
        found.faults.append(unreadable(Path(error.filename), error))

    for root, folders, names in os.walk(folder, onerror=failed):
        here = Path(root)
        found.others["hidden"] += sum(name.startswith(".") for name in (*folders, *names))
        # A link to a folder may lead round in a circle, or out of what was given.
        linked = [name for name in folders if (here / name).is_symlink()]
        found.others["linked"] += len(linked)
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in linked)
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def _named(file: Path, relative: Path, platform: str) -> LocalVideo:
    *folders, name = relative.parts
    if name == SOURCE_FILE and len(folders) == 2:
        return LocalVideo(folders[0], folders[1], file, laid_out=True)
    # The name that every laid out video has tells nothing.
    last = [] if name == SOURCE_FILE and folders else [file.stem]
    return LocalVideo(platform or LOOSE, _code(_JOINT.join([*folders, *last])), file)


def _code(path: str) -> str:
    """Return a code that can be typed, of a path with what keyboards lack.

    macOS puts a narrow space before AM and PM, and emoji are joined by marks of no width.
    """
    return "".join(
        " " if unicodedata.category(each) == "Zs" else each for each in path if each not in _JOINERS
    )


def _well_named(video: LocalVideo, bucket: str, found: LocalFiles) -> bool:
    """Return whether the names are safe; a file of another costs itself."""
    try:
        named_video(video.platform, video.code, bucket, str(video.file))
    except ConfigurationError as error:
        message = str(error).removeprefix(f"{video.file}: ")
        found.faults.append(LeftOut(file=str(video.file), reason="bad_name", message=message))
        return False
    return True


def _refuse_collisions(videos: Sequence[LocalVideo]) -> None:
    files: dict[str, list[str]] = {}
    for video in videos:
        files.setdefault(str(video), []).append(str(video.file))
    twice = [f"{name}: {', '.join(same)}" for name, same in files.items() if len(same) > 1]
    if twice:
        raise ConfigurationError(
            "several files would be one video; rename them, give the folder above them, or leave "
            f"some out with --exclude: {'; '.join(twice)}"
        )


def unreadable(file: Path, error: OSError) -> LeftOut:
    """Return that a file cannot be read, with why."""
    why = error.strerror or type(error).__name__
    return LeftOut(file=str(file), reason="unreadable", message=why)


def _matches(relative: Path, globs: Sequence[str]) -> bool:
    return any(fnmatch(relative.name, glob) or fnmatch(str(relative), glob) for glob in globs)
