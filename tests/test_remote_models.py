"""The default model brings its own code: it is loaded from pinned commits and nothing else.

The hub here is a server on loopback that speaks the hub's protocol and holds a stand-in for the
model: code of the same layout, asking for its text tower by name without a commit, as the real one
does. What is tested is the way of loading, not the model.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.base.model_names import REMOTE_MODELS, identity
from components.encoders import load, remote
from components.errors import ConfigurationError
from components.settings import EmbedSettings

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("torch")]

NAME = "jinaai/jina-clip-v2"
MODEL = REMOTE_MODELS[NAME]
CONFIG = {
    "architectures": ["JinaCLIPModel"],
    "auto_map": {
        "AutoConfig": "jinaai/jina-clip-implementation--configuration_clip.JinaCLIPConfig",
        "AutoModel": "jinaai/jina-clip-implementation--modeling_clip.JinaCLIPModel",
    },
    "model_type": "jina_clip",
}
TEXT_CONFIG = {
    "auto_map": {
        "AutoConfig": "jinaai/xlm-roberta-flash-implementation--configuration_xlm_roberta.Config"
    },
    "model_type": "xlm_roberta_flash",
    "answer": 42,
}
CODE = {
    "configuration_clip.py": """
        from transformers import PretrainedConfig
        class JinaCLIPConfig(PretrainedConfig):
            model_type = "jina_clip"
        """,
    "modeling_clip.py": """
        import numpy as np
        import torch
        from transformers import AutoConfig, PreTrainedModel
        from .configuration_clip import JinaCLIPConfig
        class JinaCLIPModel(PreTrainedModel):
            config_class = JinaCLIPConfig
            def __init__(self, config):
                super().__init__(config)
                name = "jinaai/jina-embeddings-v3"
                tower = AutoConfig.from_pretrained(name, trust_remote_code=True)
                assert tower.answer == 42
                self.scale = torch.nn.Parameter(torch.zeros(1))
            def encode_image(self, images, batch_size):
                assert batch_size == len(images)
                return np.arange(1, 1025, dtype=np.float32)[None].repeat(len(images), 0)
            def encode_text(self, texts, batch_size):
                return self.encode_image(texts, batch_size)
        """,
}
NESTED_CODE = {
    "configuration_xlm_roberta.py": """
        from transformers import PretrainedConfig
        class Config(PretrainedConfig):
            model_type = "xlm_roberta_flash"
        """
}
# What "main" serves today must never be run or read.
EVIL = b"raise SystemExit('unpinned code was run')\n"


def weights(folder: Path) -> bytes:
    import torch
    from safetensors.torch import save_file

    save_file({"scale": torch.ones(1)}, folder / "w", metadata={"format": "pt"})
    return (folder / "w").read_bytes()


def repositories(folder: Path) -> dict[tuple[str, str], dict[str, bytes]]:
    """Return the files of each repository at its pinned commit."""

    def code(files: dict[str, str]) -> dict[str, bytes]:
        return {name: textwrap.dedent(text).encode() for name, text in files.items()}

    contents = {
        MODEL.model: {
            "config.json": json.dumps(CONFIG).encode(),
            "model.safetensors": weights(folder),
            "onnx/model.onnx": b"not wanted",
        },
        MODEL.code: code(CODE),
        MODEL.nested[0]: {"config.json": json.dumps(TEXT_CONFIG).encode()},
        MODEL.nested[1]: code(NESTED_CODE),
    }
    return {(pin.name, pin.commit): files for pin, files in contents.items()}


class Hub(ThreadingHTTPServer):
    """Serves repositories at commits, and notes every request."""

    def __init__(self, files: dict[tuple[str, str], dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.requests: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            files = self.server.files.get(("/".join(parts[2:4]), parts[5]), {})
            siblings = [{"rfilename": name} for name in files]
            body = json.dumps({"id": "x", "sha": parts[5], "siblings": siblings}).encode()
            self._answer(200 if files else 404, body, parts[5])
            return
        repository, commit, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        content = self.server.files.get((repository, commit), {}).get(name, EVIL)
        self._answer(200, content, commit)

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, commit: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    server = Hub(repositories(tmp_path))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


EMBED = """
import json, sys
from PIL import Image
from components.encoders import load
from components.settings import EmbedSettings
# The packages that the real code imports are not what is tested here.
load.IMPORTED_BY_REMOTE_CODE = ()
encoder = load.load_encoder(EmbedSettings(VP_MODEL_DIR=sys.argv[1]))
rows = encoder.embed_images([Image.new("RGB", (8, 8))] * 3)
texts = encoder.embed_texts(["a cat"])
print(json.dumps([encoder.name, encoder.dim, rows.shape, float((rows[0] ** 2).sum()), texts.shape]))
"""


def embed(cache: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_MODULES_CACHE": str(cache / "modules")}
    command = [sys.executable, "-W", "ignore", "-c", EMBED, str(cache)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_everything_that_is_run_or_read_is_pinned(hub: Hub, tmp_path: Path) -> None:
    done = embed(tmp_path / "cache", f"http://127.0.0.1:{hub.server_port}")
    assert done.returncode == 0, done.stderr
    name, dim, shape, square, texts = json.loads(done.stdout.splitlines()[-1])
    assert name == identity(NAME) == f"{NAME}@{MODEL.model.commit[:12]}"
    assert (dim, shape, texts) == (512, [3, 512], [1, 512])
    assert square == pytest.approx(1.0), "truncated first, then normalized"
    commits = {pin.commit for pin in (MODEL.model, MODEL.code, *MODEL.nested)}
    assert all(any(commit in path for commit in commits) for path in hub.requests)
    assert not any("onnx" in path for path in hub.requests if "resolve" in path)
    # Once the files are here, no server is asked for anything.
    count = len(hub.requests)
    again = embed(tmp_path / "cache", "http://127.0.0.1:9")
    assert again.returncode == 0, again.stderr
    assert len(hub.requests) == count


def test_a_hub_out_of_reach_names_what_is_missing(tmp_path: Path) -> None:
    done = embed(tmp_path / "cache", "http://127.0.0.1:9")
    assert done.returncode != 0
    assert f"CLIP_MODEL: {NAME}@{MODEL.model.commit[:12]} is not in {tmp_path}" in done.stderr
    assert "VP_MODEL_DIR" in done.stderr


def test_installed_packages_that_cannot_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "version", lambda package: "5.23.0")
    with pytest.raises(ConfigurationError, match=r"transformers 5\.23\.0.*transformers==4\.51\.3"):
        remote.RemoteEncoder("x", MODEL, EmbedSettings())


def test_packages_that_are_missing_come_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "find_spec", lambda package: None)
    with pytest.raises(ConfigurationError) as caught:
        load.require_packages(EmbedSettings())
    said = str(caught.value)
    assert f"CLIP_MODEL={NAME}, the default, needs torch, transformers, einops, timm" in said
    assert re.search(r"pip install -c \S*constraints\.txt '\S*\[jina\]'", said)
    assert "set CLIP_MODEL=packaged:conse" in said


def test_more_dimensions_than_it_has() -> None:
    with pytest.raises(ConfigurationError, match="QDRANT_DIM=2048"):
        remote.RemoteEncoder("x", MODEL, EmbedSettings(QDRANT_DIM=2048))
