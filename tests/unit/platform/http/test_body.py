"""A body is counted after inflating, and never inflated further than the limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.platform.http.body import Body, BodyBroken, BodyTooLarge


def collect(encoding: str, wire: bytes, *, limit: int = 1_000_000, step: int = 100) -> bytes:
    body = Body(encoding, limit)
    for at in range(0, len(wire), step):
        body.feed(wire[at : at + step])
    return body.finish()


@given(st.binary(max_size=5_000), st.integers(1, 700), st.sampled_from(["", "identity", "gzip", "x-gzip", "deflate", " GZip "]))
def test_what_was_packed_comes_out_however_it_was_cut(data: bytes, step: int, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}.get(encoding.strip().lower(), bytes)
    assert collect(encoding, pack(data), step=step) == data


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6), st.integers(1, 50))
def test_several_gzip_members_are_one_body(parts: list[bytes], step: int) -> None:
    assert collect("gzip", b"".join(map(gzip.compress, parts)), step=step) == b"".join(parts)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, bytes)
    assert len(collect(encoding, pack(bytes(5_000)), limit=5_000)) == 5_000
    with pytest.raises(BodyTooLarge):
        collect(encoding, pack(bytes(5_001)), limit=5_000)


def test_a_bomb_of_one_to_a_thousand_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(200_000_000), mtime=0)
    assert len(bomb) * 900 < 200_000_000
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        collect("gzip", bomb, step=65_536)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_endless_empty_members_count_as_bytes_on_the_wire() -> None:
    with pytest.raises(BodyTooLarge):
        collect("gzip", gzip.compress(b"", mtime=0) * 10_000, limit=10_000)


@pytest.mark.parametrize(
    ("encoding", "wire"),
    [
        ("br", b"anything"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0)),
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(b"cut off in the middle" * 50, mtime=0)[:-9]),
        ("gzip", gzip.compress(b"x", mtime=0) + b"trailing rubbish"),
        ("deflate", b"\xff" * 20),
    ],
)
def test_a_lie_about_the_compression_is_told(encoding: str, wire: bytes) -> None:
    with pytest.raises(BodyBroken):
        collect(encoding, wire)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_rubbish_is_refused_or_read_never_anything_else(wire: bytes, encoding: str) -> None:
    try:
        collect(encoding, wire, limit=1_000)
    except (BodyBroken, BodyTooLarge):
        return


def test_no_body_is_an_empty_body_whatever_its_encoding() -> None:
    assert Body("gzip", 10).finish() == b""
