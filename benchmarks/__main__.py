"""`python -m benchmarks`: measure, and render docs/performance.md from what was found."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import corpus, plan_scale, recall, report, scale
from benchmarks.contenders.contender import ROOT
from benchmarks.contenders.contenders import CONTENDERS
from benchmarks.costs import costs, prices
from benchmarks.footage import Footage, unpacked
from benchmarks.picture import picture
from benchmarks.results import Results
from components.base.logs import recording
from components.errors import ConfigurationError, PipelineError
from workflows.reference.files import refresh

PAGE = ROOT / "docs" / "performance.md"
_NAMES = [contender.name for contender in CONTENDERS]
_OTHERS = ["recall", "scale", "plan"]
_SECTIONS: dict[str, Callable[[Any], str]] = {
    "recall": report.recall,
    "scale": report.scale,
    "growth": report.growth,
    "plan": report.plan_scale,
}
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(
    epilog="Examples: python -m benchmarks --quick · python -m benchmarks --only ours,floor "
    "--repeat 5 · python -m benchmarks --only recall --videos ~/videos · "
    "python -m benchmarks --render"
)
def main(
    repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Repetitions, interleaved")] = 3,
    quick: Annotated[
        bool, typer.Option(help="Two short clips, once; rendered beside the results")
    ] = False,
    only: Annotated[
        str,
        typer.Option(metavar="NAMES", help=f"Of {', '.join([*_NAMES, *_OTHERS])}, with commas"),
    ] = "",
    videos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="These <platform>/<code>/video.mp4, not the corpus"),
    ] = None,
    packages: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder with moviepy's source package")
    ] = Path("data/packages"),
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the corpus, the work and the results")
    ] = Path("data/bench"),
    only_set: Annotated[str, typer.Option("--set", metavar="NAME", help="Of clips and film")] = "",
    add: Annotated[
        bool, typer.Option(help="Keep earlier repetitions of the same rows; other rows are kept")
    ] = False,
    render: Annotated[bool, typer.Option(help="Render again, measure nothing")] = False,
) -> None:
    """Measure this project and others side by side; write results and docs/performance.md."""
    root = folder.resolve()
    home = root / "quick" if quick else root
    if not render:
        wanted = _wanted(only)
        with recording("INFO"):
            sets = _videos(root, packages, videos, quick, only_set)
            measure(wanted, home, root, packages, sets, 1 if quick else repeat, quick, add)
    refresh(rendered(home, home / PAGE.name if quick else PAGE), check=False)


def _wanted(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",")] if only else [*_NAMES, *_OTHERS]
    for name in names:
        if name not in (*_NAMES, *_OTHERS):
            known = ", ".join([*_NAMES, *_OTHERS])
            raise ConfigurationError(f"--only: {name!r} is none of {known}")
    return names


def measure(
    wanted: list[str],
    home: Path,
    root: Path,
    packages: Path,
    sets: Mapping[str, Sequence[Path]],
    repetitions: int,
    quick: bool,
    add: bool,
) -> None:
    """Make the videos and measure what is wanted; results go to `home`, a file each."""
    from benchmarks.run import measure_all

    footage = unpacked(packages, root / "footage")
    work = root / "work"
    contenders = [contender for contender in CONTENDERS if contender.name in wanted]
    if contenders:
        measure_all(contenders, sets, repetitions, work, home / "results.json", add=add)
    if "recall" in wanted:
        every = [video for videos in sets.values() for video in videos]
        _write(home / "recall.json", recall.measure(every, work / "recall"))
    if "scale" in wanted:
        few = scale.COUNTS[: 2 if quick else None]
        _write(home / "scale.json", scale.measure(footage, work / "scale", few))
    if "plan" in wanted:
        counts = plan_scale.COUNTS[: 2 if quick else None]
        _write(home / "plan.json", plan_scale.measure(work / "plan", counts))


def _videos(
    root: Path, packages: Path, given: Path | None, quick: bool, only: str
) -> dict[str, list[Path]]:
    if given:
        return {"videos": _below(given)}
    found = _corpus(root, unpacked(packages, root / "footage"), quick)
    if only and only not in found:
        raise ConfigurationError(f"--set: {only!r} is none of {', '.join(found)}")
    return {only: found[only]} if only else found


def _below(folder: Path) -> list[Path]:
    found = sorted(folder.resolve().glob("*/*/video.mp4"))
    if not found:
        raise ConfigurationError(f"--videos: {folder} holds no <platform>/<code>/video.mp4")
    return found


def _corpus(root: Path, footage: Footage, quick: bool) -> dict[str, list[Path]]:
    recipes = {"clips": corpus.CLIPS[:2]} if quick else corpus.SETS
    return {
        name: corpus.make(some, root / "videos" / name, footage) for name, some in recipes.items()
    }


def _write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def rendered(home: Path, page: Path) -> dict[Path, str]:
    """Return the page and the picture with all that was measured into `home` so far."""
    files: dict[Path, str] = {}
    sections = {}
    if (home / "results.json").exists():
        results = Results.read(home / "results.json")
        sections["comparison"] = report.comparison(results)
        sections["targets"] = report.targets(results)
        sections["phases"] = report.phases(results)
        sections["beside-the-floor"] = report.beside_the_floor(results)
        sections["costs"] = costs(results, prices())
        files[page.with_suffix(".svg")] = picture(results)
    for name, section in _SECTIONS.items():
        if (home / f"{name}.json").exists():
            sections[name] = section(json.loads((home / f"{name}.json").read_text()))
    return {page: report.with_sections(PAGE.read_text(), sections), **files}


if __name__ == "__main__":
    try:
        app()
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
