"""How the Teams app is asked to open a meeting."""

from __future__ import annotations

import pytest

from vestibule.meetings.routes import app_address


@pytest.mark.parametrize(
    ("join", "app"),
    [
        (
            "https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0?context=%7b%22Tid%22%3a%22t%22%7d",
            "msteams:/l/meetup-join/19%3ameeting_x%40thread.v2/0?context=%7b%22Tid%22%3a%22t%22%7d",
        ),
        ("https://teams.microsoft.com/meet/123?p=abc", "msteams:/meet/123?p=abc"),
        ("http://localhost:8081/teams/meetup-join/1", "msteams:/teams/meetup-join/1"),
        ("https://teams.microsoft.com/l/x#fragment", "msteams:/l/x"),
    ],
)
def test_the_apps_address_is_the_path_under_its_own_scheme(join: str, app: str) -> None:
    assert app_address(join) == app
