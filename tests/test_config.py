"""What a deployment is, what is set wrongly, and `oriane config`, which shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from components.errors import ConfigurationError
from components.settings import LedgerSettings, Settings
from components.settings.unknown import unknown_variables
from tests.commands import environment, invoked, oriane
from workflows.local.stand_ins import deployed, stores_line

S3 = {"S3_VIDEOS_BUCKET": "my-videos"}
QDRANT = {"QDRANT_URL": "http://qdrant:6333"}
FOLDER = {"QDRANT_URL": "/somewhere/qdrant"}
POSTGRES = {"DB_HOST": "db", "DB_NAME": "n", "DB_USER": "u"}
WITHOUT = {"LOCAL_MODE": "1"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, None), (FOLDER, None), (WITHOUT, None), ({**S3, **QDRANT, **POSTGRES}, None),
        ({**S3, **QDRANT, **WITHOUT}, None), ({**S3, **FOLDER, **WITHOUT}, None),
        ({**S3, **POSTGRES}, "QDRANT_URL"), ({**S3, **QDRANT}, "LOCAL_MODE=1"),
        (S3, "QDRANT_URL; DB_HOST"), (QDRANT, "S3_VIDEOS_BUCKET"), (POSTGRES, "S3_VIDEOS_BUCKET"),
        ({**QDRANT, **POSTGRES}, "AWS_ENDPOINT_URL"), ({"AWS_ENDPOINT_URL": "http://s3"}, "QDRANT"),
    ],
)  # fmt: skip
def test_real_stores_and_stand_ins_are_not_mixed_unasked(
    given: dict[str, str], missing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    if missing is None:
        assert deployed(settings).index.url
        return
    with pytest.raises(ConfigurationError) as caught:
        deployed(settings)
    assert missing in str(caught.value)
    assert deployed(settings.having("work", stand_ins=True)).index.url


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["run", "s3://my-videos/x/"], ["plan"], ["status"], ["runs"], ["search", "a cat"], ["gc"],
     ["verify"], ["retry", "--failed"], ["delete", "a/b"], ["model", "status"]],
    ids=lambda command: command[0],
)  # fmt: skip
def test_the_rule_is_the_same_in_every_command(command: list[str], tmp_path: Path) -> None:
    given = {**S3, **POSTGRES, "CLIP_MODEL": "packaged:conse", "VP_STAND_INS": "0"}
    code, said = invoked(*command, data=tmp_path / "data", **given)
    assert code == 78
    assert "S3 and Postgres are set, and Qdrant not: set QDRANT_URL" in said
    assert not (tmp_path / "data").exists()


def test_a_line_says_which_stores_serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    here = deployed(Settings.load())
    assert stores_line(here) == "stores: S3 in data/s3; Qdrant in data/qdrant; no Postgres"
    for name, value in {**S3, **QDRANT, **POSTGRES, "DB_PASSWORD": "hunter2"}.items():
        monkeypatch.setenv(name, value)
    line = stores_line(deployed(Settings.load()))
    assert line == (
        "stores: S3 buckets my-videos, oriane-frames; Qdrant at http://qdrant:6333; Postgres db/n"
    )


def test_misspelt_variables_are_named_with_what_was_meant() -> None:
    known = [variable.name for variable in Settings.variables()]
    given = ["VP_TOLERENCE", "VP_XYZZY", "QDRANT_URI", "DB_HOSTS", "QDRANT_SERVICE_HOST", "S3_KEY"]
    found = list(unknown_variables([*given, *known, "PATH", "DB_PROVIDER"], known))
    assert found == [
        "DB_HOSTS is not a variable of oriane and ignored; did you mean DB_HOST?",
        "QDRANT_URI is not a variable of oriane and ignored; did you mean QDRANT_URL?",
        "VP_TOLERENCE is not a variable of oriane and ignored; did you mean VP_TOLERANCE?",
        "VP_XYZZY is not a variable of oriane and ignored",
    ]


@pytest.mark.slow
def test_config_shows_what_is_set_and_whether_it_answers(
    tmp_path: Path, database: LedgerSettings
) -> None:
    (tmp_path / ".env").write_text("VP_TOLERANCE=7\nVP_SAMPLE_FPS=2\nVP_TOLERENCE=3\n")
    env = environment(
        tmp_path, VP_SAMPLE_FPS=1, QDRANT_URL="http://me:hunter1@127.0.0.1:9", QDRANT_KEY="hunter2",
        VP_QDRANT_ATTEMPTS=1, DB_HOST=database.host, DB_NAME=database.name, DB_USER=database.user,
    )  # fmt: skip
    done = oriane("config", "--json", env=env, code=75)
    found = json.loads(done.stdout)
    settings = {one["name"]: (one["value"], one["source"]) for one in found["settings"]}
    assert settings["VP_TOLERANCE"] == ("7", ".env")
    assert settings["VP_SAMPLE_FPS"] == ("1.0", "environment")
    assert settings["VP_MIN_FRAMES"] == ("3", "default")
    assert settings["QDRANT_KEY"] == ("set, not shown", "environment")
    assert {one["store"]: one["answers"] for one in found["stores"]} == {
        "S3": True, "Qdrant": False, "Postgres": True,
    }  # fmt: skip
    assert "hunter" not in done.stdout
    assert "VP_TOLERENCE is not a variable" in done.stderr
    assert found["ignored"]
    shown = oriane("config", env=environment(tmp_path, VP_TOLERANCE="7")).stdout
    assert "A frame within this many bits" in shown
    answers = dict(re.findall(r"(S3|Qdrant|Postgres) +│ (\S+)", shown))
    assert answers == {"S3": "yes", "Qdrant": "yes", "Postgres": "–"}, "there is none to answer"
    assert "VP_MIN_FRAMES" not in shown


@pytest.mark.slow
def test_wrong_values_of_options_and_models_are_not_taken_for_none(tmp_path: Path) -> None:
    code, said = invoked("retry", "--reason", "decoder_timout", data=tmp_path)
    assert (code, "did you mean decoder_timeout?" in said) == (78, True)
    code, said = invoked("plan", data=tmp_path, CLIP_MODEL="packaged:cones")
    assert (code, "did you mean packaged:conse?" in said) == (78, True)
