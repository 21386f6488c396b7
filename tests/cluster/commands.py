"""The command line, as a user with the cluster's variables set types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.conftest import Cluster


def oriane(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user with the cluster's variables set would."""
    storage = cluster.settings.storage
    assert storage.secret_access_key
    environment = {
        **os.environ,
        "ARGO_SERVER": cluster.settings.cluster.address,
        "AWS_ENDPOINT_URL": str(storage.endpoint_url),
        "AWS_ACCESS_KEY_ID": str(storage.access_key_id),
        "AWS_SECRET_ACCESS_KEY": storage.secret_access_key.get_secret_value(),
        **cluster.pod_settings["index"],
        **cluster.secrets["oriane-qdrant"],
        **cluster.pod_settings["ledger"],
    }
    program = Path(sys.executable).parent / "oriane"
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, check=False
    )
