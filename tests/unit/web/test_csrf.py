"""Which requests count as our own pages'."""

from __future__ import annotations

import pytest

from vestibule.errors import NotAllowed
from vestibule.platform.web.csrf import check, check_websocket

OURS = "https://visits.example"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_is_allowed_from_anywhere(method: str) -> None:
    check(method, {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, OURS)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": OURS},  # a browser before Sec-Fetch-Site
        {"origin": OURS, "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin"},
        {"origin": "null", "sec-fetch-site": "same-origin"},  # a form on a page whose referrer policy hides the origin
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_doing_is_allowed_from_our_own_pages(method: str, headers: dict[str, str]) -> None:
    check(method, headers, OURS)


@pytest.mark.parametrize(
    "headers",
    [
        {},  # says nothing
        {"origin": "https://evil.example"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": OURS, "sec-fetch-site": "cross-site"},
        {"origin": OURS, "sec-fetch-site": "same-site"},  # a neighbour under the same domain
        {"origin": OURS, "sec-fetch-site": "none"},
        {"origin": "null"},  # a sandboxed frame, or a form of a page that hides where it is
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": "http://visits.example"},
        {"origin": "https://visits.example:8443"},
        {"origin": "https://visits.example.evil.example"},
        {"origin": "https://visits.example "},
        {"origin": "HTTPS://VISITS.EXAMPLE"},  # browsers write it in lower case; anything else was not a browser
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"referer": "https://visits.example/"},  # a referrer proves nothing
    ],
)
def test_doing_is_refused_from_anywhere_else(headers: dict[str, str]) -> None:
    with pytest.raises(NotAllowed) as refused:
        check("POST", headers, OURS)
    assert refused.value.code == "cross-site-request"


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://visits.example", ""])
def test_a_websocket_must_name_our_origin_exactly(origin: str | None) -> None:
    with pytest.raises(NotAllowed):
        check_websocket({} if origin is None else {"origin": origin}, OURS)
    check_websocket({"origin": OURS}, OURS)
