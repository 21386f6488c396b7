"""The packaged models as ONNX graphs without weights, which stay where their packages have them.

A graph names, for each weight, the file, the offset and the length at which it lies there, so ONNX
Runtime maps the packages' own files and nothing is converted or kept twice. `make.py` makes the
graphs anew; it alone needs torch.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import onnxruntime

# Threads that spin while they wait for work take the cores from the decoders beside them.
_NO_SPINNING = ("session.intra_op.allow_spinning", "0")
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def session(
    name: str, weights: Path, *, providers: list[str], threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Return a session for the graph `name` with the weights of a package's folder.

    Args:
        threads: Threads on the CPU; None takes as many as there are cores.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(_WEIGHTS_FOLDER, str(weights))
    options.add_session_config_entry(*_NO_SPINNING)
    options.log_severity_level = (
        3  # errors; a warning for every node that stays on the CPU says nothing
    )
    if threads:
        options.intra_op_num_threads = threads
    graph = resources.files(__package__).joinpath(f"{name}.onnx").read_bytes()
    return onnxruntime.InferenceSession(graph, options, providers=providers)
