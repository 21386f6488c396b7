"""Whether an address is of this machine, to which no proxy leads."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_on_loopback(url: str | None) -> bool:
    """Return whether the address names this machine: localhost, 127.0.0.1 and the like."""
    host = urlsplit(url or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
