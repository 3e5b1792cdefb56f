"""Cross-site requests are refused by what the browser itself says: Origin and Sec-Fetch-Site. No tokens to forget, no state.

Our session cookies are SameSite=None because they must work inside an EHR's frame, so this check is what stands between a
stranger's page and a signed-in person. Browsers send Origin with every unsafe method and every WebSocket handshake.
"""

from __future__ import annotations

from collections.abc import Mapping

from vestibule.errors import NotAllowed

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def check(method: str, headers: Mapping[str, str], origin: str) -> None:
    """Let safe methods pass; anything else must come from our own origin.

    Args:
        method: upper case.
        headers: lower-case names.
        origin: ours.

    Raises:
        NotAllowed: it came from elsewhere, or does not say where from.
    """
    if method in SAFE or _is_program(headers):
        return
    said, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site not in {None, "same-origin"}:
        raise _refusal()
    # Pages cannot write Sec-Fetch-Site, so where it vouches, an absent or hidden Origin (`null`) is no reason to refuse.
    if said != origin and not (site == "same-origin" and said in {None, "null"}):
        raise _refusal()


def _is_program(headers: Mapping[str, str]) -> bool:
    """A bearer token is never sent by a browser of its own accord, so nobody can be tricked into sending one."""
    return headers.get("authorization", "").lower().startswith("bearer ") and "cookie" not in headers


def check_websocket(headers: Mapping[str, str], origin: str) -> None:
    """A WebSocket handshake must name our own origin: it is a GET, but it opens a channel both ways.

    Raises:
        NotAllowed: it does not.
    """
    if headers.get("origin") != origin:
        raise _refusal()


def _refusal() -> NotAllowed:
    return NotAllowed("cross-site-request", "This request did not come from one of our own pages.", phase="web")
