"""MLLP framing: what senders do to a stream of bytes, and that the cuts of the network do not matter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestibule.protocols.mllp import Fault, FaultKind, Framer, frame, framing

MSH = b"MSH|^~\\&|A|B\rSCH|1\r"
MOST = 1000


def through(stream: bytes, size: int = 1 << 20, *, most: int = MOST) -> list[bytes | Fault]:
    """What comes out when a stream arrives in pieces of a size, and then ends."""
    framer = Framer(most)
    out: list[bytes | Fault] = []
    for at in range(0, len(stream), size):
        out += framer.feed(stream[at : at + size])
    return out + framer.end()


CUT, STRAY, TOO_LARGE = FaultKind.CUT, FaultKind.STRAY, FaultKind.TOO_LARGE


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(frame(MSH), [MSH], id="one message"),
        pytest.param(frame(MSH) * 3, [MSH] * 3, id="several, sent without waiting"),
        pytest.param(b"\r\n" + frame(MSH) + b"\n\n" + frame(MSH) + b"\r\n\x00 ", [MSH, MSH], id="line ends between blocks"),
        pytest.param(b"\x0b" + MSH + b"\x1c\n" + frame(MSH), [MSH, MSH], id="LF in place of the last CR"),
        pytest.param(b"\x0b" + MSH + b"\x1c" + frame(MSH), [MSH, MSH], id="no last CR"),
        pytest.param(b"\x0b" + MSH + b"\x1c", [MSH], id="no last CR, then silence"),
        pytest.param(b"\x0b" + MSH + frame(MSH), [MSH, MSH], id="no end, behind a whole segment"),
        pytest.param(b"\x0bMSH|cut in the mid" + frame(MSH), [CUT, MSH], id="no end, in the middle of a segment"),
        pytest.param(b"\x0bMSH|never ended", [CUT], id="the connection ended first"),
        pytest.param(frame(b"MSH|a\x0bb\x1cc\x0b\r"), [b"MSH|a\x0bb\x1cc\x0b\r"], id="the frame's bytes inside a text"),
        pytest.param(frame(b"MSH|x\x0b"), [b"MSH|x\x0b"], id="a text that ends in a start byte"),
        pytest.param(b"\x0b\x0b" + frame(MSH), [MSH], id="the start byte more than once"),
        pytest.param(frame(b"") + frame(b"\r") + frame(MSH), [MSH], id="empty blocks that keep a connection alive"),
        pytest.param(b"hello" + frame(MSH), [MSH], id="a few stray bytes"),
        pytest.param(b"x" * 1025 + frame(MSH), [STRAY, MSH], id="many stray bytes"),
        pytest.param(b"x" * 9000, [STRAY], id="nothing but stray bytes, told once"),
        pytest.param(MSH + b"\x1c\r" + frame(MSH), [STRAY, MSH], id="a message without a start byte"),
        pytest.param(MSH + frame(MSH), [STRAY, MSH], id="a message without a frame"),
        pytest.param(frame(b"MSH|" + b"y" * 2000) + frame(MSH), [TOO_LARGE, MSH], id="too large, then one that is not"),
        pytest.param(frame(b"MSH|" + b"y" * (MOST - 4)), [b"MSH|" + b"y" * (MOST - 4)], id="exactly as large as allowed"),
        pytest.param(frame(b"MSH|" + b"y" * (MOST - 3)), [TOO_LARGE], id="one byte more"),
        pytest.param(b"\x0bMSH|" + b"y" * 5000 + frame(MSH), [TOO_LARGE, MSH], id="too large and never ended"),
        pytest.param(frame(b"\xef\xbb\xbf" + MSH) * 2, [b"\xef\xbb\xbf" + MSH] * 2, id="a byte order mark"),
        pytest.param(
            b"\x0b" + MSH + b"\x0b\xef\xbb\xbf" + MSH + b"\x1c\r", [MSH, b"\xef\xbb\xbf" + MSH], id="no end before a byte order mark"
        ),
        pytest.param(frame("MSH|ü".encode("utf-16")), ["MSH|ü".encode("utf-16")], id="UTF-16"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_what_comes_out_does_not_depend_on_how_the_network_cut_it(stream: bytes, expected: list[bytes | FaultKind]) -> None:
    for size in (1, 2, 3, 7, 64, 1 << 20):
        got = [one.kind if isinstance(one, Fault) else one for one in through(stream, size)]
        assert got == expected, f"in pieces of {size}"


def test_a_fault_says_how_it_began_and_shows_none_of_it() -> None:
    (fault,) = through(frame(b"MSH|^~\\&|secret" + b"z" * 90_000), most=10_000)
    assert isinstance(fault, Fault)
    assert fault.head.startswith(b"MSH|^~\\&|secret")
    assert len(fault.head) == 4096
    assert "secret" not in repr(fault)


def test_of_what_is_too_large_nothing_is_kept() -> None:
    framer = Framer(MOST)
    framer.feed(b"\x0bMSH|")
    for _ in range(1000):
        framer.feed(b"z" * 1000)
        assert framer.held <= 2 * MOST
    assert framer.inside
    assert framer.feed(b"\x1c\r" + frame(MSH)) == [MSH]
    assert not framer.inside


def test_the_end_bytes_may_come_by_themselves() -> None:
    framer = Framer(MOST)
    assert framer.feed(b"\x0b" + MSH) == []
    assert framer.feed(b"\x1c") == []
    assert framer.feed(b"\r") == [MSH]


messages = st.binary(min_size=1, max_size=60).map(lambda raw: b"MSH|" + raw.replace(b"\x0b", b"").replace(b"\x1c", b""))
noise = st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\n\n\n", b" ", b"\x00"])


@given(st.lists(st.tuples(messages, noise), max_size=6), st.integers(1, 40))
def test_what_was_framed_comes_out_whole_and_in_order(pairs: list[tuple[bytes, bytes]], size: int) -> None:
    stream = b"".join(frame(one) + between for one, between in pairs)
    assert through(stream, size) == [one for one, _ in pairs]


pieces = st.sampled_from(
    [b"\x0b", b"\x1c", b"\r", b"\n", b"MSH", b"MSH|^~\\&|x\r", b"M", b"S", b"\xef\xbb\xbf", b"\xff\xfe", b"q" * 50, b""]
)


@settings(max_examples=300)
@given(st.lists(st.one_of(pieces, st.binary(max_size=8)), max_size=40).map(b"".join), st.integers(1, 9))
def test_any_stream_gives_the_same_in_any_pieces(stream: bytes, size: int) -> None:
    assert through(stream, size, most=60) == through(stream, most=60)


def test_every_byte_is_searched_once_however_small_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0

    class Counting:
        def search(self, buffer: bytearray, start: int) -> object:
            nonlocal searched
            match = real.search(buffer, start)
            searched += (match.end() if match else len(buffer)) - start
            return match

    real = framing._MARKS
    monkeypatch.setattr(framing, "_MARKS", Counting())
    for size in (1, 3, 1000):
        searched, body = 0, b"MSH|" + b"a\x0bb\x1cc" * 20_000
        assert through(frame(body), size, most=1 << 20) == [body]
        assert searched < 3 * len(body)
