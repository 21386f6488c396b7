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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Without http it would be the name of a folder, in which vectors are lost.
        ("QDRANT_URL", "qdrant.example.com:6333"),
        ("QDRANT_URL", "grpc://qdrant:6334"),
        ("AWS_ENDPOINT_URL", "minio:9000"),
        ("AWS_ENDPOINT_URL", "http://"),
        ("AWS_ENDPOINT_URL", "http://minio:port"),
        ("QDRANT_URL", "http://[::1"),
        ("VP_PUSHGATEWAY_URL", "http://two words:9091"),
        ("S3_VIDEOS_BUCKET", "s3://videos"),
        ("S3_FRAMES_BUCKET", "frames "),
    ],
)
def test_an_address_is_not_taken_for_something_else(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    found = re.escape(repr(value))
    with pytest.raises(ConfigurationError, match=rf"^{name} \(.*: expected .*found {found}$"):
        Settings.load()


@pytest.mark.parametrize("value", ["inf", "1e400", "nan", "1e10", "-inf"])
def test_no_number_overflows_where_it_is_used(value: str) -> None:
    """Each would otherwise be a traceback, or a limit above which every video is rejected."""
    numbers = [
        variable.name
        for _, group in Settings.groups()
        for variable in group.variables()
        if re.search(r"\b(int|float)\b", str(group.model_fields[variable.field].annotation))
    ]
    assert len(numbers) > 50
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(dict.fromkeys(numbers, value))
    for name in numbers:
        assert f"{name} (" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["S3_FRAMES_BUCKET", "AWS_ACCESS_KEY_ID", "QDRANT_KEY", "DB_HOST", "VP_DATA_DIR"]
)
def test_a_line_end_of_a_secret_or_file_is_named(name: str) -> None:
    """What `echo` writes and `--from-file` takes over is refused late, and said to be the key."""
    with pytest.raises(ConfigurationError, match=rf"^{name} \(.*line ends") as caught:
        Settings.load({name: "hunter22\n"})
    assert ("hunter22" in str(caught.value)) == ("KEY" not in name)


def test_a_list_may_have_lines() -> None:
    text = '[{"platform": "a",\n  "code": "b"}]\n'
    assert Settings.load({"JOB_INPUT": text}).plan.job_input == text


def test_home_is_home_where_no_shell_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings.load({"VP_DATA_DIR": "~/data", "QDRANT_URL": "~/vectors"})
    assert settings.work.data_dir == tmp_path / "data"
    assert settings.index.url == str(tmp_path / "vectors")
    assert Settings.load({"QDRANT_URL": "folder"}).index.url == "folder"
    assert Settings.load({"QDRANT_URL": "http://qdrant:6333"}).index.embedded is False


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
