"""Measures the model alone, the embed phase and the video codecs; --help says how."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.bare_model import WAYS, rates
from benchmarks.gpu.embed_phase import embedding
from benchmarks.gpu.report import markdown
from benchmarks.gpu.video import video_speeds
from components.errors import PipelineError
from components.settings import Settings
from tests.models import save_clip

# The vision towers of CLIP's sizes, but for what is as in the smallest.
_TOWERS: dict[str, dict[str, int]] = {
    "vit-b-32": {},
    "vit-l-14": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
    },
}


def main() -> int:
    """Measure, print the table and leave it beside the numbers as JSON."""
    options = _options()
    on_gpu = options.device != "cpu" and torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    largest = options.max_batch or (1024 if on_gpu else 16)
    frames = options.frames or (4000 if on_gpu else 50)
    settings = Settings.load().having(
        "embed", device=device, batch_size="auto", **({"dim": None} if not options.model else {})
    )
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            # Speed does not depend on what the weights are.
            model = options.model or str(
                save_clip(folder / options.like, dim=512, text={}, vision=_TOWERS[options.like])
            )
            settings = settings.having("embed", model=model)
            batches = [2**power for power in range(3, 13) if 2**power <= largest]
            ways = [way for way in WAYS if on_gpu or way in ("float32", "bfloat16")]
            measured: dict[str, Any] = {
                "device": torch.cuda.get_device_name() if on_gpu else "CPU (no GPU here)",
                "cores": len(os.sched_getaffinity(0)),
                "torch": torch.__version__,
                "model": options.model or f"CLIP as large as {options.like}, random weights",
                "bare": [
                    asdict(rate) for rate in rates(model, device, ways, batches, options.seconds)
                ],
                "size": options.size,
                "format": options.format,
                # What VP_PRECISION=auto computes with.
                "precision": "mixed float16" if on_gpu else "float32",
                "embed": asdict(
                    embedding(folder, settings, frames, _size(options.size), options.format)
                ),
                "handed": asdict(
                    embedding(
                        _made(folder / "handed"),
                        settings,
                        options.handed or frames,
                        _size(options.size),
                        handed=True,
                    )
                ),
                "video": video_speeds(folder, options.clip_seconds),
            }
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu.json").write_text(json.dumps(measured, indent=2) + "\n")
    (options.out / "gpu.md").write_text(markdown(measured))
    sys.stdout.write(markdown(measured))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Measure what this machine's GPU (or, without one, its CPU) does: images a "
        "second of the bare model, frames a second of the embed phase over files in S3, decoding "
        "and re-encoding of video.",
        epilog="examples: python -m benchmarks.gpu | python -m benchmarks.gpu --model "
        "~/models/clip --frames 20000 | python -m benchmarks.gpu --device cpu --max-batch 8",
    )
    parser.add_argument("--model", help="folder of a CLIP or SigLIP (default: random weights)")
    parser.add_argument(
        "--like", choices=_TOWERS, default="vit-b-32", help="how large one of random weights is"
    )
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    parser.add_argument("--max-batch", type=int, help="largest batch (1024; on a CPU 16)")
    parser.add_argument("--frames", type=int, help="frames to embed (4000; on a CPU 50)")
    parser.add_argument("--handed", type=int, help="those that are handed on (as many)")
    parser.add_argument("--size", default="1280x720", help="of the frames, in pixels")
    parser.add_argument("--format", choices=("png", "webp", "jpeg"), default="png")
    parser.add_argument("--clip-seconds", type=float, default=10, help="length of the test clip")
    parser.add_argument("--seconds", type=float, default=2, help="least time of one measurement")
    parser.add_argument("--out", type=Path, default=Path("data/bench-gpu"), help="for the results")
    return parser.parse_args()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    return width, height


if __name__ == "__main__":
    sys.exit(main())
