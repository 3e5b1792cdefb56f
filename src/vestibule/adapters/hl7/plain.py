"""Plain MLLP: a port of one connection's own, open to the networks it lists and to nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from vestibule.feed.model import PlainPort

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Fence:
    """The networks of a port."""

    def __init__(self, port: PlainPort) -> None:
        """Read them; one that cannot be read lets nobody in."""
        self.port = port
        self._networks = list(_networks(port.networks))

    def lets_in(self, address: str) -> bool:
        """True when the address is in one of them."""
        try:
            at = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        plain = getattr(at, "ipv4_mapped", None) or at
        return any(plain in network for network in self._networks if network.version == plain.version)


def _networks(texts: Sequence[str]) -> Sequence[Network]:
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue
    return found
