"""What a stranger, a stranger's page, or a member with too much curiosity may try at the portal's forms."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import aiohttp
import asyncpg
import pytest
from markupsafe import escape

from support.house import House, Staff
from support.setting_up import Setup
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import new_id

EVIL = [
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "' autofocus onfocus=alert(1) x='",
    "</title><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
]


# ---------------------------------------------------------------------- mass assignment

ORGANISATION = {"name": "Alder", "support_phone": "", "entra_tenant": "", "idle_minutes": ""}


async def test_an_organisation_takes_no_field_its_form_does_not_have(admin: Staff, h: House) -> None:
    async with h.parts.db.tenant(h.tenant) as tx:
        before = await h.parts.organisations.get(tx)
    for extra in ("region", "parent", "id", "tenant_id", "idle", "created_at", "__class__"):
        assert (await admin.post_form("organisation", ORGANISATION | {extra: "x"}))[0] == 400, extra
    async with h.parts.db.tenant(h.tenant) as tx:
        assert await h.parts.organisations.get(tx) == before


STEPS: list[tuple[str, dict[str, str]]] = [
    ("address", {"state": "approved"}),
    ("address", {"fhir_version": "R9"}),
    ("address", {"serving": "yes"}),
    ("address", {"approver": str(new_id())}),
    ("address", {"secret": "x"}),
    ("keys", {"approver": str(new_id())}),
    ("keys", {"iss": "https://evil.test/fhir"}),
    ("keys", {"state": "approved"}),
    ("keys", {"has_secret": "yes"}),
    ("approval", {"state": "approved"}),
    ("approval", {"proved": "yes"}),
    ("approval", {"number": "9"}),
]


async def test_a_step_takes_no_field_of_another(setup: Setup) -> None:
    await setup.start()
    before = await setup.newest()
    for step, extra in STEPS:
        typed = await setup.form(setup.admin, f"connections/{setup.connection}/{step}") | extra
        assert (await setup.admin.post_form(f"connections/{setup.connection}/{step}", typed))[0] == 400, (step, extra)
    assert await setup.newest() == before


async def test_a_decision_takes_no_proof_from_its_form(setup: Setup) -> None:
    version = await setup.awaiting()
    said = {"version": str(version.number), "revision": str(version.revision), "proved": "true"}
    assert (await setup.approver.post_form(f"approvals/{setup.connection}/approve", said))[0] == 400
    assert await setup.in_force() is None


async def test_a_field_that_comes_twice_is_refused(setup: Setup) -> None:
    await setup.start()
    typed: dict[str, Any] = await setup.form(setup.admin, f"connections/{setup.connection}/address")
    for name in ("revision", "iss", "name"):
        twice = typed | {name: [typed[name], "1"]}
        assert (await setup.admin.post_form(f"connections/{setup.connection}/address", twice))[0] == 400, name


# ---------------------------------------------------------------------- other people's pages

FORMS = ["organisation", "organisations", "departments/new", "connections/new", "sign-out"]


FROM: list[dict[str, str]] = [
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    {},  # says nothing about where it comes from
]


@pytest.mark.parametrize("headers", FROM, ids=str)
async def test_a_form_on_another_site_does_nothing(admin: Staff, http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    cookie = {"Cookie": f"{admin.cookie.name}={admin.cookie.value}", "Content-Type": "application/x-www-form-urlencoded"}
    for where in FORMS:
        url, body = f"{admin.house.origin}{admin.base}/{where}", urlencode({"name": "Evil"})
        async with http.post(url, data=body, headers=cookie | headers, allow_redirects=False) as answer:
            assert answer.status == 403, where
            assert "cross-site-request" in await answer.text()
    assert (await admin.get("home"))[0] == 200


PAGES = ["home", "organisation", "organisations", "departments", "departments/new", "connections", "connections/new", "approvals"]


async def test_no_page_may_be_framed_or_kept_or_load_from_elsewhere(h: House, http: aiohttp.ClientSession) -> None:
    who = await h.staff({StaffRole.ADMINISTRATOR, StaffRole.APPROVER})
    for where in PAGES:
        async with http.get(f"{h.origin}{who.base}/{where}", headers=who.headers | {"Accept": "text/html"}) as answer:
            assert answer.status == 200, where
            headers, text = answer.headers, await answer.text()
        assert "frame-ancestors 'none'" in headers["content-security-policy"], where
        assert "unsafe" not in headers["content-security-policy"], where
        assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-store"), where
        assert " style=" not in text, where
        assert "onclick" not in text, where


# ---------------------------------------------------------------------- names that are code


class Shape(HTMLParser):
    """The elements of a page and the attributes they have, in order, without texts and values: what names must never change."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


async def shape(who: Staff, where: str) -> list[tuple[str, tuple[str, ...]]]:
    status, text = await who.get(where, Accept="text/html")
    assert status == 200, where
    return Shape(text).found


COLUMNS = [("tenants", "name"), ("departments", "name"), ("connections", "name"), ("members", "name")]


async def call_everything(owner: asyncpg.Connection, name: str) -> None:
    """Give everything that has a name this one, past every judge of names."""
    for table, column in COLUMNS:
        await owner.execute(f"update {table} set {column} = $1", name)
    await owner.execute("update connection_versions set content = jsonb_set(content, '{name}', to_jsonb($1::text))", name)


async def test_a_name_is_text_wherever_it_stands(setup: Setup, h: House, owner: asyncpg.Connection) -> None:
    await setup.awaiting()
    who = await h.staff({StaffRole.ADMINISTRATOR, StaffRole.APPROVER})
    department = await owner.fetchval("select id from departments")
    steps = ("", "/address", "/keys", "/check", "/approval", "/remove")
    places = [
        *PAGES,
        f"departments/{department}",
        f"approvals/{setup.connection}",
        *(f"connections/{setup.connection}{step}" for step in steps),
    ]
    await call_everything(owner, "plain")
    before = {where: await shape(who, where) for where in places}
    for evil in EVIL:
        await call_everything(owner, evil)
        assert escape(evil) in (await who.get("connections", Accept="text/html"))[1]
        for where in places:
            assert await shape(who, where) == before[where], (evil, where)


async def test_what_was_typed_comes_back_as_text(admin: Staff) -> None:
    plain = Shape((await admin.post_form("departments/new", {"name": "x", "zone": "y", "external": "z"}))[1]).found
    for evil in EVIL:
        status, text = await admin.post_form("departments/new", {"name": evil, "zone": evil, "external": "z"})
        assert status == 400
        assert Shape(text).found == plain, evil
