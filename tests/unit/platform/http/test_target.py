"""URLs are understood in one way or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from vestibule.platform.http.target import BadUrl, Target, join, origin_of, parse

UNDERSTOOD = [
    # as written, origin, path
    ("https://ehr.example/FHIR/R4", "https://ehr.example", "/FHIR/R4"),
    ("HTTPS://EHR.Example.:443/x", "https://ehr.example", "/x"),
    ("https://ehr.example", "https://ehr.example", "/"),
    ("https://ehr.example?x=1", "https://ehr.example", "/?x=1"),
    ("https://ehr.example/x#frag@evil", "https://ehr.example", "/x"),
    ("https://ehr.example/Patient?identifier=sys|1", "https://ehr.example", "/Patient?identifier=sys%7C1"),
    ("https://ehr.example/@evil.example", "https://ehr.example", "/@evil.example"),
    ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080", "/x"),
    ("http://[::1]:8080/x", "http://[::1]:8080", "/x"),
    ("https://[2606:4700:0000::1111]/", "https://[2606:4700::1111]", "/"),
    ("https://xn--e1afmkfd.example/", "https://xn--e1afmkfd.example", "/"),
    ("https://my_host.internal:1/", "https://my_host.internal:1", "/"),
]
REFUSED = [
    ("", "nothing"),
    ("ehr.example/x", "no scheme"),
    ("//ehr.example/x", "no scheme"),
    ("ftp://ehr.example/", "another scheme"),
    ("file:///etc/passwd", "another scheme"),
    ("gopher://127.0.0.1:6379/_x", "another scheme"),
    ("https:ehr.example", "no slashes"),
    ("https:///ehr.example", "empty host"),
    ("https://good.example@evil.example/", "userinfo"),
    ("https://good.example:443@evil.example/", "userinfo with a port"),
    ("https://user:pass@ehr.example/", "userinfo"),
    ("https://good.example\\@evil.example/", "a backslash parsers disagree about"),
    ("https://good.example\\.evil.example/", "backslash"),
    ("https://good.example\t.evil.example/", "a tab some parsers drop"),
    ("https://good.example/\r\nHost: evil", "header injection"),
    ("https://good.example/a b", "a space"),
    (" https://good.example/", "leading space"),
    ("https://good.example/ä", "not ASCII"),
    ("https://g\u043e\u043ed.example/", "Cyrillic letters that look Latin"),
    ("https://ⓛocalhost/", "circled letter that folds to l"),
    ("https://127。0。0。1/", "ideographic full stops"),
    ("https://\uff11\uff12\uff17.0.0.1/", "full-width digits"),
    ("https://good%2eexample/", "percent in the host"),
    ("https://2130706433/", "decimal loopback"),
    ("https://0x7f000001/", "hex loopback"),
    ("https://0x7f.0.0.1/", "hex octet"),
    ("https://0177.0.0.1/", "octal octet"),
    ("https://127.1/", "short loopback"),
    ("https://127.0.0.01/", "leading zero"),
    ("https://1.2.3.4.5/", "too many octets"),
    ("https://256.0.0.1/", "octet too large"),
    ("https://evil.example.1/", "ends in a number"),
    ("https://127.0.0.1../", "two trailing dots"),
    ("https://a..b/", "empty label"),
    ("https://.a/", "empty label"),
    ("https://-a.example/", "label starts with a hyphen"),
    ("https://a-.example/", "label ends with a hyphen"),
    (f"https://{'a' * 64}.example/", "label too long"),
    (f"https://{'a.' * 127}example/", "host too long"),
    ("https://[::1/", "unclosed bracket"),
    ("https://[::1]x/", "text after the bracket"),
    ("https://[fe80::1%25eth0]/", "zone"),
    ("https://[v1.x]/", "IPvFuture"),
    ("https://[1.2.3.4]/", "IPv4 in brackets"),
    ("https://ehr.example:0/", "port 0"),
    ("https://ehr.example:65536/", "port too large"),
    ("https://ehr.example:+80/", "signed port"),
    ("https://ehr.example:/", "empty port"),
    ("https://ehr.example:8\u0660/", "Arabic digit"),
    ("https://ehr.example/" + "a" * 9000, "too long"),
]


@pytest.mark.parametrize(("url", "origin", "path"), UNDERSTOOD)
def test_a_plain_url_is_taken_apart(url: str, origin: str, path: str) -> None:
    target = parse(url)
    assert (target.origin, target.path) == (origin, path)


@pytest.mark.parametrize(("url", "why"), REFUSED)
def test_an_odd_url_is_refused(url: str, why: str) -> None:
    with pytest.raises(BadUrl):
        parse(url)


def test_the_reason_never_repeats_the_url() -> None:
    with pytest.raises(BadUrl) as refused:
        parse("https://SECRET@SECRET/")
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    "other",
    [
        "https://ehr.good.example.evil.example/FHIR",  # the prefix that leaked HAPI's tokens (CVE-2026-34359)
        "https://ehr.good.example.evil/",
        "http://ehr.good.example/FHIR",
        "https://ehr.good.example:444/FHIR",
        "https://ehr.good.exampl/",
        "https://xehr.good.example/",
    ],
)
def test_origins_are_equal_or_different_never_alike(other: str) -> None:
    assert origin_of(other) != origin_of("https://ehr.good.example/FHIR")


@pytest.mark.parametrize("same", ["https://EHR.good.example/other", "https://ehr.good.example.:443/", "HTTPS://ehr.good.example"])
def test_spellings_of_one_origin_are_one_origin(same: str) -> None:
    assert origin_of(same) == "https://ehr.good.example"


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b", "https://ehr.example/b"),
        ("b?x=1", "https://ehr.example/a/b?x=1"),
        ("//other.example/b", "https://other.example/b"),
        ("../b", "https://ehr.example/b"),
        ("", "https://ehr.example/a/x"),
    ],
)
def test_a_location_is_joined_as_rfc_3986_says(location: str, leads_to: str) -> None:
    assert join(parse("https://ehr.example/a/x"), location).url == leads_to


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)", "https://a@b/", "//[::1", "data:,x", "http://2130706433/", "//e\tvil.example/", "/ä"]
)
def test_a_bad_location_is_refused(location: str) -> None:
    with pytest.raises(BadUrl):
        join(parse("https://ehr.example/a/x"), location)


@given(st.text(max_size=80))
def test_any_text_is_understood_or_refused(text: str) -> None:
    for url in (text, "https://" + text, "http://127.0.0.1" + text):
        try:
            target = parse(url)
        except BadUrl:
            continue
        assert parse(target.url) == target


HOSTILE = st.text(alphabet="ab.:/@\\#?%[]0127x \t\r\n-_", max_size=40)


@given(HOSTILE)
def test_the_client_library_goes_to_the_very_host_that_was_judged(text: str) -> None:
    try:
        target = parse("https://" + text)
    except BadUrl:
        return
    seen = URL(target.url, encoded=True)
    assert (seen.scheme, seen.raw_host, seen.port) == (target.scheme, target.host, target.port)
    assert seen.user is None


def test_a_numeric_host_is_known_as_one() -> None:
    assert parse("https://1.2.3.4/").numeric
    assert parse("https://[::1]/").numeric
    assert not Target("https", "a1.example", 443, "/").numeric
