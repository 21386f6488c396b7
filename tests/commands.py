"""Runs the command lines as a user does: in a process of its own, with a clean environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from components.errors import PipelineError
from workflows.cli.app import app

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("VP_", "S3_", "DB_", "QDRANT_", "AWS_", "CLIP_", "JOB_", "PROFILE_"))
}


def environment(data: Path, **variables: object) -> dict[str, str]:
    """Return the environment for a run below `data`."""
    scratch = {"VP_DATA_DIR": str(data), "VP_SCRATCH_DIR": str(data / "scratch")}
    # Tests put single real stores, and such as do not answer, beside stand-ins.
    scratch["VP_STAND_INS"] = "1"
    return {**CLEAN, **scratch, **{name: str(value) for name, value in variables.items()}}


def oriane(
    *arguments: object, env: dict[str, str], code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `oriane` and check its exit code."""
    command = [str(Path(sys.executable).with_name("oriane")), *map(str, arguments)]
    done = subprocess.run(
        command, env=env, cwd=env["VP_DATA_DIR"], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def oriane_here(
    *arguments: object, env: dict[str, str], code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Do the same in this process, which is faster by the start of one."""
    done = CliRunner().invoke(app, [*map(str, arguments)], env=env)
    ended, stderr = done.exit_code, done.stderr
    if isinstance(done.exception, PipelineError):
        ended, stderr = done.exception.exit_code, f"{stderr}{done.exception}"
    assert ended == code, f"exit {ended}\n{done.stdout}\n{stderr}"
    return subprocess.CompletedProcess(["oriane", *map(str, arguments)], code, done.stdout, stderr)


def report(*arguments: object, env: dict[str, str], code: int = 0) -> dict[str, Any]:
    """Run `oriane run … --json` and return its report, the only thing on stdout."""
    done = oriane("run", *arguments, "--json", env=env, code=code)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def report_here(*arguments: object, env: dict[str, str]) -> dict[str, Any]:
    """Do the same in this process."""
    result: dict[str, Any] = json.loads(oriane_here("run", *arguments, "--json", env=env).stdout)
    return result


def invoked(*arguments: object, data: Path, **variables: object) -> tuple[int, str]:
    """Run `oriane` in this process, which is faster; return exit code and what it says."""
    variables = {**environment(data), **variables}
    env = {name: str(value) for name, value in variables.items()}
    done = CliRunner().invoke(app, [*map(str, arguments)], env=env)
    if isinstance(done.exception, PipelineError):
        return done.exception.exit_code, f"{done.stdout}{done.exception}"
    return done.exit_code, done.stdout
