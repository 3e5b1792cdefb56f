"""Who is a guest in a directory, by what an id_token says."""

from __future__ import annotations

from typing import Any

import pytest

from vestibule.adapters.meetings.teams.directory import is_guest

OWN, OTHER = "0a1de7c4-3b52-4f6e-9d10-5c2f8e7a4b01", "0b17c4d9-8e61-4a37-b2f5-91d06c3e7b02"
ISSUER = f"https://login.microsoftonline.com/{OWN}/v2.0"


@pytest.mark.parametrize(
    ("claims", "guest"),
    [
        ({}, False),
        ({"idp": ISSUER}, False),
        ({"idp": f"https://sts.windows.net/{OWN}/"}, False),
        ({"idp": f"https://sts.windows.net/{OTHER}/"}, True),
        ({"idp": "live.com"}, True),
        ({"idp": "mail"}, True),
        ({"acct": 0}, False),
        ({"acct": 1}, True),
        ({"acct": 1, "idp": ISSUER}, True),
        ({"acct": "1"}, False),
        ({"idp": 7}, False),
        ({"idp": ["live.com"]}, False),
    ],
)
def test_a_guest_is_somebody_for_whom_another_vouched(claims: dict[str, Any], guest: bool) -> None:
    assert is_guest(claims, ISSUER, OWN) is guest
