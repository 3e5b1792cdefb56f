"""The JSON reader: what it refuses, and that it reads everything else as the standard library does."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.jsontext import JsonError, read_json, read_object

CLEAN = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | CLEAN,
    lambda inner: st.lists(inner) | st.dictionaries(CLEAN, inner),
    max_leaves=30,
)


@given(VALUES)
def test_it_reads_what_the_standard_library_wrote(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200) | st.text('{}[]",:\\u0d8NaN1e9 ').map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_json(data)
    except JsonError as refused:
        assert refused.reason in {"size", "depth", "duplicate", "number", "encoding", "syntax"}  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a":1,"a":1}', "duplicate"),
        (b'{"a":1,"\\u0061":2}', "duplicate"),  # the same name in another spelling
        (b'[{"x":{"a":1,"a":1}}]', "duplicate"),
        (b"NaN", "number"),
        (b"[-Infinity]", "number"),
        (b"1e999", "number"),
        (b"9" * 5000, "syntax"),
        (b'"\xff"', "encoding"),
        (b'"\\ud800"', "encoding"),
        (b'{"\\udfff":1}', "encoding"),
        (b"", "syntax"),
        (b"{'a':1}", "syntax"),
        (b"[1,]", "syntax"),
        (b"{} {}", "syntax"),
        (b'"a\nb"', "syntax"),
        ("{}".encode("utf-16"), "encoding"),
        (b"[" * 65 + b"]" * 65, "depth"),
        (b"[" * 100_000, "depth"),
        (b'{"a":' * 100_000, "depth"),
        (b" " * 1_000_001, "size"),
    ],
)
def test_it_refuses(text: bytes, reason: str) -> None:
    with pytest.raises(JsonError) as caught:
        read_json(text)
    assert caught.value.reason == reason


def test_the_limit_of_depth_is_exact() -> None:
    assert read_json(b"[" * 64 + b"]" * 64)


@pytest.mark.parametrize("text", [b'"\\ud83d\\ude00"', "\ufeff{}".encode(), b'"\\u0000"'])
def test_it_reads_a_pair_of_surrogates_a_byte_order_mark_and_nul(text: bytes) -> None:
    assert read_json(text) in ("😀", {}, "\0")


@pytest.mark.parametrize("text", [b"[]", b"1", b'"a"', b"null"])
def test_an_object_is_an_object(text: bytes) -> None:
    with pytest.raises(JsonError):
        read_object(text)


@pytest.mark.parametrize("text", [b"[" * 499_999, b"[" + b"[]," * 333_000 + b"1]", b'{"a":' * 190_000, b'"' + b"\\u0041" * 160_000 + b'"'])
def test_a_megabyte_of_malice_takes_no_long_time(text: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(JsonError):
        read_json(text)
    assert time.process_time() - began < 2.0  # CPU seconds; a quadratic reader would need minutes
