"""How standing questions announce what they find."""

from __future__ import annotations

from pydantic import SecretStr

from components.settings.variables import Group, variable


class WatchSettings(Group):
    title = "oriane watch (webhooks)"

    secret: SecretStr | None = variable(
        "ORIANE_WEBHOOK_SECRET",
        None,
        "Secret that webhooks are signed with (Standard Webhooks; whsec_ and base64, or any text)",
        credential=True,
        min_length=16,
    )
    timeout_s: float = variable(
        "VP_WEBHOOK_TIMEOUT_SECS", 10.0, "Seconds that one try of a webhook may take", gt=0, le=120
    )
    attempts: int = variable(
        "VP_WEBHOOK_ATTEMPTS", 4, "Tries of one webhook, with exponential backoff", ge=1, le=10
    )
