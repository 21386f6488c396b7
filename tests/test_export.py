"""`oriane show` and `oriane export`: what an analyst gets without knowing where things lie."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands import invoked
from tests.deployment import CODES, copy
from workflows.operations.export.files import write_rows

pytestmark = pytest.mark.slow

COLUMNS = [
    "platform", "code", "frame_number", "second", "scene_start", "scene_end", "path", "model",
    "location",
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, deployment: Path) -> Path:
    copy(deployment, tmp_path)
    return tmp_path


def said(data: Path, *arguments: object, code: int = 0) -> str:
    ended, text = invoked(*arguments, data=data)
    assert ended == code, text
    return text


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def test_frames_as_csv(data: Path) -> None:
    assert "frames" in said(data, "export", data / "out/frames.csv")
    with (data / "out/frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert {row["code"] for row in rows} == set(CODES)
    for row in rows:
        with Image.open(row["location"]) as picture:
            assert picture.size == (160, 90)
    assert [path.name for path in (data / "out").iterdir()] == ["frames.csv"], (
        "nothing half-written"
    )


def test_no_cell_of_a_csv_is_computed_and_every_value_comes_back(tmp_path: Path) -> None:
    codes = ["=1+1", "+1", "-dQw4w9", "@a", "\ta", "\ra", "'s", "a=b", "a'b"]
    rows = [{"code": code, "second": -1.5} for code in codes]
    assert write_rows(rows, tmp_path / "t.csv") == len(codes)
    with (tmp_path / "t.csv").open(newline="") as file:
        read = [(row["code"], row["second"]) for row in csv.DictReader(file)]
    assert not any(code.startswith(("=", "+", "-", "@", "\t", "\r")) for code, _ in read)
    assert [(code.removeprefix("'"), float(second)) for code, second in read] == [
        (code, -1.5) for code in codes
    ]


def test_vectors_as_numpy(data: Path) -> None:
    said(data, "export", data / "v.npz", "--vectors", "--video", "one")
    found = arrays(data / "v.npz")
    assert set(found["code"]) == {"one"}
    assert found["vectors"].dtype == np.float32
    assert np.linalg.norm(found["vectors"], axis=1) == pytest.approx(1.0, abs=1e-5)
    assert len(found["vectors"]) == len(found["second"]) == len(found["location"])


def test_moments_that_fit_or_that_none_does(data: Path) -> None:
    searched = ("export", data / "m.csv", "--search", "a cat", "--search", "a number")
    nothing = said(data, *searched, "--confidence", 1, code=78)
    assert "nothing fits “a cat, a number”" in nothing
    assert not (data / "m.csv").exists()
    assert "moments" in said(data, *searched, "--confidence", 0)
    with (data / "m.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    moments = ["confidence", "moment_start", "moment_end", "same"]
    assert list(rows[0]) == [*COLUMNS, "score", *moments]
    for row in rows:
        times = [float(row[name]) for name in ("moment_start", "second", "moment_end")]
        assert times == sorted(times)
    shown = json.loads(
        said(
            data,
            "search",
            "a cat",
            "a number",
            "--confidence",
            0,
            "--per-video",
            0,
            "--limit",
            100,
            "--json",
        )
    )
    assert [row["path"] for row in rows] == [one["best"]["path"] for one in shown["moments"]]


def test_hits_as_parquet(data: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    search = ("--search", "a cat", "--frames", "--limit", 3, "--vectors")
    said(data, "export", data / "h.parquet", *search)
    table = parquet.read_table(data / "h.parquet")
    assert table.column_names == [*COLUMNS, "score", "vector"]
    scores = table["score"].to_pylist()
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    said(data, "export", data / "all.npz", "--vectors")
    everything = arrays(data / "all.npz")
    known = {
        (code, number): vector
        for code, number, vector in zip(
            everything["code"], everything["frame_number"], everything["vectors"], strict=True
        )
    }
    for row in table.to_pylist():
        expected = known[row["code"], row["frame_number"]]
        assert row["vector"] == pytest.approx(expected, abs=1e-6)


def test_what_cannot_be_exported_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ends with .parquet, .csv, .npz" in said(data, "export", "x.xlsx", code=78)
    assert "CSV has no place" in said(data, "export", "x.csv", "--vectors", code=78)
    nothing = said(data, "export", data / "x.csv", "--platform", "nobody", code=78)
    assert "no frame of collection" in nothing
    assert not (data / "x.csv").exists()
    monkeypatch.setattr("workflows.operations.export.files.find_spec", lambda name: None)
    assert "[export]" in said(data, "export", "x.parquet", code=78)


def test_show_tells_all_and_draws_a_sheet(data: Path) -> None:
    found = json.loads(said(data, "show", "local/one", "--json"))
    assert found["booking"]["state"] == "done"
    assert found["model"] == "packaged:conse"
    assert all(Path(frame["location"]).is_file() for frame in found["frames"])
    with Image.open(found["sheet"]) as sheet:
        assert (sheet.format, sheet.width) == ("JPEG", 1600)
    text = said(data, "show", "local/one", "--sheet", data / "mine.webp")
    assert "contact sheet: " in text
    assert "state: done" in text
    with Image.open(data / "mine.webp") as sheet:
        assert sheet.format == "WEBP"
    assert "is not booked" in said(data, "show", "local/nobody", code=78)
    assert ".jpg or .webp" in said(data, "show", "local/one", "--sheet", "x.gif", code=78)


def test_a_name_as_long_as_it_may_be_has_a_sheet(data: Path) -> None:
    source = data / "s3/oriane-contents/local" / ("é" * 127) / "video.mp4"
    source.parent.mkdir(parents=True)
    source.write_bytes((data / "s3/oriane-contents/local/one/video.mp4").read_bytes())
    said(data, "run", "s3://oriane-contents/local/é")
    found = json.loads(said(data, "show", f"local/{source.parent.name}", "--json"))
    with Image.open(found["sheet"]) as sheet:
        assert sheet.width == 1600


def test_stopped_videos_are_listed(data: Path) -> None:
    for code in ("bad", "worse"):
        target = data / "s3/oriane-contents/local" / code / "video.mp4"
        target.parent.mkdir(parents=True)
        target.write_text("no video")
    said(data, "run", "s3://oriane-contents/local/bad/")
    said(data, "run", "s3://oriane-contents/local/worse/")
    listed = json.loads(said(data, "status", "--rejected", "--json"))
    assert {one["video"] for one in listed} == {"local/worse", "local/bad"}
    assert {one["reason"] for one in listed} == {"not_a_video"}
    assert "local/bad" in said(data, "status", "--reason", "not_a_video")
    assert "no such video" in said(data, "status", "--reason", "truncated")
    assert "did you mean" in said(data, "status", "--reason", "not_a_vidio", code=78)
