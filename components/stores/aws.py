"""Clients of AWS's services, or of servers that speak their protocols."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from components.settings import StorageSettings

_DEFAULT_REGION = "us-east-1"


@cache
def _session() -> Any:
    """Return the session of this process; each reads the descriptions of AWS's services anew."""
    return boto3.session.Session()


def region_of(settings: StorageSettings) -> str:
    """Return the region that the settings or boto3's own configuration name."""
    return settings.region or _session().region_name or _DEFAULT_REGION


def client(
    service: str,
    settings: StorageSettings,
    *,
    endpoint: str | None,
    region: str | None = None,
    config: Config | None = None,
) -> Any:
    """Return boto3's client for the service, with the settings' credentials.

    Without credentials in the settings boto3 looks for them in its usual places.
    """
    secret, token = settings.secret_access_key, settings.session_token
    return _session().client(
        service,
        endpoint_url=endpoint,
        region_name=region or region_of(settings),
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        aws_session_token=token.get_secret_value() if token else None,
        config=config,
    )
