"""`oriane`: run the pipeline, here or on a cluster, and search what it indexed."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from components.base.disk import told
from components.base.garbage import collect_seldom
from components.base.redaction import guard_streams, guard_tracebacks, safe
from components.base.standard_streams import open_standard_streams
from components.base.version import version as own_version
from components.errors import PipelineError
from workflows.argo.command import commands as submitting
from workflows.demo.command import commands as demonstrating
from workflows.model_swap.commands import commands as model
from workflows.operations.config.command import commands as configuring
from workflows.operations.delete.command import commands as deleting
from workflows.operations.export.command import commands as exporting
from workflows.operations.gc.command import commands as cleaning
from workflows.operations.plan.command import commands as planning
from workflows.operations.release.command import commands as releasing
from workflows.operations.retry.command import commands as retrying
from workflows.operations.runs.command import commands as past_runs
from workflows.operations.show.command import commands as showing
from workflows.operations.status.command import commands as looking
from workflows.operations.verify.command import commands as verifying
from workflows.reference.command import commands as rendering
from workflows.run.command import commands as running
from workflows.search.command import commands as searching
from workflows.serve.command import commands as serving
from workflows.terminal import environment
from workflows.terminal.commands import OPERATE, SEARCH, Group
from workflows.terminal.output import errors, output
from workflows.watch.command import commands as watching

_INTERRUPTED = 130

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done · 75 a store, a video or another run is in the way: type it again · "
    "78 a setting or an argument is wrong · 2 the command line cannot be read · "
    "1 verify found what does not fit, or a fault of the program · 130 interrupted",
)
# In the order of `oriane --help`, in which a panel comes where its first command does.
for _commands in (
    running,
    demonstrating,
    searching,
    serving,
    showing,
    exporting,
    planning,
    looking,
    past_runs,
    retrying,
    releasing,
    verifying,
    deleting,
    cleaning,
    configuring,
    submitting,
    rendering,
):
    app.add_typer(_commands)
app.add_typer(watching, name="watch", rich_help_panel=SEARCH)
app.add_typer(model, name="model", rich_help_panel=OPERATE)


def main() -> None:
    """Run the command line; every deliberate error becomes a message and its exit code."""
    open_standard_streams()
    collect_seldom()
    signal.signal(signal.SIGINT, _interrupted)
    # Where it is ignored, how the programs ended that this one starts is not told.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        environment.load()
        guard_streams()
        guard_tracebacks()
        environment.warn()
        app()
    except PipelineError as error:
        _end(error)
    except OSError as error:
        refused = told(error)
        if refused is None:
            raise
        _end(refused)


def _end(error: PipelineError) -> NoReturn:
    message = Text.assemble(("error:", "bold red"), " ", safe(str(error)))
    errors().print(message, highlight=False, soft_wrap=True)
    sys.exit(error.exit_code)


def _interrupted(*_: object) -> NoReturn:
    """End at once: a run may be broken off anywhere, and waiting for its threads takes minutes."""
    console = errors()
    console.show_cursor()
    console.print("\ninterrupted; run the same command again to go on where it stopped")
    os._exit(_INTERRUPTED)


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end")] = False,
) -> None:
    """Turn videos into searchable frame embeddings."""
    if version:
        output().print(f"oriane {own_version()}", highlight=False)
        raise typer.Exit
