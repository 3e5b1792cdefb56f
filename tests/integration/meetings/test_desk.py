"""The pages about meetings without a browser: who may see them, what they keep, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from hashlib import sha1
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from support.house import House, Staff, house
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import new_id
from vestibule.meetings.desk import ROUTES
from vestibule.meetings.keys import KeyPurpose

ADMIN, AUDITOR, APPROVER = StaffRole.ADMINISTRATOR, StaffRole.AUDITOR, StaffRole.APPROVER
DIRECTORY, CLIENT = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-aaaaaaaaaaaa"
SECRET = "canary~secret~of~an~application"
EVIL = '"><script>window.pwned=1</script>'


@pytest.fixture
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


async def connect(who: Staff, *, revision: int = 0) -> int:
    """Ids and a secret; the revision then."""
    ids = {"directory": f" {DIRECTORY.upper()} ", "client_id": CLIENT, "revision": str(revision)}
    assert await who.post_form("meetings/application", ids) == (303, f"{who.base}/meetings/proof?told=saved")
    proof = {"proof": "secret", "secret": SECRET, "revision": str(revision + 1)}
    assert await who.post_form("meetings/proof", proof) == (303, f"{who.base}/meetings/permissions?told=saved")
    return revision + 2


async def test_who_sees_what(h: House) -> None:
    admin, auditor, approver = [await h.staff({role}) for role in (ADMIN, AUDITOR, APPROVER)]
    for path, statuses in {
        "meetings": (200, 200, 403),
        "meetings/use": (200, 200, 403),
        "meetings/application": (200, 403, 403),
        "meetings/proof": (200, 403, 403),
        "meetings/permissions": (200, 403, 403),
        "meetings/options": (200, 403, 403),
        "meetings/test": (200, 403, 403),
    }.items():
        assert tuple([(await who.get(path))[0] for who in (admin, auditor, approver)]) == statuses, path
    posts = [path for route in ROUTES for path in route.paths if "POST" in route.http_methods]
    assert len(posts) >= 8
    for path in posts:
        where = path.removeprefix("/s/{sid:uuid}/").replace("{key:str}", str(new_id()))
        if "people" not in where:
            assert (await auditor.post_form(where))[0] == 403, where
    assert "Use Microsoft Teams" not in (await auditor.get("meetings"))[1]


async def test_a_whole_connection_by_secret_then_the_switch_and_back(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    assert "New visits take place in the built-in room" in (await admin.get("meetings"))[1]
    assert await admin.post_form("meetings/kind", {"kind": "teams", "revision": "0"}) == (303, f"{admin.base}/meetings?told=missing")
    revision = await connect(admin)
    _, text = await admin.get("meetings/permissions")
    assert f"Connect-MicrosoftTeams -TenantId {DIRECTORY}" in text
    assert f"{DIRECTORY}/adminconsent?client_id={CLIENT}" in text
    options = {"default_host": CLIENT, "opens": "app", "teams_lobby": "yes", "revision": str(revision)}
    assert await admin.post_form("meetings/options", options) == (303, f"{admin.base}/meetings/test?told=saved")
    for kind, words in (("teams", "take place in Microsoft Teams"), ("room", "take place in the built-in room")):
        revision += 1
        assert await admin.post_form("meetings/kind", {"kind": kind, "revision": str(revision)}) == (
            303,
            f"{admin.base}/meetings?told={kind}",
        )
        assert f"New visits {words}" in re.sub(r"\s+", " ", (await admin.get("meetings"))[1])
    row = await owner.fetchrow("select * from meeting_settings")
    assert row is not None
    assert (row["kind"], row["directory"], row["opens"], row["teams_lobby"], row["recording"]) == ("room", DIRECTORY, "app", True, False)
    assert SECRET.encode() not in row["secret_sealed"]
    noted = [r["action"] for r in await owner.fetch("select action from audit_entries where action like 'meeting-%' order by seq")]
    assert noted == ["meeting-settings.changed"] * 5
    for path in ("meetings", "meetings/proof", "meetings/application"):
        assert SECRET not in (await admin.get(path))[1]


async def test_what_was_not_right_is_said_beside_its_field_and_nothing_is_kept(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    for path, form, sentence in (
        ("application", {"directory": "alder.example", "client_id": CLIENT}, "A directory id looks like"),
        ("application", {"directory": DIRECTORY}, "Fill in this field"),
        ("application", {"directory": EVIL, "client_id": EVIL}, "2 things to correct"),
        ("proof", {"proof": "secret", "secret": CLIENT}, "This is the secret&#39;s id"),
        ("proof", {"proof": EVIL}, "Choose one of the list"),
        ("proof", {"proof": "secret"}, "Fill in this field"),
        ("options", {"opens": "window", "default_host": EVIL}, "An id looks like"),
        ("options", {"opens": EVIL}, "Choose one of the list"),
    ):
        status, text = await admin.post_form(f"meetings/{path}", {**form, "revision": "0"})
        assert (status, sentence in text, EVIL in text) == (400, True, False), (path, form)
    assert await owner.fetchval("select count(*) from meeting_settings") == 0
    assert (await admin.post_form("meetings/kind", {"kind": "zoom", "revision": "0"}))[0] == 400
    assert (await admin.post_form("meetings/application", {"directory": DIRECTORY, "more": "1"}))[0] == 400


async def test_whoever_was_slower_loses_nothing_and_overwrites_nothing(h: House) -> None:
    admin = await h.staff({ADMIN})
    revision = await connect(admin)
    status, text = await admin.post_form("meetings/options", {"opens": "here", "recording": "yes", "revision": str(revision - 1)})
    assert (status, "Somebody else saved this" in text, f'name="revision" value="{revision}"' in text) == (409, True, True)
    assert re.search(r'value="here" checked', text)
    assert await admin.post_form("meetings/kind", {"kind": "teams", "revision": "0"}) == (303, f"{admin.base}/meetings?told=stale")
    assert (await admin.post_form("meetings/kind", {"kind": "teams", "revision": str(revision)}))[0] == 303
    status, text = await admin.post_form("meetings/application", {"directory": "", "client_id": "", "revision": str(revision + 1)})
    assert (status, "cannot be taken away" in text) == (409, True)


async def test_a_certificate_is_made_downloaded_and_the_next_one_waits_until_it_was_uploaded(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    for _ in range(2):  # the first, and one that waits; asking once more gives the same
        assert await admin.post_form("meetings/proof/certificate") == (303, f"{admin.base}/meetings/proof?told=made")
    await admin.post_form("meetings/proof/certificate")
    _, text = await admin.get("meetings/proof")
    first, second = re.findall(r"proof/certificate/([0-9a-f-]+)/file", text)
    status, body = await admin.get(f"meetings/proof/certificate/{first}/file")
    made = x509.load_pem_x509_certificate(body.encode())
    assert (status, sha1(made.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest().upper() in text) == (200, True)
    assert "PRIVATE" not in body
    assert (await admin.post_form(f"meetings/proof/certificate/{second}/use"))[0] == 303
    assert (await admin.post_form(f"meetings/proof/certificate/{second}/use"))[0] == 404
    assert (await admin.get(f"meetings/proof/certificate/{new_id()}/file"))[0] == 404
    kept = {row["id"]: row["retired_at"] for row in await owner.fetch("select id, retired_at from meeting_keys")}
    assert (kept[first] is None, kept[second] is None, len(kept)) == (False, True, 2)
    noted = [r["action"] for r in await owner.fetch("select action from audit_entries where action like 'meeting-key%' order by seq")]
    assert noted == ["meeting-key.made", "meeting-key.made", "meeting-key.used"]


async def test_the_key_for_notifications_is_replaced_where_there_is_one(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    assert await admin.post_form("meetings/proof/notifications") == (303, f"{admin.base}/meetings/proof")
    assert "It is made with the first meeting" in (await admin.get("meetings/proof"))[1]
    await h.parts.meetings.keys.ensure(h.parts.db, h.tenant, KeyPurpose.NOTIFY)
    assert await admin.post_form("meetings/proof/notifications") == (303, f"{admin.base}/meetings/proof?told=renewed")
    assert [row["retired_at"] is None for row in await owner.fetch("select retired_at from meeting_keys order by made_at")] == [False, True]
    noted = await owner.fetchval("select detail->>'purpose' from audit_entries where action = 'meeting-key.made'")
    assert noted == "notify"


async def test_a_test_of_what_is_not_connected_names_it_and_one_that_fails_is_kept(h: House) -> None:
    admin = await h.staff({ADMIN})
    assert "Go through the steps before" in (await admin.post_form("meetings/test"))[1]
    await connect(admin)
    status, text = await admin.post_form("meetings/test")
    assert (status, "Something stands in the way" in text) == (200, True)
    assert "teams-notices-unreachable" in text  # this house is known on its own machine only
    assert "Does not work" in (await admin.get("meetings/test"))[1]


async def test_meetings_by_month_are_shown_against_the_limit(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    assert "No meeting was made yet" in (await admin.get("meetings/use"))[1]
    month = await owner.fetchval("select date_trunc('month', now())::date")
    for organizer, made in ((CLIENT, 1900), (DIRECTORY, 3)):
        await owner.execute("insert into meeting_counts values ($1, $2, $3, $4)", h.tenant, organizer, month, made)
    _, text = await admin.get("meetings/use")
    assert "1903 meetings" in text
    assert "95 %" in text
    assert text.index(CLIENT) < text.index(DIRECTORY)


async def test_how_meetings_were_heard_lately_is_shown_as_averages(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    revision = await connect(admin)
    assert (await admin.post_form("meetings/kind", {"kind": "teams", "revision": str(revision)}))[0] == 303
    assert "How they were heard" not in (await admin.get("meetings"))[1]
    measured = ('{"audio_loss": 0.01, "rtt_ms": 40, "audio_jitter_ms": 6}', '{"audio_loss": 0.03, "rtt_ms": 60}', "{}")
    for seat, one in enumerate(measured):
        await owner.execute(
            "insert into meeting_quality (tenant_id, visit_id, record_id, seat, began_at, measures) values ($1, $2, 'r', $3, now(), $4)",
            h.tenant,
            new_id(),
            seat,
            one,
        )
    text = (await admin.get("meetings"))[1]
    assert "3 connections measured, 2.0 % of the sound lost, 50 ms there and back, 6 ms jitter" in text
