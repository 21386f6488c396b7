"""What `oriane serve` listens on, whom it answers, and how much of it."""

from __future__ import annotations

from pydantic import SecretStr

from components.settings.variables import Group, variable


class ServeSettings(Group):
    title = "oriane serve, and who asks it"

    token: SecretStr | None = variable(
        "ORIANE_TOKEN",
        None,
        "Token that clients have to show; needed to listen beyond this machine",
        credential=True,
        min_length=16,
    )
    server: str = variable(
        "ORIANE_SERVER",
        "",
        "Address of a server that `oriane search` asks; without, one that runs over VP_DATA_DIR",
        pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$",
    )
    hosts: str = variable(
        "VP_SERVE_HOSTS",
        "",
        "Further names under which browsers reach the server, with commas: videos.example.com",
        pattern=r"^([A-Za-z0-9._:\[\]-]+(,[A-Za-z0-9._:\[\]-]+)*)?$",
    )
    threads: int = variable(
        "VP_SERVE_THREADS",
        8,
        "Requests worked on at once; as many again times 8 wait",
        ge=1,
        le=256,
    )
    timeout_s: float = variable(
        "VP_SERVE_TIMEOUT_SECS", 30.0, "Seconds a request may take before it is refused", gt=0
    )
    rate: float = variable(
        "VP_SERVE_RATE",
        100.0,
        "Requests a second of one address, ten seconds' worth at once; 0 does not count them",
        ge=0,
    )
    picture_mb: float = variable(
        "VP_SERVE_PICTURE_MB", 16.0, "Largest picture that may be searched by, in MB", gt=0, le=256
    )
    thumbnails_mb: int = variable(
        "VP_SERVE_THUMBNAILS_MB",
        512,
        "Thumbnails kept in VP_DATA_DIR/thumbnails, in MB; the least used go first",
        ge=1,
    )

    @property
    def picture_bytes(self) -> int:
        """The largest picture that may be searched by."""
        return int(self.picture_mb * 10**6)
