"""What the documents claim is so: pages are fresh, commands exist, every option has help."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from components.settings import Settings
from workflows.cli.app import app
from workflows.reference.rendered import everything
from workflows.reference.tree import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def _commands(group: Any, prefix: str = "") -> dict[str, Any]:
    """Return all commands by what one types, those of groups like `model status`."""
    found = {}
    for name, command in group.commands.items():
        found[prefix + name] = command
        if hasattr(command, "commands"):
            found |= _commands(command, f"{prefix}{name} ")
    return found


COMMANDS = _commands(typer.main.get_command(app))


@pytest.mark.slow
def test_rendered_files_are_fresh() -> None:
    files = everything()
    stale = [str(path) for path, text in files.items() if path.read_text() != text]
    assert stale == [], "run make docs"
    folders = (ROOT / "k8s/kubeflow", ROOT / "docs/schemas")
    left = {path for folder in folders for path in folder.rglob("*.*")} - files.keys()
    assert left == set(), "rendered once, and no longer"


def test_every_variable_is_explained() -> None:
    example = (ROOT / ".env.example").read_text()
    for _, group in Settings.groups():
        for name, field in group.model_fields.items():
            assert f"#{field.validation_alias}=" in example
            assert field.description, name
            assert not field.description.endswith("."), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert "xample" in command.epilog
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name}"
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0


def commands_in(path: Path) -> list[list[str]]:
    """Return the arguments of every `oriane …` line in a document's code blocks."""
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", path.read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ").strip() for block in blocks for line in block.splitlines()]
    calls = [
        shlex.split(line, comments=True) for line in lines if re.match(r"(\S*/)?oriane\b", line)
    ]
    return [call[1:] for call in calls]


def examples_of(command: Any) -> list[list[str]]:
    """Return the arguments of what the help of a command shows as examples."""
    _, _, examples = command.epilog.partition(": ")
    lines = [re.sub(r"^([A-Z_]+=\S+ )*", "", line) for line in examples.split(" · ")]
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_of_their_command_and_can_be_read(name: str) -> None:
    for call in examples_of(COMMANDS[name]):
        words = name.split()
        assert call[: len(words)] == words, call
        if not hasattr(COMMANDS[name], "commands"):
            COMMANDS[name].make_context(name, call[len(words) :])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_exist_with_their_options(path: Path) -> None:
    for call in commands_in(path):
        name = " ".join(call[:2]) if " ".join(call[:2]) in COMMANDS else call[0]
        assert name in COMMANDS, call
        options = {
            option
            for parameter in COMMANDS[name].params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for argument in call[1:]:
            if argument.startswith("--"):
                assert argument.split("=")[0] in options | {"--help"}, call


def headings(page: Path) -> set[str]:
    """Return what GitHub calls the headings of a page in addresses."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_make_targets_in_documents_exist(path: Path) -> None:
    text = path.read_text()
    for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not heading or heading in headings(page), f"{target}#{heading}"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:^\$? ?|`)make ([a-z][a-z-]*)", text, re.MULTILINE):
        assert target in targets, target
