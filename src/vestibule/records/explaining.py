"""An address taken apart: a launch from a record, or a short link. It is hostile input, only read and never opened. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, unquote_plus

from vestibule.launch.model import Landing, LaunchKind
from vestibule.platform.web.i18n import gettext as _
from vestibule.records.addresses import Address, parts_of, piece
from vestibule.records.model import Level, Statement
from vestibule.tenancy.model import Connection, Environment

MOST: Final = 8_000  # characters
_LAUNCHES: Final = {"/launch/provider": LaunchKind.PROVIDER, "/launch/patient": LaunchKind.PATIENT}
_LINK: Final = re.compile(r"/j/([^/]+)/?")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{22,64}")
_TOKEN: Final = re.compile(r"%[A-Z][A-Z0-9]{2,}(?:;[^%&]*)?%")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TWICE: Final = re.compile(r"%25(?:3A|2F|3D|26|3F|20|25)", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OURS: Final = frozenset({"iss", "launch", "connection", "open"})
_TELLING: Final = re.compile(r"name|phone|mail|birth|dob|mrn|ssn|patient", re.IGNORECASE)


@dataclass(slots=True)
class Apart:
    """An address in pieces, and what can be said of it without asking anybody.

    Attributes:
        kind: of the launch; None when it is none.
        code: of a short link; empty when it is none.
        hint: the connection that it names.
    """

    said: list[Statement] = field(default_factory=list)
    kind: LaunchKind | None = None
    iss: str = ""
    launch: str = field(default="", repr=False)
    hint: str = ""
    code: str = field(default="", repr=False)

    def say(self, level: Level, what: str, remedy: str = "") -> None:
        """Add a sentence."""
        self.said.append(Statement(level, what, remedy))


def take_apart(text: str, origin: str) -> Apart:
    """What an address is, and what is wrong with its form."""
    apart = Apart()
    url = text[:MOST].strip().strip("\"'<>\u2018\u2019\u201c\u201d")
    if re.search(r"\s", url) or not url.isprintable():
        apart.say(Level.STOPS, _("There is white space or an invisible character inside the address."), _whole())
        url = "".join(c for c in url if c.isprintable() and not c.isspace())
    address = parts_of(url)
    if not address.host and parts_of(unquote(url)).host:
        words = _("The address is percent-encoded as a whole, e.g. %3A%2F%2F for ://.")
        apart.say(Level.STOPS, words, _("Enter it in its plain form: https://…"))
        address = parts_of(unquote(url))
    if not address.host or address.scheme not in {"http", "https"}:
        apart.say(Level.STOPS, _("This is no web address."), _("It begins with https:// and names a host."))
        return apart
    _place(apart, address, parts_of(origin))
    _destination(apart, address)
    return apart


def _place(apart: Apart, address: Address, ours: Address) -> None:
    if address.user:
        apart.say(Level.STOPS, _("It holds a user name before the host (@): addresses like this are made to deceive."), _copy())
    if (address.host, address.port) != (ours.host, ours.port) and not _only_http(address, ours):
        words = _("It leads to %(host)s, which is not this program (%(ours)s).") % {"host": piece(address.host), "ours": ours.host}
        apart.say(Level.STOPS, words, _copy())
    if address.scheme == "http" and ours.scheme == "https":
        apart.say(Level.STOPS, _("It begins with http://: what it carries could be read on the way."), _("Enter https:// in the record."))


def _only_http(address: Address, ours: Address) -> bool:
    return address.host == ours.host and address.scheme != ours.scheme and address.port in {80, 443}


def _destination(apart: Apart, address: Address) -> None:
    link = _LINK.fullmatch(address.path)
    kind = _LAUNCHES.get(address.path)
    loose = _LAUNCHES.get(unquote(address.path).casefold().rstrip("/"))
    if link:
        _link(apart, link[1], address)
    elif kind or loose:
        if not kind:
            words = _("Its path “%(path)s” is not written exactly like ours.") % {"path": piece(address.path)}
            apart.say(Level.STOPS, words, _copy())
        apart.kind = kind or loose
        _launch(apart, address)
    elif address.path == "/launch/callback":
        words = _("This is the redirect URI, to which the record sends people back. Nobody begins there.")
        apart.say(Level.STOPS, words, _("Enter the launch URL where a launch begins."))
    else:
        words = _("Its path “%(path)s” is neither a launch nor a short link.") % {"path": piece(address.path)}
        apart.say(Level.STOPS, words, _copy())


def _link(apart: Apart, code: str, address: Address) -> None:
    if address.query or address.fragment:
        apart.say(Level.LOOK, _("Something was added behind the link, as mail programs do. It does no harm."))
    plain = unquote(code)
    if not _CODE.fullmatch(plain):
        words = _("What stands behind /j/ is no code of ours: it is too short, too long, or holds other characters.")
        apart.say(Level.STOPS, words, _("Copy the whole link; it is often cut at the end of a line."))
        return
    apart.code = plain


def _launch(apart: Apart, address: Address) -> None:
    who = _("clinicians") if apart.kind is LaunchKind.PROVIDER else _("patients")
    apart.say(Level.GOOD, _("It is the launch address for %(who)s.") % {"who": who})
    raw = [(unquote(name), value) for name, value in address.query]
    for statement in _forms(raw):
        apart.said.append(statement)
    found = {name: value for name, value in raw if name in _OURS}
    apart.iss, apart.launch = _read(found.get("iss", "")), _read(found.get("launch", ""))
    apart.hint = _read(found.get("connection", "")).lower()
    if apart.hint and not _UUID.fullmatch(apart.hint):
        apart.say(Level.STOPS, _("“connection” is not the id of a connection."), _copy())
        apart.hint = ""
    if "open" in found:
        _landing(apart, found["open"])
    if address.fragment:
        apart.say(Level.LOOK, _("What stands behind # never reaches us."))


def _landing(apart: Apart, value: str) -> None:
    """Where it ends, when it says so."""
    if value != Landing.TEXT:
        words = _("“open” is “%(is)s”, which means nothing: the launch ends in the visit.") % {"is": piece(value)}
        apart.say(Level.LOOK, words, _("Direct SMS has open=text."))
    elif apart.kind is LaunchKind.PATIENT:
        apart.say(Level.LOOK, _("“open=text” does nothing here: patients come into the waiting room."))
    else:
        apart.say(Level.GOOD, _("It ends on the page from which the patient is texted the link."))


def _read(value: str) -> str:
    """A value as the launch reads it, and, where it was encoded twice, as it was meant."""
    once = unquote_plus(value)
    return unquote(once) if _TWICE.search(value) else once


def _forms(raw: list[tuple[str, str]]) -> Iterator[Statement]:
    """What can be said of the parameters without knowing any connection."""
    times = Counter(name for name, _value in raw)
    for name in ("iss", "launch"):
        yield from _present(name, raw, times)
    for name in _OURS:
        if times[name] > 1:
            words = _("“%(name)s” stands there %(times)d times.") % {"name": name, "times": times[name]}
            remedy = _("The record adds iss and launch by itself: take them out of the configured address.")
            yield Statement(Level.STOPS, words, remedy)
    for name, value in raw:
        yield from _value(name, value)


def _present(name: str, raw: list[tuple[str, str]], times: Counter[str]) -> Iterator[Statement]:
    if any(given == name and value for given, value in raw):
        return
    near = next((given for given in times if given.casefold() == name and given != name), "")
    if near:
        words = _("The parameter is written “%(is)s”; it must be “%(should)s”.") % {"is": piece(near), "should": name}
        yield Statement(Level.STOPS, words, _("Capital and small letters count in it."))
    elif name == "launch":
        words = _("“launch” is missing: the record has not said which launch this is.")
        yield Statement(Level.STOPS, words, _("This address works only by the button in the record, which adds iss and launch."))
    else:
        words = _("“iss” is missing: the record has not said which record it is.")
        yield Statement(Level.STOPS, words, _("Open the visit by its button in the record; the configured address alone is not enough."))


def _value(name: str, value: str) -> Iterator[Statement]:
    token = _TOKEN.search(value) or _TOKEN.search(unquote(value))
    shown = piece(name)
    if token:
        words = _("“%(name)s” holds the token %(token)s itself: the record did not replace it.") % {"name": shown, "token": piece(token[0])}
        remedy = _("Context tokens belong into the record's field for context, not into the URL; and this record must know the token.")
        yield Statement(Level.STOPS, words, remedy)
    elif _BAD_PERCENT.search(value):
        words = _("“%(name)s” has a % that is followed by no two hexadecimal digits.").replace("%(name)s", shown)
        yield Statement(Level.STOPS, words, _("A plain % is written %25 in an address."))
    elif _TWICE.search(value):
        words = _("“%(name)s” is percent-encoded twice, e.g. %253A for a colon.").replace("%(name)s", shown)
        yield Statement(Level.STOPS, words, _("Enter the address in its plain form; the record encodes what it adds."))
    if name not in _OURS and _TELLING.search(name):
        words = _("“%(name)s” may tell who the patient is, and addresses are kept in logs and histories.") % {"name": shown}
        yield Statement(Level.STOPS, words, _("Take it out; nothing of this kind is needed here."))


# ---------------------------------------------------------------------- a launch, held against the connections one has


def about_connection(apart: Apart, mine: Sequence[Connection]) -> Connection | None:
    """Say which of the organisation's connections the launch belongs to, if any."""
    if not apart.iss:
        return None
    found = [one for one in mine if one.iss == apart.iss]
    found = [one for one in found if one.serving] or found
    named = next((one for one in mine if str(one.id) == apart.hint), None) if apart.hint else None
    if apart.hint and named is None:
        words = _("“connection” names no connection of your organisation.")
        apart.say(Level.STOPS, words, _("Copy the launch URL from the records page of the right connection."))
    if not found:
        _unknown_iss(apart, mine, named)
        return None
    fits = named if named in found else None
    if named is not None and fits is None:
        words = _("“connection” names %(named)s (%(one)s), but the record is %(found)s (%(two)s).") % {
            "named": named.name,
            "one": environment(named),
            "found": found[0].name,
            "two": environment(found[0]),
        }
        apart.say(Level.STOPS, words, _("The button was copied from one environment into the other: give it its own address."))
    if len(found) > 1 and fits is None:
        words = _("Several connections of yours have this FHIR base URL.")
        apart.say(Level.STOPS, words, _("Use the launch URL from the records page: it names the connection."))
    one = fits or found[0]
    _connection(apart, one)
    return one


