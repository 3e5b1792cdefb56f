"""Which headers go out and which come in. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from multidict import CIMultiDictProxy

from vestibule.platform.http.body import ACCEPT_ENCODING

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)  # RFC 9110 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e]{0,8000}", re.ASCII)
# These belong to the door: they say how the message is framed, to whom, or carry state we do not keep.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})
# Cookies are not ours to keep; the rest described the body on the wire, not the one handed over.
_DROPPED = frozenset({"set-cookie", "set-cookie2", "content-encoding", "content-length", "transfer-encoding"})


def checked(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers to send, names in lower case; ValueError when a name or value could be read as more than one header."""
    if not _TOKEN.fullmatch(method):
        raise ValueError("its method is malformed")
    out = {"user-agent": "Vestibule", "accept-encoding": ACCEPT_ENCODING}
    for name, value in headers.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("a header is malformed")
        if lower in _OURS:
            raise ValueError(f"the header {lower} is not the caller's to set")
        out[lower] = value
    return out


def carried_to_another_origin(headers: Mapping[str, str]) -> dict[str, str]:
    """What a redirect may carry to somebody else. An allow-list, because any header of ours may be a secret."""
    return {name: value for name, value in headers.items() if name in _HARMLESS or name == "accept-encoding"}


def incoming(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """An answer's headers, names in lower case, repeated ones joined (RFC 9110 5.3), cookies left out."""
    out: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower not in _DROPPED:
            out[lower] = f"{out[lower]}, {value}" if lower in out else value
    return out
