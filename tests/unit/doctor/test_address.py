"""An address that somebody typed: every trick has its own refusal, nothing raises, and what is refused is never called."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vestibule.doctor.address import judged
from vestibule.doctor.hosts import punycode
from vestibule.doctor.model import Level, shown
from vestibule.platform.http.target import parse

GOOD = "https://ehr.alder.example/interconnect/api/FHIR/R4"

# What is typed, and the code of the finding that stops it.
REFUSED = [
    ("", "url-empty"),
    ("https://ehr.example/" + "a" * 10_000, "url-too-long"),
    (" https://ehr.example/R4", "url-space"),
    ("https://ehr.example/R4\n", "url-space"),
    ("https://ehr.example/\tR4", "url-space"),
    ("https://ehr.example/\u00a0R4", "url-space"),
    ("https://ehr.example/\x00", "url-invisible"),
    ("https://ehr\u200b.example/R4", "url-invisible"),  # a zero-width space
    ("https://ehr.example/\u202e4R", "url-invisible"),  # right-to-left override
    ("https://ehr\u00ad.example/R4", "url-invisible"),  # a soft hyphen
    ("https://ehr.example\\@evil.example/R4", "url-backslash"),
    ("https:\\\\ehr.example", "url-backslash"),
    ("ehr.example/R4", "url-malformed"),
    ("https:/ehr.example", "url-malformed"),
    ("https:///ehr.example", "url-malformed"),
    ("https://", "url-malformed"),
    ("https://:443/R4", "url-malformed"),
    ("//ehr.example/R4", "url-malformed"),
    ("https://[::1", "url-malformed"),
    ("https://[fe80::1%25eth0]/R4", "url-malformed"),
    ("https://ehr..example/R4", "url-malformed"),
    ("https://-ehr.example/R4", "url-malformed"),
    ("https://ehr%2eexample/R4", "url-malformed"),
    ("https://ehr,example/R4", "url-malformed"),
    ("javascript://ehr.example/%0aalert(1)", "url-scheme"),
    ("file:///etc/passwd", "url-malformed"),
    ("ftp://ehr.example/R4", "url-scheme"),
    ("gopher://127.0.0.1:6379/_x", "url-scheme"),
    ("http://ehr.example/R4", "url-plain-http"),
    ("http://10.0.0.1/R4", "url-plain-http"),
    ("https://ehr.example@evil.example/R4", "url-user"),
    ("https://user:hunter2@ehr.example/R4", "url-user"),
    ("https://@ehr.example/R4", "url-user"),
    ("https://ehr.example/R4#@evil.example", "url-fragment"),
    ("https://ehr.example#", "url-fragment"),
    ("https://ehr.example/R4?x=1", "url-query"),
    ("https://ehr.example?", "url-query"),
    ("https://ehr.example./R4", "url-trailing-dot"),
    ("https://127.1/R4", "url-number-host"),
    ("https://2130706433/R4", "url-number-host"),
    ("https://0177.0.0.1/R4", "url-number-host"),
    ("https://0x7f.0.0.1/R4", "url-number-host"),
    ("https://0x7f000001/R4", "url-number-host"),
    ("https://127.0.0.0x1/R4", "url-number-host"),
    ("https://1.2.3.4.5/R4", "url-number-host"),
    ("https://ehr.example.123/R4", "url-number-host"),
    ("https://999.1.1.1/R4", "url-malformed"),
    ("https://ehr.example:0/R4", "url-port-impossible"),
    ("https://ehr.example:65536/R4", "url-port-impossible"),
    ("https://ehr.example:/R4", "url-port-impossible"),
    ("https://ehr.example:abc/R4", "url-port-impossible"),
    ("https://ehr.example:-1/R4", "url-port-impossible"),
    ("https://ehr.example:99999999999999999999/R4", "url-port-impossible"),
    ("https://ehr.example:22/R4", "url-port-not-web"),
    ("https://ehr.example:5432/R4", "url-port-not-web"),
    ("https://ehr.example:6379/R4", "url-port-not-web"),
    ("https://ehr.example/a/../R4", "url-path"),
    ("https://ehr.example//R4", "url-path"),
    ("https://ehr.example/%2e%2e/R4", "url-path"),
    ("https://ehr.example/a%2FR4", "url-path"),
    ("https://ehr.example/%00", "url-path"),
    ("https://ehr.example/R4/metadata", "url-not-base"),
    ("https://ehr.example/R4/.well-known/smart-configuration", "url-not-base"),
    ("https://ehr.example/oauth2/authorize", "url-not-base"),
    ("https://eрic.example/R4", "url-look-alike"),  # noqa: RUF001  a Cyrillic er
    ("https://еріс.example/R4", "url-look-alike"),  # noqa: RUF001  Cyrillic from end to end
    ("https://ερις.example/R4", "url-not-ascii"),
    ("https://εhr.example/R4", "url-look-alike"),  # two alphabets in one label
    ("https://ｅｐｉｃ.example/R4", "url-look-alike"),  # noqa: RUF001  full width
    ("https://ehr。example/R4", "url-look-alike"),  # a dot that is none
    ("https://ehr.example∕R4.evil.example", "url-look-alike"),  # noqa: RUF001  a slash that is none
    ("https://xn--eic-0ed.example/R4", "url-look-alike"),  # the same as the first, in its true name
    ("https://klinik-münchen.example/R4", "url-not-ascii"),
    ("https://病院.example/R4", "url-not-ascii"),
]


@pytest.mark.parametrize(("typed", "code"), REFUSED, ids=lambda value: value[:50].encode("ascii", "backslashreplace").decode())
def test_every_trick_has_its_own_refusal(typed: str, code: str) -> None:
    address = judged(typed)
    last = address.findings[-1]
    assert (last.code, last.level, address.url) == (code, Level.STOPS, "")
    assert last.what
    assert last.remedy


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        (GOOD, []),
        ("https://fhir-ehr-code.cerner.com/r4/ec2458f2-1e24-41c8-b71b-0e701af7583d", []),
        ("https://ehr.example", []),
        ("https://8.8.8.8/R4", []),
        ("https://[2606:4700::1111]/R4", []),
        ("https://ehr.example:443/R4", []),
        ("https://ehr.example:8443/R4", ["url-port-unusual"]),
        ("https://EHR.example/R4", ["url-capitals"]),
        ("https://ehr.example/R4/", ["url-slash"]),
        ("https://xn--klinik-mnchen-ilb.example/R4", ["url-punycode"]),
        ("https://Ehr.example:8443/R4/", ["url-capitals", "url-port-unusual", "url-slash"]),
        # Numbers and private names are left to the door, which judges what they resolve to.
        ("https://127.0.0.1/R4", []),
        ("https://[::ffff:127.0.0.1]/R4", []),
    ],
)
def test_what_is_only_odd_may_be_called(typed: str, codes: list[str]) -> None:
    address = judged(typed)
    assert ([finding.code for finding in address.findings], address.url) == (codes, typed)
    assert all(finding.level is Level.LOOK for finding in address.findings)


@pytest.mark.parametrize(
    ("typed", "fine"), [("http://localhost:4000/R4", True), ("http://127.0.0.1/R4", True), ("http://a.example/R4", False)]
)
def test_plain_http_is_for_this_machine_and_only_where_the_setting_says_so(typed: str, fine: bool) -> None:
    assert bool(judged(typed, loopback_http=True).url) is fine
    assert not judged(typed).url


def test_a_password_in_an_address_is_not_repeated() -> None:
    for finding in judged("https://user:hunter2@ehr.example/R4").findings:
        assert "hunter2" not in finding.what + finding.remedy


def test_a_look_alike_is_shown_with_what_it_looks_like_and_its_true_name() -> None:
    finding = judged("https://eрic.example/R4").findings[-1]  # noqa: RUF001  a Cyrillic er
    assert "epic.example" in finding.what
    assert "xn--eic-0ed.example" in finding.what
    assert finding.what.isascii()


def test_punycode_is_what_dns_says() -> None:
    assert punycode("klinik-münchen.example") == "klinik-münchen.example".encode("idna").decode()


HOSTILE = st.text(st.one_of(st.sampled_from("htps:/@#?\\.[]%0x127éер。∕\u200b \n-"), st.characters()), max_size=60)  # noqa: RUF001


@given(HOSTILE | HOSTILE.map("https://".__add__) | HOSTILE.map("https://xn--".__add__) | HOSTILE.map("https://a@".__add__))
@example("https://xn--99999999.example")
@example("https://[::::::]/")
@example("https://\ud800.example/")
@example("HTTPS://[v1.x]:1/")
def test_nothing_that_is_typed_raises_and_what_may_be_called_means_one_machine(typed: str) -> None:
    address = judged(typed)
    if not address.url:
        assert address.findings[-1].level is Level.STOPS
        return
    target = parse(address.url)
    authority = typed.partition("://")[2].partition("/")[0].lower()
    assert typed.isascii()
    assert authority.partition(":")[0] == target.host or authority.startswith("[")
    assert not set(typed) & set("@?#\\ \t\r\n")


@given(st.text())
def test_what_is_shown_is_short_printable_ascii(text: str) -> None:
    told = shown(text)
    assert told.isascii()
    assert told.isprintable() or not told
    assert len(told) <= 130
    assert not set(told) & set('<>"`')
