"""Clients of AWS's services, or of servers that speak their protocols."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from components.base.loopback import is_on_loopback
from components.errors import ConfigurationError
from components.settings import StorageSettings

_DEFAULT_REGION = "us-east-1"
# Of what boto3 reads about itself, for a client that is told all it needs.
_NOTHING: dict[str, Any] = {
    "profile": (None, [], None, None),
    "config_file": (None, [], os.devnull, None),
    "credentials_file": (None, [], os.devnull, None),
}


@cache
def _session() -> Any:
    """Return the session of this process; each reads the descriptions of AWS's services anew.

    Raises:
        BotoCoreError: boto3's own configuration cannot be read, or lacks AWS_PROFILE.
    """
    session = boto3.session.Session()
    # Read now, for whatever is asked of it later reads it.
    session._session.full_config  # noqa: B018
    return session


@cache
def _bare_session() -> Any:
    return boto3.session.Session(botocore_session=botocore.session.Session(_NOTHING))


def _session_for(settings: StorageSettings) -> Any:
    try:
        return _session()
    except BotoCoreError as error:
        # As for the server on this machine, which knows no profile.
        if settings.endpoint_url and settings.access_key_id and settings.secret_access_key:
            return _bare_session()
        raise ConfigurationError(
            f"boto3 cannot be configured ({error}); check AWS_PROFILE, AWS_CONFIG_FILE and "
            "~/.aws/config, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error


def region_of(settings: StorageSettings) -> str:
    """Return the region that the settings or boto3's own configuration name."""
    return settings.region or _session_for(settings).region_name or _DEFAULT_REGION


def client(
    service: str,
    settings: StorageSettings,
    *,
    endpoint: str | None,
    region: str | None = None,
    config: Config | None = None,
) -> Any:
    """Return boto3's client for the service, with the settings' credentials.

    Without credentials in the settings boto3 looks for them in its usual places. To this machine
    it goes past proxies.

    Raises:
        ConfigurationError: boto3's own configuration cannot be read, and is needed.
    """
    secret, token = settings.secret_access_key, settings.session_token
    if is_on_loopback(endpoint):
        directly = Config(proxies={})
        config = config.merge(directly) if config else directly
    return _session_for(settings).client(
        service,
        endpoint_url=endpoint,
        region_name=region or region_of(settings),
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        aws_session_token=token.get_secret_value() if token else None,
        config=config,
    )
