"""Names of models: what CLIP_MODEL may be, and the name under which its vectors are kept.

Light to import: the fingerprint asks for the identity before any model is loaded.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from components.base.did_you_mean import did_you_mean
from components.errors import ConfigurationError

PACKAGED = "packaged:conse"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_SAMPLED_BYTES = 2**20


@dataclass(frozen=True)
class PinnedRepository:
    """A hub repository at one commit, and the files of it that are needed."""

    name: str
    commit: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class RemoteModel:
    """A model whose code comes with it: everything it runs or reads, pinned by commit.

    `dim` is what its vectors are truncated to by default: the model is trained for it (Matryoshka
    representation learning, Kusupati et al. 2022).
    """

    model: PinnedRepository
    code: PinnedRepository
    nested: tuple[PinnedRepository, ...]
    dim: int
    full_dim: int
    transformers_below: tuple[int, ...]
    transformers_tested: str


# The allow list: code of no other repository is ever run.
REMOTE_MODELS = {
    "jinaai/jina-clip-v2": RemoteModel(
        model=PinnedRepository(
            "jinaai/jina-clip-v2",
            "e10d47f5691d0454a0fb5d13f46f2199b74cb436",
            ("*.json", "model.safetensors"),
        ),
        code=PinnedRepository(
            "jinaai/jina-clip-implementation",
            "39e6a55ae971b59bea6e44675d237c99762e7ee2",
            ("*.py",),
        ),
        # The code asks for the architecture of its text tower without naming a commit.
        nested=(
            PinnedRepository(
                "jinaai/jina-embeddings-v3",
                "ab036b023d30b4d1138c4c3bfa9f0c445ab455d6",
                ("config.json",),
            ),
            PinnedRepository(
                "jinaai/xlm-roberta-flash-implementation",
                "bd55a5ec8e6c0fb1d6c26efb4b6a4a74ce8a88d3",
                ("*.py",),
            ),
        ),
        dim=512,
        full_dim=1024,
        transformers_below=(5,),
        transformers_tested="4.51.3",
    )
}


def identity(model: str) -> str:
    """Return the name that vectors of this model carry; equal names promise equal vectors.

    Raises:
        ConfigurationError: CLIP_MODEL is neither an id nor a folder nor a packaged model.
    """
    if model == PACKAGED:
        return model
    if model in REMOTE_MODELS:
        return f"{model}@{REMOTE_MODELS[model].model.commit[:12]}"
    folder = Path(model).expanduser()
    if folder.is_dir():
        return f"{folder.resolve().name}@{_content(folder.resolve())}"
    if not _HUB_ID.fullmatch(model) or model.startswith((".", "/")):
        raise ConfigurationError(
            f"CLIP_MODEL: expected a hub id (owner/name), a folder or {PACKAGED}, found {model!r}"
            + ("; the folder does not exist" if "/" in model else "")
            + did_you_mean(model, [PACKAGED, *REMOTE_MODELS])
        )
    return model


def setting_for(model: str) -> str:
    """Return the CLIP_MODEL that loads the model of this name.

    Raises:
        ConfigurationError: the model was a local folder, which only CLIP_MODEL can name.
    """
    name, _, mark = model.partition("@")
    if model == PACKAGED or name in REMOTE_MODELS:
        return name
    if "/" in name:
        return model
    raise ConfigurationError(
        f"the collection was made with the model in a folder {name!r} (content {mark}); set "
        "CLIP_MODEL to that folder"
    )


def setting_or_folder(model: str) -> str:
    """Return the CLIP_MODEL that loads the model of this name, as a person would be told it."""
    try:
        return setting_for(model)
    except ConfigurationError:
        return f"the folder {model.partition('@')[0]!r}"


@cache
def _content(folder: Path) -> str:
    """Hash the folder's files: small ones whole, of large ones the size and both ends."""
    value = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = path.stat().st_size
        value.update(f"{path.relative_to(folder)} {size}\n".encode())
        with path.open("rb") as file:
            value.update(file.read(_SAMPLED_BYTES))
            if size > _SAMPLED_BYTES:
                file.seek(max(_SAMPLED_BYTES, size - _SAMPLED_BYTES))
                value.update(file.read())
    return value.hexdigest()[:12]
