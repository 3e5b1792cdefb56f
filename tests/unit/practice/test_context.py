"""The CONTEXT string of a launch record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.oauth.context import RESERVED, expand

VALUES = {"CSN": "1853", "PERFDEPID": "10501101", "EXTENSION;15354": "2026-11-21T10:30:00Z", "EMPTY": ""}


@pytest.mark.parametrize(
    ("template", "members", "remark"),
    [
        ("sessionId=%CSN%", {"sessionId": "1853"}, "one token"),
        ("sessionId=%CSN%&departmentId=%PERFDEPID%", {"sessionId": "1853", "departmentId": "10501101"}, "two"),
        ("d=%PERFDEPID;;; ; ;;NONE;%", {"d": "10501101"}, "a token with formatting"),
        ("d=%LOGINDEPTID;;; ; ;;NONE;%", {"d": "NONE"}, "its fallback when there is no value"),
        ("at=%EXTENSION;15354%", {"at": "2026-11-21T10:30:00Z"}, "an extension is known by its number"),
        ("at=%EXTENSION;1%", {"at": ""}, "another extension is not, and its number is no fallback"),
        ("x=%NOBODYKNOWS%", {"x": ""}, "an unknown token is empty"),
        ("x=a-%CSN%-b&fixed=yes", {"x": "a-1853-b", "fixed": "yes"}, "text around it stays"),
        ("access_token=mine&patient=other&x=1", {"x": "1"}, "the token answer's own members cannot be replaced"),
        ("&&=&novalue&", {}, "crumbs are left out"),
        ("", {}, "nothing"),
    ],
)
def test_a_context_string_becomes_members(template: str, members: dict[str, str], remark: str) -> None:
    assert expand(template, VALUES) == members, remark


@given(st.text(max_size=300))
def test_any_string_gives_members_that_replace_nothing(template: str) -> None:
    assert not RESERVED & set(expand(template, VALUES))
