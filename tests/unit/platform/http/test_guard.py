"""Which addresses may be connected to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.platform.http.guard import Policy, Refused, classify, judge

FORBIDDEN = [
    # address, what it is
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::1", "loopback"),
    ("0.0.0.0", "unspecified"),  # the address that bypassed coturn's ban (CVE-2020-26262)
    ("0.1.2.3", "private"),
    ("::", "unspecified"),
    ("10.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("fc00::1", "private"),
    ("fdff::1", "private"),
    ("100.64.0.1", "reserved"),  # carrier-grade NAT
    ("169.254.0.1", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "scoped"),
    ("169.254.169.254", "metadata"),
    ("169.254.170.2", "metadata"),
    ("168.63.129.16", "metadata"),
    ("100.100.100.200", "metadata"),
    ("192.0.0.192", "metadata"),
    ("fd00:ec2::254", "metadata"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("ff02::1", "multicast"),
    ("240.0.0.1", "private"),
    ("255.255.255.255", "private"),
    ("192.0.2.1", "private"),  # documentation
    ("198.51.100.1", "private"),
    ("203.0.113.1", "private"),
    ("198.18.0.1", "reserved"),  # benchmarking
    ("192.88.99.1", "reserved"),
    ("2001:db8::1", "reserved"),
    ("3fff::1", "reserved"),
    ("5f00::1", "reserved"),
    ("4000::1", "reserved"),
    ("fec0::1", "site-local"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:7f00:1", "IPv4-mapped"),
    ("::ffff:8.8.8.8", "IPv4-mapped"),  # even a public one: nobody publishes it so
    ("::ffff:0:7f00:1", "IPv4-translated"),
    ("::127.0.0.1", "IPv4-compatible"),
    ("::169.254.169.254", "IPv4-compatible"),
    ("64:ff9b::7f00:1", "NAT64"),
    ("64:ff9b::169.254.169.254", "NAT64"),
    ("64:ff9b:1::a00:1", "NAT64"),
    ("2002:7f00:1::", "6to4"),
    ("2002:a9fe:a9fe::1", "6to4"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
    ("2620:1ec:c11::5efe:a00:1", "ISATAP"),
]
NUMBERS_NOBODY_MEANS = [
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.",
    " 127.0.0.1",
    "localhost",
    "",
    "[::1]",
    "1.2.3.4/32",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "192.167.255.255", "11.0.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1"]


@pytest.mark.parametrize(("address", "kind"), FORBIDDEN)
def test_the_internet_policy_refuses_and_says_what_it_was(address: str, kind: str) -> None:
    with pytest.raises(Refused, match=kind):
        judge(address, Policy())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    judge(address, Policy())


@pytest.mark.parametrize("text", NUMBERS_NOBODY_MEANS)
def test_what_is_not_a_plain_address_is_refused_under_every_policy(text: str) -> None:
    with pytest.raises(Refused):
        judge(text, Policy(loopback=True, networks=(ip_network("0.0.0.0/0"),)))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_passes_only_when_allowed(address: str) -> None:
    judge(address, Policy(loopback=True))
    judge(address, Policy(public=False, loopback=True))


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "::127.0.0.1", "0.0.0.0", "::", "2002:7f00:1::", "64:ff9b::7f00:1"])
def test_allowing_loopback_allows_only_its_plain_spelling(address: str) -> None:
    with pytest.raises(Refused):
        judge(address, Policy(loopback=True))


def test_plain_http_reaches_loopback_and_nothing_else() -> None:
    with pytest.raises(Refused, match="public"):
        judge("8.8.8.8", Policy(public=False, loopback=True))


def test_a_named_network_opens_itself_and_no_other() -> None:
    policy = Policy(networks=(ip_network("10.20.0.0/16"),))
    judge("10.20.3.4", policy)
    for other in ("10.21.0.1", "::ffff:10.20.3.4", "127.0.0.1"):
        with pytest.raises(Refused):
            judge(other, policy)


def test_not_even_a_named_network_opens_the_metadata_service() -> None:
    with pytest.raises(Refused, match="metadata"):
        judge("169.254.169.254", Policy(networks=(ip_network("169.254.0.0/16"),)))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_that_is_not_global_is_called_public(ip: IPv4Address) -> None:
    if classify(ip) == "public":
        assert ip.is_global
        assert not any((ip.is_private, ip.is_loopback, ip.is_link_local, ip.is_multicast, ip.is_reserved, ip.is_unspecified))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_passes_in_ipv6_clothes(ip: IPv4Address) -> None:
    number = int(ip)
    wrapped = [number, 0xFFFF << 32 | number, 0xFFFF << 48 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
    for value in wrapped:
        dressed = IPv6Address(value)
        if value > 1:  # :: and ::1 are themselves
            assert classify(dressed) != "public"
            with pytest.raises(Refused):
                judge(str(dressed), Policy(loopback=True))


@given(st.ip_addresses(v=6))
def test_public_ipv6_is_global_unicast(ip: IPv6Address) -> None:
    if classify(ip) == "public":
        assert ip in ip_network("2000::/3")
        assert ip.is_global


@given(st.text(max_size=60))
def test_any_text_is_judged_without_another_error(text: str) -> None:
    try:
        judge(text, Policy())
    except Refused:
        return
    assert classify(IPv6Address(text) if ":" in text else IPv4Address(text)) == "public"
