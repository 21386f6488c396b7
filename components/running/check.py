"""Looks whether a component's pod finds what it needs, and does nothing else.

It runs where the component would: in its image, under its account, with its settings, credentials
and volumes. So what it cannot reach, the component could not reach either.

    python -m components.running.check PHASE --videos=r --artifacts=rwd
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from components.base import logs, redaction
from components.base.logs import log
from components.base.termination import LastWords
from components.contract import Component
from components.errors import EXIT_DONE, ConfigurationError, PipelineError
from components.pipeline import COMPONENTS, component
from components.running.services import Services
from components.settings import Settings

BUCKETS = ("videos", "frames", "artifacts")
# No video, frame or result has a name of this shape.
_FOLDER = "checks"

Look = Callable[[], str]


def looks(
    declared: Component[Any, Any], services: Services, rights: dict[str, str]
) -> Iterator[Look]:
    """Yield a function for each thing the component needs; it returns what was found.

    Each raises PipelineError, with what to do, where the thing is missing.

    Args:
        rights: What the component does in each bucket, in letters: read, list, write, delete.
    """
    for bucket, letters in rights.items():
        yield partial(_bucket, declared, services, bucket, letters)
    if "ledger" in declared.settings:
        yield partial(_ledger, services)
    if "index" in declared.settings:
        yield partial(_index, services)
    if "embed" in declared.settings:
        yield lambda: f"model {services.encoder.name}"
    if declared.decodes:
        yield partial(_decoders, services)


def _bucket(declared: Component[Any, Any], services: Services, name: str, letters: str) -> str:
    bucket = getattr(services.settings.storage, f"{name}_bucket")
    key = f"{_FOLDER}/{declared.name}"
    uri = f"s3://{bucket}/{key}"
    try:
        if {"l", "r"} & set(letters):
            next(iter(services.store.objects(f"s3://{bucket}/{_FOLDER}/")), None)
        if "r" in letters:
            services.store.exists(f"{uri}/none")
        if "w" in letters:
            services.store.put(uri, b"written by oriane doctor", "text/plain")
        if "d" in letters:
            services.store.delete(bucket, [key])
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error}. {declared.name} needs the rights of k8s/iam/{declared.name}.json: by a role "
            f"bound to the account oriane-{declared.name}, or by keys in the Secret oriane-s3 or "
            f"oriane-s3-{declared.name}"
        ) from error
    return f"bucket {bucket} ({letters})"


def _ledger(services: Services) -> str:
    settings = services.settings.ledger
    if services.ledger is None:
        return "no ledger (LOCAL_MODE=1)"
    # Opening it brings an older schema to this version and refuses a newer one.
    videos = sum(row["videos"] for row in services.ledger.counts())
    return f"Postgres {settings.host}/{settings.name}, {videos} videos booked"


def _index(services: Services) -> str:
    settings = services.settings.index
    collection = services.collection
    found = collection.model()
    made = f"of {found}, {collection.dim()} dimensions" if found else "made by the first run"
    return f"Qdrant {settings.url}, collection {settings.collection} {made}"


def _decoders(services: Services) -> str:
    from components.base.gpu import has_gpu
    from components.running.decoders import Access
    from components.running.sandbox import tasks_of_user

    services.decoders.call(Access(), tasks_of_user)
    lacking = [part for part, holds in services.decoders.confined_parts().items() if not holds]
    said = f"decoders confined but for {', '.join(lacking)}" if lacking else "decoders confined"
    return f"{said}; what decodes or encodes on the GPU is not" if has_gpu() else said


def check(declared: Component[Any, Any], rights: dict[str, str]) -> int:
    """Look at all that the component needs, log each, and return the exit code."""
    problems: list[PipelineError] = []
    try:
        with Services(Settings.load()) as services:
            for look in looks(declared, services, rights):
                try:
                    log.info("%s: %s", declared.name, look())
                except PipelineError as error:
                    problems.append(error)
    except PipelineError as error:
        problems.append(error)
    if not problems:
        return EXIT_DONE
    # One message, since Kubernetes keeps one.
    log.error("%s: %s", declared.name, "; ".join(dict.fromkeys(map(str, problems))))
    return problems[0].exit_code


def main(arguments: list[str] | None = None) -> int:
    """Check the component that the arguments name and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m components.running.check",
        description="Look whether a component finds what it needs. Changes nothing but an object "
        f"below {_FOLDER}/ in buckets that it may write to.",
    )
    parser.add_argument("phase", choices=COMPONENTS, metavar="PHASE")
    for bucket in BUCKETS:
        parser.add_argument(
            f"--{bucket}", default="", metavar="RIGHTS", help="any of r, l, w and d for this bucket"
        )
    given = vars(parser.parse_args(arguments))
    redaction.guard_streams()
    redaction.guard_tracebacks()
    with logs.recording(logs.level_of_container()), LastWords() as last_words:
        rights = {bucket: given[bucket] for bucket in BUCKETS if given[bucket]}
        code = check(component(given["phase"]), rights)
        if code != EXIT_DONE:
            last_words.leave()
    return code


if __name__ == "__main__":
    sys.exit(main())
