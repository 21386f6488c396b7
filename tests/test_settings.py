"""Settings: every variable named, wrong ones refused by name, secrets never shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.errors import ConfigurationError
from components.pipeline import component
from components.running.fingerprint import fingerprint
from components.settings import CropSettings, Settings
from tests.commands import environment, oriane


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "VP_CROP_PROBES": "many",
        "VP_TOLERANCE": "-1",
        "VP_CROP_CROPDETECT": "24",
        "VP_CROP_OUTPUT": "film",
        "DB_PORT": "0",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    for name, value in wrong.items():
        assert name in str(caught.value)
        assert repr(value) in str(caught.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    monkeypatch.setenv("QDRANT_KEY", "hunter3")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter4")
    assert "hunter" not in repr(Settings.load())


def test_empty_means_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VP_MIN_FRAMES", "")
    assert Settings.load().frame.min_frames == 3


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().crop.probes = 5


def test_fingerprints_change_with_what_decides_and_nothing_else() -> None:
    base = Settings.load()
    crop, embed = component("crop"), component("embed")

    def mark(settings: Settings, upstream: str = "x") -> str:
        return fingerprint(crop, settings, upstream)

    assert mark(base) == mark(Settings.load())
    assert mark(base) != mark(base, "y")
    assert mark(base) != mark(base.having("crop", probes=4))
    assert mark(base) == mark(base.having("crop", hwaccel="none"))
    assert mark(base) == mark(base.having("crop", encoder="libx264")), "nothing is encoded"
    assert mark(base) == mark(base.having("limits", max_pixels=5))
    assert mark(base) == mark(base.having("embed", model="a/b"))
    assert fingerprint(embed, base, "x") != fingerprint(
        embed, base.having("embed", model="a/b"), "x"
    )
    video = base.having("crop", output="video")
    assert mark(video) != mark(video.having("crop", encoder="libx264"))


def test_a_disabled_phase_does_not_care_for_its_other_settings() -> None:
    off = {"VP_ENABLE_CROP": False}
    assert CropSettings(**off).deciding() == CropSettings(**off, VP_CROP_PROBES=9).deciding()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"VP_LOG_LEVEL=INFO\nS3_FRAMES_BUCKET=caf\xe9\n", r"\.env: expected UTF-8.*line 2"),
        (b"S3_FRAMES_BUCKET=a\x00b\n", r"\.env: .*null"),
    ],
)
def test_an_env_file_that_is_not_text_ends_in_a_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    done = oriane("--version", env=environment(tmp_path), code=78)
    assert re.search(says, done.stderr)
    assert "Traceback" not in done.stderr
