"""The measurements as Markdown."""

from __future__ import annotations

from typing import Any


def markdown(measured: dict[str, Any]) -> str:
    """Return the tables for a person."""
    fitting = [rate for rate in measured["bare"] if rate["images_per_s"]]
    best = max((rate for rate in fitting if rate["precision"] == measured["precision"]), key=_speed)
    embed, video = measured["embed"], measured["video"]
    ceiling = embed["prepared_per_s_a_core"] * measured["cores"]
    lines = [
        f"{measured['device']}, {measured['cores']} cores, torch {measured['torch']}, "
        f"{measured['model']}",
        "",
        "| precision | batch | images a second |",
        "|---|---|---|",
        *(
            f"| {rate['precision']} | {rate['batch']} | {_shown(rate['images_per_s'])} |"
            for rate in measured["bare"]
        ),
        "",
        "| what | images or frames a second |",
        "|---|---|",
        f"| bare model at its best ({best['precision']}, batch {best['batch']}) | "
        f"{_shown(best['images_per_s'])} |",
        f"| embed, {embed['frames']} {measured['format'].upper()} of {measured['size']}, batch "
        f"{embed['batch_size']} | {_shown(embed['frames_per_s'])} |",
        f"| the GPU busy meanwhile | {_part(embed['gpu_busy'])} |",
        f"| embed, of what frame hands on in one process, {measured['handed']['frames']} frames | "
        f"{_shown(measured['handed']['frames_per_s'])} |",
        f"| the GPU busy meanwhile | {_part(measured['handed']['gpu_busy'])} |",
        f"| the first one's part of the bare model's best | "
        f"{embed['frames_per_s'] / best['images_per_s']:.0%} |",
        f"| frames that all cores could decode and resize | {_shown(ceiling)} |",
        f"| decoding 720p H.264, CPU | {_shown(video['decode_fps']['cpu'])} |",
        f"| decoding 720p H.264, NVDEC | {_shown(video['decode_fps']['cuda'])} |",
        f"| cropping 720p, h264_nvenc | {_shown(video['crop_fps']['h264_nvenc'])} |",
        f"| cropping 720p, libx264 | {_shown(video['crop_fps']['libx264'])} |",
        "",
        f"{video['ffmpeg']} brings {', '.join(video['brings']) or 'nothing of NVIDIA'}; what it "
        "brings works only where the driver's libraries are.",
    ]
    return "\n".join(lines) + "\n"


def _speed(rate: dict[str, Any]) -> float:
    return float(rate["images_per_s"])


def _part(value: float | None) -> str:
    return "there is none" if value is None else f"{value:.1%}"


def _shown(value: float | None) -> str:
    return "not possible here" if value is None else f"{value:,.1f}"
