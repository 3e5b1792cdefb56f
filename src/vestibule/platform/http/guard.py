"""May we connect to this address? Pure judgement of addresses as the operating system spells them.

A FHIR base URL, a `jwks_uri`, a `next` link and a redirect are all chosen by somebody else. What they name is judged
here *after* it was resolved, so that no spelling (decimal, mapped, rebound) leads to a machine that trusts us for
standing next to it: ourselves, the database, the cloud's metadata service.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

# Cloud metadata services hand credentials to whoever asks. Not even an operator's own allowance opens these.
_NEVER = tuple(
    ip_network(net)
    for net in (
        "169.254.169.254/32",  # AWS, Azure, Google, OpenStack
        "169.254.170.2/32",  # AWS container credentials
        "168.63.129.16/32",  # Azure's host agent, a public address that only answers inside
        "100.100.100.200/32",  # Alibaba
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::254/128",  # AWS over IPv6
        "fd20:ce::254/128",  # Google over IPv6
    )
)

# IPv6 that carries an IPv4 address inside. Nobody publishes a service this way; refusing them all
# is shorter, and surer, than unwrapping each.
_WRAPPED = tuple(
    (ip_network(net), what)
    for net, what in (
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("2002::/16", "6to4"),
        ("2001::/32", "Teredo"),
    )
)
_COMPATIBLE = ip_network("::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")
# Newer reservations than some Python's tables know.
_ALSO_RESERVED = tuple(
    ip_network(net)
    for net in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16")
)
_ISATAP = 0x5EFE


class Refused(ValueError):
    """This address may not be connected to; the text says which kind it is."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which addresses a connection may go to.

    Attributes:
        public: addresses of the public internet.
        loopback: 127.0.0.0/8 and ::1, plainly spelled.
        networks: private networks an operator named, e.g. where the hospital's own record lives.
    """

    public: bool = True
    loopback: bool = False
    networks: tuple[Network, ...] = ()


def judge(address: str, policy: Policy) -> None:
    """Raise Refused unless `policy` lets us connect to `address` (numeric, as getaddrinfo gives it)."""
    try:
        ip = ip_address(address)
    except ValueError:
        raise Refused("not an address") from None
    kind = classify(ip)
    if kind == "metadata":
        raise Refused(kind)
    if any(ip in net for net in policy.networks):
        return
    allowed = (kind == "loopback" and policy.loopback) or (kind == "public" and policy.public)
    if not allowed:
        raise Refused(kind)


def classify(ip: IPv4Address | IPv6Address) -> str:
    """What kind of address this is, in one word or two; `public` is the only kind the internet is made of."""
    if any(ip in net for net in _NEVER):
        return "metadata"
    if isinstance(ip, IPv6Address):
        special = _classify_v6(ip)
        if special:
            return special
    return _classify_common(ip)


def _classify_v6(ip: IPv6Address) -> str:
    if ip.scope_id:
        return "scoped"
    if ip.is_loopback or ip.is_unspecified:
        return ""
    for net, what in _WRAPPED:
        if ip in net:
            return what
    if ip in _COMPATIBLE:
        return "IPv4-compatible"
    if (int(ip) >> 32) & 0xFFFF == _ISATAP:
        return "ISATAP"
    if ip.is_site_local:
        return "site-local"
    return ""


def _classify_common(ip: IPv4Address | IPv6Address) -> str:
    words = (
        (ip.is_loopback, "loopback"),
        (ip.is_unspecified, "unspecified"),
        (ip.is_link_local, "link-local"),
        (ip.is_multicast, "multicast"),
        (any(ip in net for net in _ALSO_RESERVED), "reserved"),
        (ip.is_private, "private"),
        (ip.is_reserved, "reserved"),
        (not ip.is_global, "reserved"),
        (ip.version == 6 and ip not in _GLOBAL_UNICAST, "reserved"),  # noqa: PLR2004
    )
    return next((word for is_so, word in words if is_so), "public")
