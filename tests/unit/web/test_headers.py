"""What every answer tells the browser."""

from __future__ import annotations

import pytest

from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.headers import Headers, ancestors

HTTPS = Headers(WebConfig(origin="https://visits.example"))
LOOPBACK = Headers(WebConfig(origin="http://127.0.0.1:8080"))


def sent(headers: Headers, *, frames: tuple[str, ...] = (), own: list[tuple[bytes, bytes]] | None = None) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers.extend(own or [], frames)}


def directives(policy: str) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("default-src", "'none'"),
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("connect-src", "'self' wss://visits.example"),
        ("base-uri", "'none'"),
        ("form-action", "'self'"),
        ("frame-src", "'none'"),
        ("frame-ancestors", "'none'"),
    ],
)
def test_the_policy_allows_only_ourselves(directive: str, value: str) -> None:
    assert directives(sent(HTTPS)["content-security-policy"])[directive] == value


def test_the_policy_allows_nothing_inline_and_no_eval() -> None:
    assert "unsafe" not in sent(HTTPS)["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
    ],
)
def test_the_fixed_headers(name: str, value: str) -> None:
    assert sent(HTTPS)[name] == value


@pytest.mark.parametrize("feature", ["camera", "microphone", "display-capture"])
def test_our_own_pages_may_ask_for(feature: str) -> None:
    assert f"{feature}=(self)" in sent(HTTPS)["permissions-policy"].split(", ")


@pytest.mark.parametrize("feature", ["geolocation", "payment", "usb"])
def test_nobody_may_ask_for(feature: str) -> None:
    assert f"{feature}=()" in sent(HTTPS)["permissions-policy"].split(", ")


def test_https_is_remembered_only_where_it_is_used() -> None:
    assert "strict-transport-security" in sent(HTTPS)
    assert "strict-transport-security" not in sent(LOOPBACK)


def test_a_framed_page_names_its_record_and_sends_no_x_frame_options() -> None:
    headers = sent(HTTPS, frames=("https://ehr.example", "https://portal.example:8443"))
    assert directives(headers["content-security-policy"])["frame-ancestors"] == "'self' https://ehr.example https://portal.example:8443"
    assert "x-frame-options" not in headers


def test_what_an_answer_says_about_caching_stands() -> None:
    assert sent(HTTPS, own=[(b"Cache-Control", b"public")])["Cache-Control"] == "public"
    assert "cache-control" not in sent(HTTPS, own=[(b"Cache-Control", b"public")])


@pytest.mark.parametrize(
    ("origins", "value"),
    [
        ([], "'none'"),
        (["https://ehr.example"], "'self' https://ehr.example"),
        (["https://ehr.example; script-src *"], "'none'"),
        (["https://ehr.example\r\nSet-Cookie: x=1"], "'none'"),
        (["*"], "'none'"),
        (["'unsafe-inline'"], "'none'"),
        (["https://good.example", "https://a.example https://b.example"], "'self' https://good.example"),
    ],
)
def test_a_stored_origin_cannot_break_out_of_the_header(origins: list[str], value: str) -> None:
    assert ancestors(origins) == value
