"""Turns results into the generated parts of docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.contenders.contender import MODEL
from benchmarks.recall import WITHIN_S, rates
from benchmarks.results import Results, Row
from benchmarks.targets import FLOOR, floor_seconds, ratios
from components.base.wording import counted
from components.errors import ConfigurationError

LABELS = {
    FLOOR: "floor: decode + forward",
    "floor-decode": "floor: FFmpeg decodes every frame",
    "floor-keyframes": "floor: FFmpeg decodes keyframes",
    "floor-forward": "floor: forward passes",
    "ours-exact": "this project, exact",
    "ours-exact-reused": "this project, exact, all reused",
    "ours-reference": "this project, reference frames",
    "ours-reference-reused": "this project, reference frames, all reused",
    "ours-unconfined": "this project, reference frames, decoders not confined",
    "ours-keyframes": "this project, keyframes",
    "ours-keyframes-reused": "this project, keyframes, all reused",
    "scenedetect": "PySceneDetect's CLI + script",
    "pixeltable": "pixeltable, one frame a second",
    "step-by-step": "step by step, x264 medium",
    "step-by-step-veryfast": "step by step, x264 veryfast",
}
_HELD = {
    "own_private_mb": "private MB of the run", "mb": "MB with all it started, and mapped files",
    "threads": "threads", "open_files": "open files",
}  # fmt: skip
_COLUMNS = (
    "", "seconds, best", "median", "video s/s", "frames/s", "× floor", "CPU s", "peak MB",
    "pictures", "MB to S3",
)  # fmt: skip


def with_sections(page: str, sections: Mapping[str, str]) -> str:
    """Return the page with the text between each section's markers replaced.

    Raises:
        ConfigurationError: the page lacks the markers of a section.
    """
    for name, text in sections.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(page):
            raise ConfigurationError(f"the page has no {begin} … {end}; put the markers back")
        page = pattern.sub(lambda _, new=f"{begin}\n{text}\n{end}": new, page)  # type: ignore[misc]
    return page


def comparison(results: Results) -> str:
    """Return machine, and for each set its size and a table of all rows."""
    machine = results.document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        f"Measured {machine['measured']} on {machine['cores']} cores of {machine['cpu']} with "
        f"{machine['memory_gb']} GB, Python {machine['python']}, {versions}.",
    ]
    for name, facts in results.document["sets"].items():
        rows = results.rows(name)
        lines += [
            "",
            f"### {name}: {counted(facts['videos'], 'video')}, {facts['seconds']:.0f} s, "
            f"{facts['frames']:,} frames, {facts['bytes'] / 1e6:.0f} MB",
            "",
            *table(_COLUMNS, _compared(rows, facts)),
            *_measured_before(rows, machine["measured"]),
        ]
        loading = rows["floor-forward"].best["load_s"] if "floor-forward" in rows else None
        if loading is not None:
            lines += ["", f"Loading the model takes {loading:.1f} s, which no floor includes."]
        for contender, message in results.failures(name):
            lines += ["", f"Not measured: {contender}: {' '.join(message.split())[:300]}"]
    return "\n".join(lines)


def _measured_before(rows: Mapping[str, Row], last: str) -> list[str]:
    """Return a paragraph on the rows that are not of the last day on which any was measured."""
    days = sorted({row.measured for row in rows.values()} - {last}, reverse=True)
    named = (
        (
            day,
            [
                label
                for name, label in LABELS.items()
                if name in rows and rows[name].measured == day
            ],
        )
        for day in days
    )
    told = "; ".join(f"{', '.join(labels)} on {day}" for day, labels in named)
    return ["", f"Measured before, on the same machine: {told}."] if told else []


def targets(results: Results) -> str:
    """Return a table of the ratios aimed at, a column a set."""
    found = {name: dict(ratios(results.rows(name))) for name in results.document["sets"]}
    wanted = dict.fromkeys(target for of in found.values() for target in of)
    lines = []
    for target in wanted:
        cells = [target.text, target.wanted]
        for name, of in found.items():
            ratio = of.get(target)
            met = "" if ratio is None or target.met(ratio, name) else " (missed)"
            cells.append("" if ratio is None else f"{ratio:.3g}{met}")
        lines.append(cells)
    return "\n".join(table(("ratio of the best", "target", *found), lines))


def phases(results: Results) -> str:
    """Return a table a set of where contenders that tell spent their seconds."""
    lines: list[str] = []
    for name in results.document["sets"]:
        rows = [
            row for row in results.rows(name).values() if any(row.best.get("phases", {}).values())
        ]
        lines += [f"### {name}", ""] if not lines else ["", f"### {name}", ""]
        cells = [
            (LABELS[row.name], ", ".join(f"{p} {s:.1f}" for p, s in row.best["phases"].items()))
            for row in rows
        ]
        lines += table(("", "seconds by phase or step, of the quickest repetition"), cells)
    return "\n".join(lines)


def beside_the_floor(results: Results) -> str:
    """Return a table a set: where the cores' seconds went, beside the floor."""
    lines: list[str] = []
    for name in results.document["sets"]:
        rows = results.rows(name)
        if not {"floor-decode", "floor-keyframes", "floor-forward"} <= rows.keys():
            continue
        cores = results.document["machine"]["cores"]
        columns = [
            (LABELS[ours], _spent(rows, ours, floor, cores))
            for ours, floor in (
                ("ours-exact", "floor-decode"),
                ("ours-reference", "floor-decode"),
                ("ours-keyframes", "floor-keyframes"),
            )
            if {ours, f"{ours}-reused"} <= rows.keys()
        ]
        lines += [*([""] if lines else []), f"### {name}", ""]
        cells = [
            [what, *(f"{spent[what]:.1f}" for _, spent in columns)]
            for what in dict.fromkeys(what for _, spent in columns for what in spent)
        ]
        lines += table(("seconds of cores", *(label for label, _ in columns)), cells)
    return "\n".join(lines)


