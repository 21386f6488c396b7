"""What a dead run had taken is taken over; what a living one has is left, and that is said."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from components.base.model_names import PACKAGED
from components.settings import LedgerSettings
from components.stores.postgres.ledger import Ledger
from tests.commands import environment, oriane_here
from tests.postgres import variables
from tests.test_kill import DIES

pytestmark = pytest.mark.slow


def test_the_videos_of_a_killed_run_are_taken_over(
    tmp_path: Path, database: LedgerSettings
) -> None:
    (tmp_path / "one.mp4").write_text("no video, which is soon found out")
    env = environment(tmp_path / "data", CLIP_MODEL=PACKAGED, **variables(database))
    arguments = ["run", str(tmp_path / "one.mp4")]
    subprocess.run(
        [sys.executable, "-c", DIES, "fetch", *arguments],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    with closing(Ledger(database)) as ledger:
        (lease,) = ledger.leases()
        assert lease["videos"] == 1
        done = oriane_here(*arguments, env=env)
        assert f"run {lease['run']} has died" in done.stderr
        assert "rejected: not_a_video" in done.stdout
        assert ledger.leases() == []
    assert list((tmp_path / "data" / "runs").iterdir()) == []


def test_what_is_left_to_a_living_run_is_said_and_is_not_done(
    tmp_path: Path, database: LedgerSettings
) -> None:
    (tmp_path / "one.mp4").write_text("no video, which is soon found out")
    env = environment(tmp_path / "data", CLIP_MODEL=PACKAGED, **variables(database))
    sign = tmp_path / "data" / "runs" / "living.alive"
    sign.parent.mkdir(parents=True)
    with closing(Ledger(database)) as ledger, sign.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ledger.lease([("local", "one")], "living", 1)
        done = oriane_here("run", tmp_path / "one.mp4", env=env, code=75)
        assert "1 video left to other runs" in done.stderr
        assert [row["run"] for row in ledger.leases()] == ["living"]
        ledger.release("living")
        oriane_here("run", tmp_path / "one.mp4", env=env)
