"""Runs the demonstration from videos to contact sheet."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from components.base.model_names import PACKAGED
from components.errors import ConfigurationError
from components.records.run_report import RunReport
from components.settings import Settings
from workflows.demo.videos import make_videos
from workflows.intake.given import Given
from workflows.local.deployment import local_services
from workflows.local.run import run_videos
from workflows.local.stand_ins import names_an_s3, with_stand_ins
from workflows.run.command import print_run
from workflows.search.answer import Answer
from workflows.search.ask import asking
from workflows.search.printed import print_answer
from workflows.search.question import Question
from workflows.sheet.drawing import ContactSheet
from workflows.sheet.parts import SheetMoment, sheet_video

# The last one is of what no video shows.
QUERIES = ("a cat", "a cup of coffee", "a bicycle", "a piano")
_MOMENTS = 5


def show(settings: Settings, packages: Path | None, console: Console) -> RunReport:
    """Make the videos, run every phase, answer the queries, draw the sheet; return the report.

    Raises:
        ConfigurationError: the environment names services of its own.
    """
    if names_an_s3(settings) or settings.index.url or settings.ledger.host:
        raise ConfigurationError(
            "the demonstration runs on this machine alone; unset S3_*, AWS_ENDPOINT_URL, "
            "QDRANT_URL and DB_HOST"
        )
    if "model" not in settings.embed.model_fields_set:
        settings = settings.having("embed", model=PACKAGED)
    root = settings.work.data_dir
    bucket = root / "s3" / settings.storage.videos_bucket
    names = make_videos(bucket, packages)
    console.print(f"{len(names)} videos in {bucket}: {', '.join(names)}", soft_wrap=True)
    console.print("the first start loads the model for some seconds")

    result = run_videos(
        settings,
        Given(source=f"s3://{settings.storage.videos_bucket}/"),
        shards_in_flight=settings.work.worker_count,
    )
    print_run(result, everything=True)
    if not result.counts["done"]:
        return result

    with asking(with_stand_ins(settings)) as asker:
        answers = {
            query: asker.answer(Question(texts=(query,), limit=_MOMENTS)) for query in QUERIES
        }
    for query, answer in answers.items():
        print_answer(console, Question(texts=(query,)), query, answer)

    target = root / "contact-sheet.jpg"
    with local_services(settings) as services:
        frames = services.settings.storage.frames_bucket
        sheet = ContactSheet(lambda path: services.store.get(f"s3://{frames}/{path}"))
        for query, answer in answers.items():
            sheet.add_answer(query, _drawn(answer), fits=answer.fits)
        for video in result.videos:
            if marker := services.markers.done(video.platform, video.code):
                sheet.add_video(sheet_video(services, marker))
        sheet.save(target)
    console.print(f"contact sheet: {target}", soft_wrap=True)
    console.print('next: .venv/bin/oriane search "a motorcycle"', soft_wrap=True)
    console.print("in a browser: .venv/bin/oriane serve --open", soft_wrap=True)
    return result


def _drawn(answer: Answer) -> tuple[SheetMoment, ...]:
    return tuple(
        SheetMoment(
            code=moment.code,
            start=moment.start,
            end=moment.end,
            path=moment.best.path,
            confidence=moment.confidence,
            same=tuple(sorted({name.split("/")[1] for name in moment.folded} - {moment.code})),
        )
        for moment in answer.moments or answer.nearest
    )