def _connection(apart: Apart, one: Connection) -> None:
    apart.say(Level.GOOD, _("The record is %(name)s (%(environment)s).") % {"name": one.name, "environment": environment(one)})
    if not one.serving:
        words = _("This connection is not approved: launches from it are refused.")
        apart.say(Level.STOPS, words, _("Have it approved; until then nobody can come in by it."))
    client_id = one.provider_client_id if apart.kind is LaunchKind.PROVIDER else one.patient_client_id
    if not client_id:
        words = _("The connection has no client id for this kind of launch.")
        apart.say(Level.STOPS, words, _("Enter the provider or patient client id in the connection."))


def _unknown_iss(apart: Apart, mine: Sequence[Connection], named: Connection | None) -> None:
    near = next((one for one in mine if _loosely(one.iss) == _loosely(apart.iss)), None)
    if near is None:
        words = _("No connection of your organisation has the FHIR base URL “%(iss)s”.") % {"iss": piece(apart.iss)}
        remedy = _("Test launched with the production address, or the reverse, is the usual cause: compare it letter by letter.")
        if named is not None:
            remedy = _("“connection” names %(name)s (%(environment)s), whose FHIR base URL is %(iss)s.") % {
                "name": named.name,
                "environment": environment(named),
                "iss": named.iss,
            }
        apart.say(Level.STOPS, words, remedy)
        return
    words = _("“iss” is almost the FHIR base URL of %(name)s, but %(how)s.") % {"name": near.name, "how": _how(apart.iss, near.iss)}
    remedy = _("The two must be the same, character by character: it is %(iss)s in the connection.") % {"iss": near.iss}
    apart.say(Level.STOPS, words, remedy)


def _loosely(url: str) -> str:
    return re.sub(r"^https?://", "", unquote(url).casefold()).rstrip("/")


def _how(got: str, wanted: str) -> str:
    if got.rstrip("/") == wanted.rstrip("/"):
        return _("one ends with a slash and the other does not")
    if got.casefold() == wanted.casefold():
        return _("capital and small letters differ")
    if got.partition("://")[2] == wanted.partition("://")[2]:
        return _("one begins with http:// and the other with https://")
    return _("slashes, letters or encoding differ")


def environment(connection: Connection) -> str:
    """The environment in words."""
    return _("test") if connection.environment is Environment.TEST else _("production")


def _copy() -> str:
    return _("Copy the address from the connection's records page.")


def _whole() -> str:
    return _("Copy it in one piece.")
