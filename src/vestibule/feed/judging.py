"""Is what a person set for a feed usable? Each field by itself, so that a form can say beside each what is wrong. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

from vestibule.feed.model import FeedSettings, Rule, RuleField
from vestibule.platform.web.i18n import gettext as _
from vestibule.tenancy.judging import sentence_of as _sentence_of
from vestibule.tenancy.judging import zones

CSN_FROM: Final = ("sch-2", "sch-1", "pv1-19")
DEPARTMENT_FROM: Final = ("pv1-3", "ail-3", "rgs-3", "aig-3", "none")
MOST_RULES: Final = 200
_MOST_NETWORKS: Final = 50
_LONGEST_MATCH: Final = 200
_LOWEST_PORT, _HIGHEST_PORT = 1024, 65_535
_MOST_HOURS: Final = 72
_REGION = re.compile(r"[A-Z]{2}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Networks that no router of the internet leads to: RFC 1918, RFC 6598, RFC 4193, loopback and link-local.
_INSIDE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")
_INSIDE_6: Final = ("::1/128", "fc00::/7", "fe80::/10")
_PRIVATE: Final[tuple[Network, ...]] = tuple(ipaddress.ip_network(text) for text in (*_INSIDE, *_INSIDE_6))


def judge(settings: FeedSettings, *, may_be_public: Iterable[str] = ()) -> dict[str, str]:
    """Field -> code of what is wrong with it; empty when all is well.

    Args:
        settings: as they are to be.
        may_be_public: networks of the internet that somebody says are meant.
    """
    found = {
        "csn_from": "" if settings.csn_from in CSN_FROM else "choice-unknown",
        "department_from": "" if settings.department_from in DEPARTMENT_FROM else "choice-unknown",
        "zone": "" if not settings.zone or settings.zone in zones() else "zone-unknown",
        "region": "" if _REGION.fullmatch(settings.region) else "region-malformed",
        "raw_hours": "" if 1 <= settings.raw_hours <= _MOST_HOURS else "hours-range",
        "plain_port": "" if settings.plain_port is None or _LOWEST_PORT <= settings.plain_port <= _HIGHEST_PORT else "port-range",
        "networks": _networks_code(settings, frozenset(may_be_public)),
        "rules": rules_code(settings.rules),
    }
    return {field: code for field, code in found.items() if code}


def rules_code(rules: Sequence[Rule]) -> str:
    """What is wrong with the rules, when anything is."""
    if len(rules) > MOST_RULES:
        return "too-many-entries"
    for rule in rules:
        if rule.field is not RuleField.ANY and not rule.matches.strip():
            return "rule-empty"
        if len(rule.matches) > _LONGEST_MATCH:
            return "field-too-long"
        if not rule.matches.isprintable():
            return "text-characters"
    return ""


def network_of(text: str) -> Network | None:
    """A network, or a single address as the network of one; None when it is neither."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def is_private(network: Network) -> bool:
    """Whether it lies within networks that the internet does not lead to."""
    return any(network.version == wide.version and network.subnet_of(wide) for wide in _PRIVATE)  # type: ignore[arg-type]


def _networks_code(settings: FeedSettings, public: frozenset[str]) -> str:
    if settings.plain_port is not None and not settings.networks:
        return "networks-missing"
    if len(settings.networks) > _MOST_NETWORKS:
        return "too-many-entries"
    for text in settings.networks:
        network = network_of(text)
        if network is None:
            return "network-malformed"
        if not network.prefixlen:
            return "network-everything"
        if not is_private(network) and text not in public:
            return "network-public"
    return ""


def sentence_of(code: str) -> str:
    """What a person reads beside a field, in their language."""
    return _sentences().get(code) or _sentence_of(code)


def _sentences() -> dict[str, str]:
    return {
        "choice-unknown": _("Choose one of the list."),
        "hours-range": _("Between 1 and 72 hours."),
        "network-everything": _("This is the whole internet. Name the networks the sender is in."),
        "network-malformed": _("Write networks as 10.20.0.0/16, one a line."),
        "network-public": _(
            "This network is part of the internet, where anybody on the way can read plain MLLP. If a VPN really ends there, say so below."
        ),
        "networks-missing": _("Name the networks from which plain MLLP is taken."),
        "port-range": _("A port is a number from 1024 to 65535."),
        "plain-port-taken": _("Another connection of this installation has this port."),
        "region-malformed": _("Two capital letters, such as US or DE."),
        "rule-empty": _("A rule needs something to look for; * stands for anything."),
    }
