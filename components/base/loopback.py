"""Addresses of this machine, which nobody else reaches and no proxy leads to."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine: localhost, 127.0.0.1 and the like."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_on_loopback(url: str | None) -> bool:
    """Return whether the address of a server is on this machine."""
    return is_loopback(urlsplit(url or "").hostname or "")
