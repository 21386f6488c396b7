"""Leases of runs: renewed while a run goes on, void soon after it died, ended on request."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.errors import RunFailedError
from components.pipeline import component
from components.records.plan import Plan, plan_uri
from components.running.phase import run as run_phase
from components.running.services import Services
from components.settings import LedgerSettings
from components.stores.postgres.ledger import Ledger
from tests.commands import environment, invoked
from tests.conftest import Corpus
from tests.postgres import variables

PLAN, DIGEST = component("plan"), component("digest")
pytestmark = pytest.mark.slow


def test_a_process_renews_what_its_run_still_has_until_it_is_ended(
    database: LedgerSettings, tmp_path: Path
) -> None:
    with closing(Ledger(database)) as ledger:
        ledger.lease([("p", "a"), ("p", "b")], "r1", 0)
        ledger.lease([("p", "b")], "r2", 1)
        assert [lease["run"] for lease in ledger.leases()] == ["r2"], "r1's have expired"
        command = [sys.executable, "-m", "components.running.leases", "r1"]
        env = environment(tmp_path, **variables(database))
        with subprocess.Popen(command, env=env) as renewing:
            while len(ledger.leases()) < 2:
                assert renewing.poll() is None
                time.sleep(0.05)
            renewing.send_signal(signal.SIGTERM)
            assert renewing.wait() == 0
        held = {lease["run"]: lease["videos"] for lease in ledger.leases()}
        assert held == {"r1": 1, "r2": 1}, "what another run took over stays with it"


def test_without_a_ledger_it_waits_to_be_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "components.running.leases", "r1"]
    env = environment(tmp_path, LOCAL_MODE=1)
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as renewing:
        assert renewing.stderr
        assert "renewing the leases of r1" in renewing.stderr.readline()
        renewing.send_signal(signal.SIGTERM)
        assert renewing.wait() == 0


@pytest.fixture
def leased(corpus: Corpus, database: LedgerSettings) -> Corpus:
    """Two videos, one of which another run works on."""
    corpus.services.settings = replace(corpus.services.settings, ledger=database)
    for code in ("busy", "free"):
        corpus.add(b"no video", code)
    assert corpus.services.ledger
    corpus.services.ledger.lease([("local", "busy")], "other", 1)
    return corpus


def planned(services: Services, **inputs: Any) -> tuple[Any, Plan]:
    """Return the outputs of plan and the document that it left."""
    outputs = run_phase(PLAN, PLAN.inputs(run="r", **inputs), services)
    content = services.store.get(plan_uri("oriane-artifacts", "r"))
    return outputs, Plan.model_validate_json(content)


def test_plan_and_digest_say_what_was_left_to_which_run(leased: Corpus) -> None:
    outputs, plan = planned(leased.services, source="s3://oriane-contents/local/")
    assert (outputs.videos, outputs.leased) == (1, 1)
    assert (plan.given, plan.left, plan.leased_by) == (True, {"leased": 1}, ("other",))
    digest = run_phase(DIGEST, DIGEST.inputs(run="r", max_failed_percent=100), leased.services)
    assert (digest.videos, digest.leased) == (1, 1)


def test_a_run_that_was_asked_for_videos_and_got_none_fails(
    leased: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    services = leased.services
    planned(services, source="s3://oriane-contents/local/busy/")
    assert "nothing to do" not in caplog.text
    with pytest.raises(RunFailedError, match=r"1 video is left to other.*oriane release RUN"):
        run_phase(DIGEST, DIGEST.inputs(run="r"), services)
    assert services.ledger
    services.ledger.lease([("local", "free")], "other", 1)
    _, plan = planned(services, catch_up=True)
    assert (plan.videos, plan.leased) == (0, 2)
    run_phase(DIGEST, DIGEST.inputs(run="r"), services)


def test_release_ends_the_leases_of_a_dead_run(database: LedgerSettings, tmp_path: Path) -> None:
    given = {"data": tmp_path, **variables(database)}
    with closing(Ledger(database)) as ledger:
        ledger.lease([("p", "a"), ("p", "b")], "dead", 1)
        ledger.lease([("p", "c")], "alive", 1)
        assert invoked("release", "dead", **given) == (0, "2 videos free again\n")
        assert [lease["run"] for lease in ledger.leases()] == ["alive"]
        code, said = invoked("release", "dead", **given)
        assert (code, said) == (78, "dead holds no lease; these runs do: alive")
    code, said = invoked("release", "dead", data=tmp_path)
    assert (code, "DB_HOST is not set" in said) == (78, True)
