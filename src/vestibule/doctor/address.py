"""Judging an address that somebody typed, before anything is called. The field is hostile input: every refusal has its own name. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from vestibule.doctor.hosts import judged_host
from vestibule.doctor.model import Finding, Level, look, shown, stops
from vestibule.kit.numbers import digits
from vestibule.kit.origins import is_loopback_host
from vestibule.platform.http.target import MOST_PORTS, BadUrl, parse

_LONGEST = 2_000
_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>/*)(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)
_PORT = re.compile(r"(?P<host>.*?)(:(?P<port>[^:\]]*))?", re.DOTALL)
_ENDPOINTS = (
    ".well-known/smart-configuration",
    ".well-known/openid-configuration",
    ".well-known",
    "metadata",
    "authorize",
    "token",
    "Patient",
    "jwks",
)
# Ports on which something other than a web server listens by custom: browsers refuse these as well.
_HTTPS = 443
_NOT_WEB = frozenset(
    {7, 9, 13, 19, 20, 21, 22, 23, 25, 53, 69, 79, 110, 111, 119, 123, 135, 137, 139, 143, 161, 179, 389, 445, 465, 514, 587, 636}
)
_NOT_WEB_EITHER = frozenset({873, 990, 993, 995, 1433, 1521, 2049, 2375, 2379, 3306, 3389, 5432, 5900, 6379, 9042, 11211, 27017})
_NUMERIC_LABEL = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE | re.ASCII)
_PLAIN_IPV4 = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """A typed address, judged.

    Attributes:
        url: what may be called; empty when nothing may.
    """

    url: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Split:
    """A URL in its parts, as a careful reader would split it."""

    scheme: str
    authority: str
    host: str
    port: str | None
    path: str
    query: str
    fragment: str


def judged(typed: str, *, loopback_http: bool = False) -> Address:
    """What is wrong with an address. The first thing in the way ends the search; what is only odd is collected."""
    findings: list[Finding] = []
    for finding in _all(typed, loopback_http=loopback_http):
        findings.append(finding)
        if finding.level is Level.STOPS:
            return Address("", tuple(findings))
    return Address(typed, tuple(findings))


def _all(typed: str, *, loopback_http: bool) -> Iterator[Finding]:
    yield from _text(typed)
    split = _split(typed)
    if split is None:
        yield stops(
            "url-malformed", "This is not an address of the form https://host/path.", "Copy the FHIR base URL from the record's own page."
        )
        return
    yield from _scheme(split, loopback_http=loopback_http)
    yield from _authority(split)
    yield from _host(split)
    yield from _port(split)
    yield from _path(split)
    yield from _last_word(typed)


def _text(typed: str) -> Iterator[Finding]:
    """The text as a whole."""
    if not typed:
        yield stops("url-empty", "No address was entered.", "Enter the FHIR base URL of the record.")
    if len(typed) > _LONGEST:
        yield stops(
            "url-too-long", f"The address has {len(typed)} characters; none needs more than {_LONGEST}.", "Copy the FHIR base URL alone."
        )
    for place, letter in enumerate(typed, 1):
        if letter.isspace():
            yield stops("url-space", f"There is a space or a line break at place {place}.", "Remove it; an address has none.")
        if unicodedata.category(letter)[0] == "C":
            what = f"There is an invisible character (U+{ord(letter):04X}) at place {place}."
            yield stops("url-invisible", what, "Type the address by hand: what was copied is not what is seen.")
    if "\\" in typed:
        yield stops("url-backslash", "There is a backslash in the address. Programs disagree about what that means.", "Write / instead.")


def _split(typed: str) -> _Split | None:
    found = _PARTS.fullmatch(typed)
    if found is None or found["slashes"] != "//" or not found["authority"]:
        return None
    bare = found["authority"].rpartition("@")[2]
    port = _PORT.fullmatch(bare)
    if port is None or not port["host"]:
        return None
    return _Split(
        found["scheme"].lower(),
        found["authority"],
        port["host"],
        port["port"],
        found["path"],
        found["query"] or "",
        found["fragment"] or "",
    )


def _scheme(split: _Split, *, loopback_http: bool) -> Iterator[Finding]:
    if split.scheme not in {"http", "https"}:
        what = f"The address begins with {shown(split.scheme)}: and not with https:."
        yield stops("url-scheme", what, "Enter the address that begins with https://.")
    if split.scheme == "http" and not (loopback_http and is_loopback_host(split.host.strip("[]").lower())):
        what = "The address begins with http: so everything would travel unencrypted."
        yield stops("url-plain-http", what, "Enter the address that begins with https://.")


def _authority(split: _Split) -> Iterator[Finding]:
    if "@" in split.authority + split.path:
        what = "There is an @ in the address: what stands before it is a user name, and the true host stands behind it."
        yield stops("url-user", what, "Remove everything between // and @. If it was a password, change that password.")
    if split.fragment:
        yield stops(
            "url-fragment", "There is a # in the address; what stands behind it never reaches a server.", "Remove the # and what follows."
        )
    if split.query:
        yield stops("url-query", "There is a ? in the address. A FHIR base URL has no parameters.", "Remove the ? and what follows.")


def _host(split: _Split) -> Iterator[Finding]:
    odd = judged_host(split.host)
    if odd is not None:
        yield odd
    if split.host.endswith("."):
        what = "The host name ends with a dot: the same machine under another spelling, which launches would not match."
        yield stops("url-trailing-dot", what, "Remove the dot.")
    last = split.host.rpartition(".")[2]
    if _NUMERIC_LABEL.fullmatch(last) and not _PLAIN_IPV4.fullmatch(split.host):
        what = "The host is a number in an unusual spelling, as it is used to slip past checks."
        yield stops("url-number-host", what, "Enter the host's name.")
    if split.host != split.host.lower():
        what = "The host name has capital letters. A launch is matched letter by letter against what the record sends."
        yield look("url-capitals", what, "Make sure that the record spells it so, or write it in small letters.")


def _port(split: _Split) -> Iterator[Finding]:
    if split.port is None:
        return
    number = digits(split.port, most=5) or 0
    if not 0 < number <= MOST_PORTS:
        yield stops("url-port-impossible", "What stands behind the colon is not a port from 1 to 65535.", "Correct or remove it.")
    if number in _NOT_WEB | _NOT_WEB_EITHER:
        yield stops(
            "url-port-not-web",
            f"Port {number} belongs to another kind of service than a web server.",
            "Enter the FHIR base URL's own port.",
        )
    if number != _HTTPS and not is_loopback_host(split.host.strip("[]").lower()):
        yield look(
            "url-port-unusual",
            f"The record is to be called at port {number}.",
            "Make sure that it is meant, and that firewalls let it out.",
        )


def _path(split: _Split) -> Iterator[Finding]:
    parts = split.path.split("/")
    if ".." in parts or "." in parts or "//" in split.path or re.search(r"%2e|%2f|%5c|%00", split.path, re.IGNORECASE):
        what = "The path has empty parts, dots or encoded slashes, which servers and proxies read differently."
        yield stops("url-path", what, "Enter the path plainly.")
    end = next((end for end in _ENDPOINTS if split.path.lower().endswith(f"/{end}".lower())), "")
    if end:
        what = f"The address ends with {end}: that is one document or service of the record and not its FHIR base URL."
        yield stops("url-not-base", what, f"Remove /{end}.")
    if split.path.endswith("/"):
        what = "The address ends with a slash. A launch is matched letter by letter, and records usually send it without."
        yield look("url-slash", what, "Remove the slash unless the record sends it.")


def _last_word(typed: str) -> Iterator[Finding]:
    """The door's own parser decides in the end: what it does not understand is never called."""
    try:
        parse(typed)
    except BadUrl:
        yield stops(
            "url-malformed", "This is not an address of the form https://host/path.", "Copy the FHIR base URL from the record's own page."
        )
