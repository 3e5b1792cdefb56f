"""Host names that are not what they seem: letters of several alphabets, letters that look like others, and their punycode. Pure."""

from __future__ import annotations

import unicodedata

from vestibule.doctor.model import Finding, look, shown, stops

# Letters that a reader takes for ASCII ones (Unicode TR 39, the common part of its table).
_LOOKS_LIKE = str.maketrans(
    {
        **dict(zip("аеорсухіјѕԁһԛԝӏѵᴀ", "aeopcyxijsdhqwlva", strict=True)),
        **dict(zip("кмнтвгп", "kmhtbrn", strict=True)),
        **dict(zip("αονρτυικχγ", "aovptuikxy", strict=True)),
        **dict(zip("ıȷɑɡ", "ijag", strict=True)),
        **dict(zip("։։⁄∕／。．｡‐‑‒–", "::///...----", strict=True)),  # noqa: RUF001  what looks like punctuation of a URL
    }
)
_XN = "xn--"


def judged_host(host: str) -> Finding | None:
    """What is odd about a host name's letters; None when they are all plain."""
    if host.isascii() and _XN not in host.lower():
        return None
    read = ".".join(_read(label) for label in host.lower().split("."))
    coded = punycode(read)
    likeness = _likeness(read)
    if likeness:
        what = f"The host name only looks like {shown(likeness)}: its letters are others, and its true name is {shown(coded)}."
        return stops("url-look-alike", what, "Type the address by hand, or have it confirmed by the record's operator by telephone.")
    if not host.isascii():
        what = f"The host name has letters beyond a to z. Its true name is {shown(coded)}."
        return stops("url-not-ascii", what, "If that is your record, enter the true name.")
    what = f"The host name {shown(host)} is read as {_names(read)}."
    return look("url-punycode", what, "Make sure that this is your record's name.")


def punycode(host: str) -> str:
    """The name as DNS knows it; letters that cannot be in a name are spelled out."""
    return ".".join(_coded(label) for label in host.split("."))


def _coded(label: str) -> str:
    if label.isascii():
        return label
    return _XN + unicodedata.normalize("NFKC", label).encode("punycode", "replace").decode("ascii", "replace")


def _read(label: str) -> str:
    """What a reader would be shown."""
    if not label.startswith(_XN):
        return label
    try:
        return label[len(_XN) :].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


def _likeness(read: str) -> str:
    """What the name would be taken for: its skeleton, when that is plain, or the first label of several alphabets."""
    skeleton = unicodedata.normalize("NFKC", read.translate(_LOOKS_LIKE)).translate(_LOOKS_LIKE)
    if read.isascii():
        return ""
    if skeleton.isascii():
        return skeleton
    return next((label for label in read.split(".") if len(_alphabets(label)) > 1), "")


def _alphabets(label: str) -> set[str]:
    return {unicodedata.name(c, "UNKNOWN").split()[0] for c in label if c.isalpha()} - {"MODIFIER"}


def _names(read: str) -> str:
    """The alphabets' letters by name, since the letters themselves may mislead."""
    odd = [unicodedata.name(c, "an unnamed letter").lower() for c in read if not c.isascii()]
    return f"a name with {', '.join(odd[:4])}" if odd else "it stands"
