"""Runs one phase, as its container does: python -m components PHASE --help."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined, to_jsonable_python

from components.base.garbage import collect_seldom
from components.base.wrong_values import wrong_value
from components.contract import Component, ShardOutputs
from components.errors import (
    EXIT_DONE,
    EXIT_TRANSIENT,
    ConfigurationError,
    PipelineError,
    RunFailedError,
)
from components.pipeline import COMPONENTS, component, components


def main(arguments: list[str] | None = None) -> int:
    """Run the phase that the arguments name and return the exit code (see components.errors)."""
    parsed = parsed_arguments(sys.argv[1:] if arguments is None else arguments)
    phase = component(parsed.phase)

    from components.base import logs, redaction
    from components.base.standard_streams import open_standard_streams
    from components.base.termination import LastWords

    open_standard_streams()
    redaction.guard_streams()
    redaction.guard_tracebacks()
    with logs.recording(logs.level_of_container()), LastWords() as last_words:
        code = _run(phase, vars(parsed))
        if code != EXIT_DONE:
            last_words.leave()
    return code


def _run(phase: Component[Any, Any], given: dict[str, Any]) -> int:
    from components.base import profiling
    from components.base.logs import log
    from components.base.wording import counted
    from components.running.calibration import CALIBRATED, calibrate_pod
    from components.running.phase import run
    from components.running.services import Services
    from components.settings import Settings
    from components.settings.unknown import unknown_variables

    profiling.start_trace()
    try:
        settings = Settings.load()
        for warning in unknown_variables(os.environ, (v.name for v in Settings.variables())):
            log.warning("%s", warning)
        inputs = _inputs(phase, given)
        with Services(settings, several_phases=bool(phase.runs)) as services:
            outputs = run(phase, inputs, services)
            _write(outputs, given)
            if {*CALIBRATED} & {phase.name, *phase.runs}:
                calibrate_pod(phase, outputs.manifest.read(services.store), services)
    except RunFailedError as error:
        log.error("%s: %s", phase.name, error)
        if error.outputs is not None:
            _write(error.outputs, given)
        return error.exit_code
    except PipelineError as error:
        log.error("%s: %s", phase.name, error)
        return error.exit_code
    finally:
        profiling.write_trace()
    if isinstance(outputs, ShardOutputs) and outputs.failed:
        failed = counted(outputs.failed, "video")
        if settings.work.is_last_attempt:
            log.error("%s: %s failed for good", phase.name, failed)
            return EXIT_DONE
        log.error("%s: %s failed; run it again", phase.name, failed)
        return EXIT_TRANSIENT
    return EXIT_DONE


def parsed_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return what the command line of a component says: `phase`, its inputs, paths of outputs."""
    parser = argparse.ArgumentParser(
        prog="python -m components",
        description="Run one phase of the pipeline. Credentials and settings come from the "
        "environment (.env.example).",
        epilog="example: python -m components crop --manifest s3://artifacts/runs/r1/000000/"
        "fetch.jsonl --out_manifest /tmp/outputs/manifest",
    )
    phases = parser.add_subparsers(dest="phase", required=True, metavar="PHASE")
    named = arguments[0] if arguments and arguments[0] in COMPONENTS else None
    for phase in [component(named)] if named else components():
        command = phases.add_parser(
            phase.name,
            help=phase.purpose,
            description=phase.purpose,
            epilog=_example(phase),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name, field in phase.inputs.model_fields.items():
            default = "" if field.is_required() else f" (default: {_shown(field.default)})"
            command.add_argument(
                f"--{name}",
                required=field.is_required(),
                default=None,
                metavar=_metavar(field.annotation),
                help=_escaped(f"{field.description}{default}"),
            )
        for name, field in phase.outputs.model_fields.items():
            command.add_argument(
                f"--out_{name}",
                type=Path,
                metavar="PATH",
                help=_escaped(f"write to this file: {field.description}"),
            )
    return parser.parse_args(arguments)


def _inputs(phase: Component[Any, Any], given: dict[str, Any]) -> BaseModel:
    values = {name: given[name] for name in phase.inputs.model_fields if given[name] is not None}
    try:
        inputs: BaseModel = phase.inputs.model_validate(values)
    except ValidationError as error:
        wrong = wrong_value(error)
        raise ConfigurationError(f"--{wrong.field}: {wrong.why}, found {wrong.found!r}") from error
    return inputs


def _write(outputs: BaseModel, given: dict[str, Any]) -> None:
    """Write each output to its path: text as it is, everything else as JSON."""
    for name, value in to_jsonable_python(outputs).items():
        path: Path | None = given.get(f"out_{name}")
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            path.write_text(text)


def _example(phase: Component[Any, Any]) -> str:
    flags = [
        f"--{name} {_metavar(field.annotation)}"
        for name, field in phase.inputs.model_fields.items()
        if field.is_required()
    ] or ["--source s3://oriane-contents/"]
    output = "manifest" if "manifest" in phase.outputs.model_fields else "shards"
    return (
        f"example: python -m components {phase.name} {' '.join(flags)} --out_{output} /tmp/{output}"
    )


def _metavar(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "s3://…"
    return {int: "N", float: "X", str: "TEXT"}.get(annotation, "JSON")


def _escaped(text: str) -> str:
    """Keep argparse from filling in what only looks like a format."""
    return text.replace("%", "%%")


def _shown(default: Any) -> str:
    return "empty" if default in ("", PydanticUndefined) else str(default)


if __name__ == "__main__":
    collect_seldom()
    sys.exit(main())
