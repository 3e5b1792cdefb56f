"""One address against another, part by part. The pasted one is hostile: it is only ever taken apart, never opened. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from vestibule.platform.web.i18n import gettext as _
from vestibule.records.model import Difference, Field, Level, Neighbour, Record

_PORTS: Final = {"http": 80, "https": 443}
_PIECE: Final = 80
_EHR_ADDS: Final = frozenset({"iss", "launch"})


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in parts; an empty host when it is none."""

    scheme: str = ""
    host: str = ""
    port: int = 0
    user: bool = False
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    fragment: str = ""


def parts_of(text: str) -> Address:
    """Take a URL apart without believing it; what cannot be understood has no host."""
    try:
        split = urlsplit(text)
        host, port = (split.hostname or "").rstrip("."), split.port or _PORTS.get(split.scheme, 0)
    except ValueError:
        return Address()
    if not host or re.search(r"[\s\\]", split.netloc):
        return Address()
    return Address(split.scheme, host, port, "@" in split.netloc, split.path, _query(split), split.fragment)


def _query(split: SplitResult) -> tuple[tuple[str, str], ...]:
    """Names and values as they stand, percent-encoding and all."""
    pairs = [part.partition("=") for part in split.query.split("&") if part]
    return tuple((name, value) for name, _mark, value in pairs)


def compare_addresses(record: Record, field: Field, text: str, others: Sequence[Neighbour]) -> Iterator[Difference]:
    """How the address that the EHR holds differs from ours."""
    wanted, got = parts_of(field.value), parts_of(text)
    if not got.host:
        decoded = parts_of(unquote(text))
        if decoded.host:
            yield _stops(field, _("It is percent-encoded as a whole, e.g. %3A%2F%2F for ://."))
            yield from compare_addresses(record, field, unquote(text), others)
            return
        yield _stops(field, _("“%(is)s” is no address.") % {"is": piece(text)})
        return
    yield from _place(field, wanted, got)
    yield from _path(field, wanted, got)
    yield from _parameters(field, wanted, got, others)
    if got.fragment and got.fragment != wanted.fragment:
        yield _stops(field, _("It ends with “#%(rest)s”, which never reaches us.") % {"rest": piece(got.fragment)})


def _place(field: Field, wanted: Address, got: Address) -> Iterator[Difference]:
    if got.scheme != wanted.scheme:
        words = _("It begins with %(is)s:// and should begin with %(should)s://.") % {"is": piece(got.scheme), "should": wanted.scheme}
        yield _stops(field, words)
    if got.user:
        yield _stops(field, _("It holds a user name before the host (@)."))
    if got.host != wanted.host:
        yield _stops(field, _("Its host is %(is)s and should be %(should)s.") % {"is": piece(got.host), "should": wanted.host})
    elif got.port != wanted.port and (got.scheme == wanted.scheme or got.port != _PORTS.get(got.scheme)):
        yield _stops(field, _("Its port is %(is)d and should be %(should)d.") % {"is": got.port, "should": wanted.port})


def _path(field: Field, wanted: Address, got: Address) -> Iterator[Difference]:
    if got.path == wanted.path:
        return
    swapped = {"/launch/provider": _("the patients' address"), "/launch/patient": _("the clinicians' address")}
    if wanted.path in swapped and got.path in swapped:
        yield _stops(field, _("This is %(whose)s.") % {"whose": swapped[wanted.path]})
    elif got.path.rstrip("/") == wanted.path.rstrip("/"):
        yield _stops(field, _("Its path ends with a slash too many or too few."))
    elif got.path.casefold() == wanted.path.casefold():
        yield _stops(field, _("Capital and small letters differ in its path: “%(is)s”.") % {"is": piece(got.path)})
    elif _decoded(got.path) == wanted.path:
        yield _stops(field, _("Its path is percent-encoded."))
    else:
        words = _("Its path is “%(is)s” and should be “%(should)s”.") % {"is": piece(got.path), "should": wanted.path}
        yield _stops(field, words)


def _parameters(field: Field, wanted: Address, got: Address, others: Sequence[Neighbour]) -> Iterator[Difference]:
    names = {name.casefold(): name for name, _value in wanted.query}
    counted = Counter(_decoded(name).casefold() for name, _value in got.query)
    for name, value in wanted.query:
        yield from _parameter(field, name, value, got, counted[name.casefold()], others)
    beyond = [_decoded(name) for name, _value in got.query if _decoded(name).casefold() not in names]
    added = sorted({name for name in beyond if name.casefold() in _EHR_ADDS} if field.name == "launch-url" else ())
    if added:
        words = _("It holds %(names)s already, which the record adds by itself: they would come twice.") % {"names": ", ".join(added)}
        yield _stops(field, words)
    spare = [name for name in beyond if name not in added]
    if spare:
        yield Difference(Level.GOOD, field.label, _("It has more parameters than we need: %(more)s.") % {"more": piece(", ".join(spare))})


def _parameter(field: Field, name: str, value: str, got: Address, times: int, others: Sequence[Neighbour]) -> Iterator[Difference]:
    found = [(given, said) for given, said in got.query if _decoded(given).casefold() == name.casefold()]
    if not found:
        words = _("The parameter “%(name)s” is missing.") % {"name": f"{name}={value}"}
        whereby = {"connection": _("By it we recognise a button that was copied into another environment.")}
        yield _stops(field, words, whereby.get(name, _("Without it this is another record's address.")))
        return
    given, said = found[0]
    if given != name:
        yield _stops(field, _("The parameter is written “%(is)s” and should be “%(should)s”.") % {"is": piece(given), "should": name})
    if times > 1:
        yield _stops(field, _("The parameter “%(name)s” stands there %(times)d times.") % {"name": name, "times": times})
    if said != value:
        yield _wrong_value(field, name, value, said, others)


def _wrong_value(field: Field, name: str, value: str, said: str, others: Sequence[Neighbour]) -> Difference:
    plain = _decoded(said).strip().casefold()
    other = next((one for one in others if one.id == plain), None)
    if other is not None:
        words = _("It names another connection of yours: %(name)s (%(environment)s).") % {
            "name": other.name,
            "environment": other.environment.value,
        }
        return _stops(field, words, _("The record was copied from one environment into the other. Copy this connection's own address."))
    if plain == value:
        return _stops(field, _("The value of “%(name)s” is percent-encoded, has spaces, or capital letters.") % {"name": name})
    words = _("“%(name)s” is “%(is)s” and should be “%(should)s”.") % {"name": name, "is": piece(said), "should": value}
    return _stops(field, words)


def _decoded(text: str) -> str:
    """Without percent-encoding, a second one underneath included."""
    return unquote(unquote(text))


def piece(text: str) -> str:
    """A part of a pasted address for a sentence: printable and short."""
    plain = "".join(c if c.isprintable() else "·" for c in text)
    return plain if len(plain) <= _PIECE else plain[: _PIECE - 1] + "…"


def _stops(field: Field, words: str, remedy: str = "") -> Difference:
    return Difference(Level.STOPS, field.label, words, remedy or _("Copy it from this page."))
