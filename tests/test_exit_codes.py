"""Every documented exit code is given, and messages name what one can type from anywhere."""

from __future__ import annotations

import ast
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from components.base.model_names import PACKAGED
from tests.commands import environment, invoked, oriane_here
from tests.deployment import copy
from workflows.cli.app import app
from workflows.reference.tree import ROOT

DOCUMENTED = {0, 1, 2, 65, 75, 78, 130}
# The argument of a test that gives each code; 65 is tests/test_components_cli.py's.
COMMANDS = {
    0: ["status"],
    1: ["verify"],
    2: ["nosuch"],
    78: ["run", "nosuch.mp4"],
}


def test_the_table_has_them_all() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    found = {int(code) for code in re.findall(r"^\| (\d+) \| ", page, re.MULTILINE)}
    assert found == DOCUMENTED
    readme = (ROOT / "README.md").read_text()
    (line,) = re.findall(r"Exit codes: .*?\.\n", readme, re.DOTALL)
    for told in (line, app.info.epilog or ""):
        assert {int(code) for code in re.findall(r"\b\d+\b", told)} == DOCUMENTED - {65}


@pytest.mark.slow
@pytest.mark.parametrize("code", COMMANDS)
def test_a_command_ends_with_its_code(code: int, tmp_path: Path, deployment: Path) -> None:
    copy(deployment, tmp_path)
    next((tmp_path / "s3/oriane-frames/local/one").glob("*.png")).unlink()
    ended, said = invoked(*COMMANDS[code], data=tmp_path)
    assert ended == code, said


@pytest.mark.slow
def test_a_command_line_that_cannot_be_read_is_2() -> None:
    for arguments in (["nosuch"], ["crop", "--nosuch", "x"], ["crop"]):
        done = subprocess.run(
            [sys.executable, "-m", "components", *arguments], capture_output=True, check=False
        )
        assert done.returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["status"], ["search", "x"], ["run", "a.mp4"]])
def test_a_data_folder_that_the_system_refuses_is_78(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    env = {**environment(tmp_path), "VP_DATA_DIR": "/dev/null/data", "CLIP_MODEL": PACKAGED}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("oriane")), *arguments],
        env=env, capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 78, done.stderr
    assert "error: /dev/null/data" in done.stderr
    assert "Not a directory" in done.stderr
    assert "VP_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("typer", "local", ["--help"]),
        ("numpy", "local", ["export", "frames.npz"]),
        ("hera", "cluster", ["doctor"]),
        ("kfp", "kubeflow", ["render", "kubeflow"]),
    ],
)
def test_a_package_that_is_not_installed_is_78_and_named_with_what_to_type(
    package: str, extra: str, arguments: list[str], tmp_path: Path, deployment: Path
) -> None:
    copy(deployment, tmp_path)
    code = f"import sys; sys.modules[{package!r}] = None; import workflows.cli.__main__"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, check=False,
        env=environment(tmp_path, ARGO_SERVER="127.0.0.1:9"), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 78, done.stderr
    assert f"error: this needs {package}, not found here" in done.stderr
    assert f"[{extra}]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("direct_url", "named"),
    [
        (None, "'oriane[serve]'"),
        ({"url": "file:///src/oriane", "dir_info": {}}, "'oriane[serve] @ file:///src/oriane'"),
        (
            {
                "url": "https://example.com/oriane",
                "vcs_info": {"vcs": "git", "commit_id": "1f"},
            },
            "'oriane[serve] @ git+https://example.com/oriane@1f'",
        ),
    ],
)
def test_an_extra_is_taken_from_where_the_program_was(
    direct_url: dict[str, object] | None, named: str, tmp_path: Path
) -> None:
    """An index may have another project of this name."""
    shutil.copytree(ROOT / "components", tmp_path / "components")
    installed = tmp_path / "oriane-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.4\nName: oriane\nVersion: 1\n")
    if direct_url:
        (installed / "direct_url.json").write_text(json.dumps(direct_url))
    code = "from components.base.install_line import install_line as line; print(line('serve'))"
    env = environment(tmp_path, PYTHONPATH=str(tmp_path))
    said = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=env, text=True)
    assert said.rstrip().endswith(f" -m pip install {named}")


@pytest.mark.slow
def test_what_does_not_answer_is_75(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    down = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "VP_S3_ATTEMPTS": 1, **keys}
    code, said = invoked("status", data=tmp_path / "data", **down)
    assert (code, "127.0.0.1:9" in said) == (75, True)


@pytest.mark.slow
def test_ctrl_c_is_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    """Interrupted while it waits for an S3 that accepts a connection and never answers."""
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(600)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("oriane")), "status"],
            env=environment(tmp_path, AWS_ENDPOINT_URL=address, **keys),
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        )  # fmt: skip
        with closing(silent.accept()[0]):
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
    assert process.returncode == 130
    assert "run the same command again" in said


def test_messages_name_no_file_of_the_repository() -> None:
    """Who installed a package has no docs folder; a command works wherever one is."""
    named = []
    for room in ("components", "workflows", "oriane"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if "reference" in path.parts:
                continue
            tree = ast.parse(path.read_text())
            spoken = {id(text) for text in _docstrings(tree)}
            for node in ast.walk(tree):
                if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                    continue
                if id(node) not in spoken and re.search(r"\bdocs/\w+\.md|README", node.value):
                    named.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}")
    assert named == []


def _docstrings(tree: ast.Module) -> list[ast.AST]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    ]


@pytest.mark.slow
def test_help_names_no_file_of_the_repository(tmp_path: Path) -> None:
    for command in ("run", "submit", "model", "config"):
        assert "docs/" not in oriane_here(command, "--help", env=environment(tmp_path)).stdout
