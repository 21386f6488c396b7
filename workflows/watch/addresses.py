"""Which addresses a webhook may go to.

Whoever may write into the bucket may name any address, and this machine may reach some that they
cannot. So what gives credentials to any process of a machine is never called, nor is HTTP spoken
beyond the machine.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from components.errors import ConfigurationError, TransientError

# Metadata and configuration services outside of the link-local ranges: AWS, Alibaba, Oracle, Azure.
_METADATA = {
    ip_address(address)
    for address in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
}
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Target:
    """Where a webhook goes; `path` has the query too."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.secure else 80)
        return host if usual else f"{host}:{self.port}"


def target(url: str) -> Target:
    """Return where an address points to, as far as it can be told without looking up its name.

    Raises:
        ConfigurationError: it is not one that a webhook may go to. Only its host is named, for the
            path may be a secret.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigurationError(f"--webhook: expected an address ({error})") from error
    if parts.scheme not in ("https", "http") or not host:
        raise ConfigurationError("--webhook: expected https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"--webhook {host}: expected no user or password in the address; the signature tells "
            "the receiver who sends"
        )
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigurationError(f"--webhook {host}: expected only ASCII; encode it (%20, xn--)")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    secure = parts.scheme == "https"
    found = Target(secure, host, port or (443 if secure else 80), path)
    address = _literal(host)
    if address is not None:
        check(found, address)
    elif not secure and host != "localhost":
        raise ConfigurationError(_plain(found))
    return found


def resolved(to: Target) -> list[str]:
    """Return the addresses that the host has now, all of which may be called.

    Raises:
        ConfigurationError: one of them may not.
        TransientError: the name is not known now.
    """
    try:
        found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransientError(f"{to.host}: the name cannot be looked up ({error})") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in addresses:
        check(to, ip_address(address.partition("%")[0]))
    return addresses


def check(to: Target, address: IPv4Address | IPv6Address) -> None:
    """Refuse an address that a webhook may not go to.

    Raises:
        ConfigurationError: as it says.
    """
    inner = _inner(address)
    if inner.is_loopback:
        return
    if inner in _METADATA or any(
        (inner.is_link_local, inner.is_multicast, inner.is_unspecified, inner.is_reserved)
    ):
        raise ConfigurationError(
            f"webhook to {to.host}: {address} is a link-local, metadata or reserved address, which "
            "is never called; name another host"
        )
    if not to.secure:
        raise ConfigurationError(_plain(to))


def _plain(to: Target) -> str:
    return f"webhook to {to.host}: http is spoken to this machine alone; use https"


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
