"""Checks an installation in a cluster: Argo, the templates, and what each component's pods find."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

from components.errors import ConfigurationError, TransientError
from components.records.record import Record
from workflows.argo.doctor_template import doctor_template_name
from workflows.argo.server import ENDED, ArgoServer, Progress, followed
from workflows.argo.terms import VERSION

# The first with pendingTimeout and outputs of skipped steps.
_OLDEST_ARGO = (4, 1)
_TAKEN_UP_S = 60.0


class Checked(Record):
    """What was checked, how that ended (`phase`: Succeeded, Failed or Error), and why."""

    check: str
    phase: str
    message: str

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.phase == "Succeeded"


def examined(
    server: ArgoServer, gpu: bool, timeout_s: float, said: Callable[[str], None]
) -> list[Checked]:
    """Run the checks in the cluster and return what came of each.

    Raises:
        ConfigurationError: there is no such server, namespace or template, or the token is refused.
        TransientError: the server does not answer, or the checks have not ended in time.
    """
    template = doctor_template_name(gpu)
    before = [_argo(server.version()), _templates(server.installed(template))]
    name = server.submit(template, {}, prefix=template)
    said(f"{name}: {server.page(name)}")
    _wait(server, name, timeout_s, said)
    pods = server.pods(name)
    return before + [
        Checked(check=task, phase=phase, message=message) for task, (phase, message) in pods.items()
    ]


def _wait(server: ArgoServer, name: str, timeout_s: float, said: Callable[[str], None]) -> None:
    begun, known = time.monotonic(), set[str]()
    for progress in _news(server, name, timeout_s):
        for line in progress.waiting:
            if line not in known:
                said(line)
        known.update(progress.waiting)
        late = time.monotonic() - begun > _TAKEN_UP_S
        if late and progress.phase == "Pending" and "taken up" not in known:
            known.add("taken up")
            said(
                f"no controller has taken {name} up yet: check that Argo's workflow controller "
                "runs and watches this namespace"
            )


def _news(server: ArgoServer, name: str, timeout_s: float) -> Iterator[Progress]:
    try:
        yield from followed(server, name, timeout_s)
    except TransientError:
        if server.progress(name).phase not in ENDED:
            raise


def _argo(version: str) -> Checked:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    oldest = ".".join(map(str, _OLDEST_ARGO))
    if found and (int(found[1]), int(found[2])) < _OLDEST_ARGO:
        message = f"Argo Workflows {version}: {oldest} or newer is needed"
        return Checked(check="argo", phase="Failed", message=message)
    return Checked(check="argo", phase="Succeeded", message=f"Argo Workflows {version}")


def _templates(version: str) -> Checked:
    if version != VERSION:
        message = f"of version {version}, this program is {VERSION}: apply that version's overlay"
        return Checked(check="templates", phase="Failed", message=message)
    return Checked(check="templates", phase="Succeeded", message=f"of version {version}")


def failed(checks: list[Checked]) -> ConfigurationError | None:
    """Return the error that sums up the checks which failed; None if none did."""
    wrong = [one.check for one in checks if not one.is_sound]
    if not wrong:
        return None
    return ConfigurationError(
        f"{len(wrong)} of {len(checks)} checks failed: {', '.join(wrong)}; mend what is said of "
        "each and run this again"
    )