def _spent(rows: Mapping[str, Row], ours: str, floor: str, cores: int) -> dict[str, float]:
    """Return the seconds that a run of ours had the cores for, divided by what they went into."""
    run, forward = rows[ours].best, rows["floor-forward"].best
    passes = forward["cpu_s"] * (run["pictures"] / forward["pictures"])
    known = {
        "decoding, as FFmpeg alone does it": rows[floor].best["cpu_s"],
        "forward passes alone": passes,
        "loading the model": forward["load_cpu_s"],
        "start, and looking at what is there (a reused run)": rows[f"{ours}-reused"].best["cpu_s"],
    }
    rest = run["cpu_s"] - sum(known.values())
    whole = cores * run["wall_s"]
    return {
        **known,
        "the rest: probing, borders, scenes, pictures written and sent, vectors indexed": rest,
        "nothing to do for a core": whole - run["cpu_s"],
        f"{cores} cores for the whole run": whole,
    }


def recall(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of how the keyframe scan agrees with the exact mode."""
    cells = []
    for row in rows:
        cells.append([row["video"]])
        for name in ("scenes", "frames"):
            of = row[name]
            cells[-1] += [str(of["exact"]), str(of["keyframes"]), str(of["agree"])]
    lines = table(
        (
            "video", "scene starts, exact", "keyframes", "agree",
            "frames kept, exact", "keyframes", "agree",
        ),
        cells,
    )  # fmt: skip
    said = [
        "{}: recall {:.3f}, precision {:.3f}".format(name, *rates(rows, key))  # type: ignore[arg-type]
        for name, key in (("Scene starts", "scenes"), ("frames kept", "frames"))
    ]
    return "\n".join([*lines, "", f"{'; '.join(said)}, at ±{WITHIN_S:g} s over all videos."])


def scale(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of runs over many short videos, per video."""
    cells = []
    for row in rows:
        number, calls = row["videos"], row["requests"]
        most = sorted(calls, key=lambda name: -calls[name])
        named = ", ".join(f"{calls[name] / number:.1f} {name}" for name in most)
        cells.append(
            [
                str(number), "all reused" if row["reused"] else "cold", f"{row['wall_s']:.1f}",
                f"{1000 * row['wall_s'] / number:.0f}",
                f"{1000 * row['cpu_s'] / number:.0f}", f"{row['peak_mb']:.0f}",
                str(row["open_files"]), f"{sum(calls.values()) / number:.1f}", named,
            ]
        )  # fmt: skip
    columns = (
        "videos", "run", "seconds", "ms a video", "CPU ms a video", "peak MB", "open files",
        "S3 requests a video", "of these",
    )  # fmt: skip
    return "\n".join(table(columns, cells))


def growth(found: Mapping[str, Any]) -> str:
    """Return a table of what one run over very many videos held while each part was done."""
    model = "" if found["model"] == MODEL else f", embedded by {found['model']}"
    done = found["parts"][-1]["done"]
    lines = [
        f"{done:,} of {found['videos']:,} videos of a second{model}; "
        f"{found['machine']['measured']}, {found['machine']['cores']} cores of "
        f"{found['machine']['cpu']}, load {found['load']:.0f}.",
        "",
    ]
    cells = [
        [
            f"{part['done']:,}",
            f"{part['ms_a_video']:.0f}",
            *("" if part.get(name) is None else f"{part[name]:.0f}" for name in _HELD),
        ]
        for part in found["parts"]
    ]
    return "\n".join([*lines, *table(("videos done", "ms a video", *_HELD.values()), cells)])


def plan_scale(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of plans over many videos."""
    cells = [
        [
            f"{row['videos']:,}",
            row["way"],
            f"{row['planned']:,}",
            f"{row['cpu_s']:.1f}",
            f"{row['peak_mb']:.0f}",
        ]
        for row in rows
    ]
    return "\n".join(table(("videos", "plan of", "planned", "CPU s", "peak MB"), cells))


def _compared(rows: Mapping[str, Row], facts: Mapping[str, Any]) -> list[list[str]]:
    floor = floor_seconds(rows)
    lines = []
    if floor is not None:
        lines.append([LABELS[FLOOR], f"{floor:.1f}", "", *_rates(floor, facts, floor)])
    for name in [name for name in LABELS if name in rows]:
        row, best = rows[name], rows[name].best
        whole = [] if name != "floor-forward" else ["", "", ""]
        cells = [LABELS[name], f"{row.fastest:.1f}", f"{row.middle:.1f}"]
        cells += whole or _rates(row.fastest, facts, floor)
        cells += [f"{best['cpu_s']:.1f}", f"{best['peak_mb']:.0f}", str(row.pictures or "")]
        written = best.get("s3_bytes")
        lines.append([*cells, "" if written is None else f"{written / 1e6:.1f}"])
    return lines


def _rates(seconds: float, facts: Mapping[str, Any], floor: float | None) -> list[str]:
    times = f"{seconds / floor:.2f}" if floor else ""
    return [f"{facts['seconds'] / seconds:.1f}", f"{facts['frames'] / seconds:.0f}", times]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table; columns after the first that hold no words are set right."""
    padded = [[*row, *[""] * (len(columns) - len(row))] for row in rows]
    wordy = [any(map(str.isalpha, "".join(cells))) for cells in zip(*padded, strict=True)]
    ruler = "|".join("---" if words else "---:" for words in wordy)
    lines = [f"| {' | '.join(columns)} |", f"|{ruler}|"]
    return lines + [f"| {' | '.join(row)} |" for row in padded]
