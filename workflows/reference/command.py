"""The command `render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from components.errors import ConfigurationError
from workflows.terminal.commands import CLUSTER, command

commands = typer.Typer()


def _of_kubeflow(*names: str, text: str, **bounds: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel="Kubeflow only", **bounds)


@command(
    commands,
    CLUSTER,
    "oriane render --output out",
    "oriane render all --check",
    "oriane render kubeflow --output build/kubeflow --registry ghcr.io/you --no-gpu",
)
def render(
    what: Annotated[
        Literal["argo", "kubeflow", "docs", "all"],
        typer.Argument(
            metavar="[argo|kubeflow|docs|all]",
            help="Argo's manifests, Kubeflow's pipeline and components, the reference pages",
        ),
    ] = "argo",
    folder: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Folder to write to (default: the project's)"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing, fail if a file is stale")
    ] = False,
    registry: Annotated[
        str, _of_kubeflow(metavar="NAME", text="Registry and path before images' names")
    ] = "",
    tag: Annotated[
        str, _of_kubeflow(metavar="TAG", text="Tag of the images (default: oriane's version)")
    ] = "",
    gpu: Annotated[
        bool, _of_kubeflow("--gpu/--no-gpu", text="Ask for GPUs where they can be used")
    ] = True,
    fused: Annotated[
        bool, _of_kubeflow("--fused", text="One task a shard for fetch, crop, frame and dedup")
    ] = False,
    parallelism: Annotated[
        int, _of_kubeflow(min=0, metavar="N", text="Most shards in flight; 0: any number")
    ] = 8,
    videos_per_shard: Annotated[
        int | None,
        _of_kubeflow(
            min=1,
            metavar="N",
            text="Default of the run's parameter of this name (default: the contract's)",
        ),
    ] = None,
) -> None:
    """Render what is declared in code into the files that describe or run it."""
    from workflows.reference import rendered
    from workflows.reference.files import refresh

    if what in ("docs", "all"):
        if folder:
            raise ConfigurationError(f"{what} lies in the project; leave out --output")
        files = rendered.everything() if what == "all" else rendered.docs()
    elif what == "argo":
        files = rendered.argo(folder or Path("k8s"))
    else:
        from workflows.kubeflow import FOLDER, Target, rendered_kubeflow

        target = Target(registry, tag, gpu, parallelism, videos_per_shard, fused)
        files = rendered_kubeflow(target, folder or FOLDER)
    if not refresh(files, check=check):
        raise typer.Exit(1)
