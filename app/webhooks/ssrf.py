"""Protect against SSRF: no webhook reaches what only this machine or its network can reach.

A name is resolved once, every address is checked, and the connection goes to a checked address: what the
name resolves to a moment later (DNS rebinding) does not matter. Host header, SNI and certificate check
keep the name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any
from urllib.parse import SplitResult

from app.errors import WebhookUrlRefusedError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))
_PRIVATE_NAMES = (".local", ".localdomain", ".internal", ".home.arpa")  # RFC 6762, ICANN, RFC 8375
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: an IPv4 address behind one of these
_SPECIAL = [  # what `is_global` lets pass, depending on Python's version, and should not
    ip_network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
    ip_network("168.63.129.16/32"),  # Azure's metadata, on a public address
    ip_network("192.0.0.0/24"),  # IETF protocol assignments; Oracle's metadata at .192
    ip_network("64:ff9b:1::/48"),  # NAT64 of a local network, RFC 8215
    ip_network("3fff::/20"),  # documentation, RFC 9637
    ip_network("5f00::/16"),  # segment routing, RFC 9602
]


class AddressPolicy:
    """Which addresses may be connected to: public ones, and the networks that are ``allowed``."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed: list[Network] = [ip_network(network) for network in allowed]

    def allows(self, address: Address) -> bool:
        """Whether a connection may go there. Addresses inside addresses are looked at too."""
        if any(address in network for network in self._allowed):
            return True
        inner = _inner(address)
        if inner is not None:
            return self.allows(inner)
        return address.is_global and not (
            address.is_multicast
            or address.is_reserved
            or address.is_unspecified
            or any(address in network for network in _SPECIAL)
            or (isinstance(address, IPv6Address) and address.is_site_local)
        )

    def check_url(self, url: SplitResult, *, allow_http: bool) -> None:
        """What can be said without the network. Raises WebhookUrlRefusedError."""
        if url.scheme != "https" and not (allow_http and url.scheme == "http"):
            raise WebhookUrlRefusedError("`url` must start with https://: use an address with a certificate.")
        if url.username is not None or url.password is not None or url.fragment:
            raise WebhookUrlRefusedError(
                "`url` must hold no user, password or fragment: check the signature of the messages instead."
            )
        host = (url.hostname or "").strip("[]").rstrip(".")
        if not self._may_be_public(host):
            raise WebhookUrlRefusedError(_refusal(host))

    def _may_be_public(self, host: str) -> bool:
        """Whether a host may have an allowed address, as far as it says so itself."""
        try:
            return self.allows(ip_address(host))
        except ValueError:
            pass  # a name
        if host.rpartition(".")[2] == "localhost":  # this machine, whatever a resolver says
            return any(self.allows(loopback) for loopback in _LOOPBACK)
        public = "." in host and not host.endswith(_PRIVATE_NAMES)
        return public or bool(self._allowed)  # a name of an allowed network

    async def resolve(self, host: str, port: int, look_up: Resolve) -> list[str]:
        """The addresses of a name, all of them allowed. Raises WebhookUrlRefusedError, OSError."""
        addresses = list(dict.fromkeys(await look_up(host, port)))
        if not addresses:
            raise OSError(f"{host} has no address")
        # One bad address spoils the name: which one a client takes would be luck.
        if not all(self.allows(ip_address(address.partition("%")[0])) for address in addresses):
            raise WebhookUrlRefusedError(_refusal(host))
        return addresses


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _refusal(host: str) -> str:
    return (
        f"The host {host} is not an address on the public internet: use one that is, or have the operator "
        "allow its network (FEWSTROKE_WEBHOOK_ALLOWED_NETWORKS)."
    )


def guarded_network(policy: AddressPolicy, resolve: Resolve) -> Any:
    """A network backend for httpcore that connects to checked addresses only."""
    import httpcore  # here: a service without webhooks does not load it

    class GuardedNetwork(httpcore.AsyncNetworkBackend):
        def __init__(self) -> None:
            self._network = httpcore.AnyIOBackend()

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
            local_address: str | None = None,
            socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            failure: Exception | None = None
            for address in await policy.resolve(host, port, resolve):
                try:
                    return await self._network.connect_tcp(
                        address, port, timeout, local_address, socket_options
                    )
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
            assert failure is not None
            raise failure

        async def connect_unix_socket(
            self,
            path: str,
            timeout: float | None = None,  # noqa: ASYNC109
            socket_options: Any = None,
        ) -> httpcore.AsyncNetworkStream:
            raise WebhookUrlRefusedError("a webhook is no socket file")

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

    return GuardedNetwork()
