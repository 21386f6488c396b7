"""`python -m benchmarks.answers`: judge answers, and write what docs/search.md says of them.

The demonstration's videos, and slide shows of photographs that packages carry, are run with the
packaged model in a folder of their own; then questions are asked whose answers are known, and of
concepts that are not there.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

import numpy as np

from benchmarks.answers.judging import Row, TradeOff, row, trade_off, ways
from benchmarks.answers.photographs import make_shows
from benchmarks.answers.questions import (
    ABSENT,
    Judged,
    demonstration_texts,
    photograph_texts,
    pictures,
)
from benchmarks.answers.reach import fit
from benchmarks.answers.signals import signals_table
from benchmarks.answers.speed import timed
from benchmarks.answers.tables import quality, trade_offs
from benchmarks.report import with_sections
from components.base.model_names import PACKAGED
from components.base.vectors import Vectors
from components.encoders.conse_text import ConseTextEncoder
from components.encoders.encoder import Reach
from components.errors import PipelineError
from components.settings import Settings
from components.stores.vectors.open import open_store
from workflows.demo.videos import make_videos
from workflows.intake.given import Given
from workflows.local.run import run_videos
from workflows.local.stand_ins import with_stand_ins
from workflows.reference.files import refresh
from workflows.reference.tree import ROOT
from workflows.search.ask import Asker, asking
from workflows.search.sides import ModelSides

PAGE = ROOT / "docs" / "search.md"
_WIDTH = 115
_DEMONSTRATION, _ALL = "the demonstration", "all videos"


def main() -> int:
    """Judge and write the page, or time questions with --frames."""
    options = _options()
    if options.frames:
        sys.stdout.write(timed(options.frames) + "\n")
        return 0
    try:
        rows, calibrations, fitted, signals = judged(options.folder, options.packages)
        sections = {"quality": quality(rows), "trade-off": trade_offs(calibrations)}
        sections |= {"fit": "\n".join(wrap(fitted, _WIDTH)), "signals": signals}
        sys.stdout.write("\n\n".join(sections.values()) + "\n")
        refresh({PAGE: with_sections(PAGE.read_text(), sections)}, check=False)
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def judged(
    folder: Path, packages: Path
) -> tuple[dict[tuple[str, str], Row], dict[str, list[TradeOff]], str, str]:
    """Run the videos of both collections, and judge the answers about them.

    Also return what is fitted, and which signals were tried besides.
    """
    rows: dict[tuple[str, str], Row] = {}
    calibrations: dict[str, list[TradeOff]] = {}
    fitted, signals = "", ""
    texts = {_DEMONSTRATION: demonstration_texts()}
    texts[_ALL] = [*texts[_DEMONSTRATION], *photograph_texts()]
    for name, asked in texts.items():
        settings = _collection(folder / name.replace(" ", "-"), packages, shows=name == _ALL)
        with asking(settings) as asker:
            kinds = {f"{len(asked)} texts, {name}": asked}
            if name == _ALL:
                kinds["pictures"] = list(pictures(packages))
                fitted = fit(asker, ConseTextEncoder(asker.model, settings.embed), asked, ABSENT)
            rows |= _rows(asker, kinds)
            calibrations[f"{name}, measured by reach"] = trade_off(asker, asked)
        calibrations[f"{name}, as they are"] = _unmeasured(settings, asked)
        if name == _ALL:
            signals = _signals(settings, asked)
    return rows, calibrations, fitted, signals


def _rows(asker: Asker, kinds: dict[str, list[Judged]]) -> dict[tuple[str, str], Row]:
    return {
        (f"{len(asked)} {kind}" if kind == "pictures" else kind, way): row(asked, ask)
        for kind, asked in kinds.items()
        for way, ask in ways(asker).items()
    }


class _Unmeasuring(ModelSides):
    """Sides that do not tell what a text can reach."""

    def reach(self, texts: Vectors) -> Reach:
        return replace(super().reach(texts), most=np.ones(len(texts), np.float32))


def _unmeasured(settings: Settings, asked: list[Judged]) -> list[TradeOff]:
    """Judge with scores as they are, which takes a background of its own."""
    elsewhere = settings.having("work", data_dir=settings.work.data_dir / "unmeasured")
    with closing(open_store(settings.index)) as store:
        asker = Asker(store.collection(), elsewhere, _Unmeasuring(elsewhere))
        return trade_off(asker, asked)


def _signals(settings: Settings, asked: list[Judged]) -> str:
    with closing(open_store(settings.index)) as store:
        frames = list(store.collection().frames(vectors=True))
    return signals_table(frames, ConseTextEncoder(PACKAGED, settings.embed), asked, ABSENT)


def _collection(folder: Path, packages: Path, *, shows: bool) -> Settings:
    """Return settings of a folder in which the videos are done."""
    settings = Settings.load().having("work", data_dir=folder, stand_ins=True)
    settings = settings.having("embed", model=PACKAGED)
    bucket = folder / "s3" / settings.storage.videos_bucket
    make_videos(bucket, packages)
    if shows:
        make_shows(bucket, packages)
    source = f"s3://{settings.storage.videos_bucket}/"
    run_videos(settings, Given(source=source), shards_in_flight=settings.work.worker_count)
    return with_stand_ins(settings)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--packages", type=Path, default=Path("data/packages"), help="folder of the wheels"
    )
    parser.add_argument("--folder", type=Path, default=Path("data/answers"), help="to work in")
    parser.add_argument("--frames", type=int, default=0, help="time this many synthetic frames")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
