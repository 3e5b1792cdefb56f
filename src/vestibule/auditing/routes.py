"""The pages of the audit: the list, one entry, and the two files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Request, get
from litestar.response import Response, Stream

from vestibule.auditing.model import Wanted, local_moment
from vestibule.auditing.service import Auditing
from vestibule.auditing.words import TONES, action_words, kind_words, outcome_words
from vestibule.identity.model import Principal, StaffRole
from vestibule.platform.audit import Actor, Outcome
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import page
from vestibule.tenancy.service import Tenancy

_READERS: Final = Access.staff(StaffRole.AUDITOR, StaffRole.ADMINISTRATOR)
_ASKED: Final = ("search", "action", "outcome", "since", "until", "zone", "actor", "about", "reference")
_MOST: Final = 100  # characters of anything asked for
_PAGE: Final = 50


@get("/s/{sid:uuid}/audit", access=_READERS)
async def audit_page(
    request: Request[Any, Any, Any], principal: Principal, db: Database, auditing: Auditing, tenancy: Tenancy
) -> Response[Any]:
    """The newest entries; `?search=`, `action`, `outcome`, `since`, `until`, `zone`, `actor`, `about`, `reference` narrow it."""
    asked, after = _asked(request), request.query_params.get("after", "")
    async with db.tenant(principal.tenant) as tx:
        zones = await _zones(tx, tenancy)
        asked["zone"] = asked["zone"] if asked["zone"] in zones else zones[0]
        wanted, mistakes = _wanted(asked)
        found = await auditing.listing(tx, wanted, after=after, limit=_PAGE)
        names = await auditing.names(tx, found.items)
        organisation = await tenancy.tenant(tx)
    given = {name: value for name, value in asked.items() if value and (name != "zone" or value != zones[0])}
    return page(
        request,
        "auditing/audit.html",
        brand=organisation.name,
        support_phone="",
        found=found,
        first=not after,
        names=names,
        asked=asked,
        given=given,
        mistakes=mistakes,
        acts=[("", _("All")), *sorted(action_words().items(), key=lambda one: one[1])],
        filtered=any(name != "zone" for name in given),
        query=urlencode(given),
        zones=[(one, one) for one in zones],
        zone=ZoneInfo(asked["zone"]),
        narrowed={name: given[name] for name in ("actor", "about", "reference") if name in given},
        without={name: urlencode({k: v for k, v in given.items() if k != name}) for name in given},
        **_words(principal),
    )


@get("/s/{sid:uuid}/audit/{seq:int}", access=_READERS)
async def entry_page(
    request: Request[Any, Any, Any], principal: Principal, seq: int, db: Database, auditing: Auditing, tenancy: Tenancy
) -> Response[Any]:
    """Everything one entry says."""
    async with db.tenant(principal.tenant) as tx:
        one = await auditing.one(tx, seq)
        names = await auditing.names(tx, [one])
        organisation = await tenancy.tenant(tx)
    return page(request, "auditing/entry.html", brand=organisation.name, support_phone="", one=one, names=names, **_words(principal))


@get("/s/{sid:uuid}/audit.csv", access=_READERS)
async def audit_csv(
    request: Request[Any, Any, Any], principal: Principal, actor: Actor, db: Database, auditing: Auditing, tenancy: Tenancy
) -> Stream:
    """The same list, all of it, as CSV. Taking it is noted."""
    wanted = await _taken(request, principal, actor, db, auditing, tenancy, "csv")
    return _file(auditing.as_csv(principal.tenant, wanted), "text/csv", "audit.csv")


@get("/s/{sid:uuid}/audit.ndjson", access=_READERS)
async def audit_fhir(
    request: Request[Any, Any, Any], principal: Principal, actor: Actor, db: Database, auditing: Auditing, tenancy: Tenancy
) -> Stream:
    """The same as FHIR AuditEvents, one a line. Taking it is noted."""
    wanted = await _taken(request, principal, actor, db, auditing, tenancy, "fhir")
    return _file(auditing.as_fhir(principal.tenant, wanted), "application/fhir+ndjson", "audit.ndjson")


async def _taken(
    request: Request[Any, Any, Any], principal: Principal, actor: Actor, db: Database, auditing: Auditing, tenancy: Tenancy, form: str
) -> Wanted:
    asked = _asked(request)
    async with db.tenant(principal.tenant) as tx:
        zones = await _zones(tx, tenancy)
        asked["zone"] = asked["zone"] if asked["zone"] in zones else zones[0]
        wanted, _mistakes = _wanted(asked)
        await auditing.exporting(tx, wanted, form=form, by=actor)
    return wanted


def _file(lines: AsyncIterator[bytes], media: str, name: str) -> Stream:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Stream(lines, media_type=media, headers=headers)


def _asked(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {name: request.query_params.get(name, "")[:_MOST].replace("\x00", "").strip() for name in _ASKED}


def _wanted(asked: Mapping[str, str]) -> tuple[Wanted, dict[str, str]]:
    """What was asked for, and what of it makes no sense: that is not asked for, and said."""
    since, until = local_moment(asked["since"], asked["zone"]), local_moment(asked["until"], asked["zone"])
    mistakes = {
        name: _("This is no date and time, such as 2026-11-21 13:00.")
        for name, moment in (("since", since), ("until", until))
        if asked[name] and moment is None
    }
    if until is not None:
        with suppress(OverflowError):
            until += timedelta(days=1) if len(asked["until"]) <= len("2026-11-21") else timedelta(minutes=1)
    outcome = next((one for one in Outcome if one.value == asked["outcome"]), None)
    search = asked["search"]
    wanted = Wanted(
        since=since,
        until=until,
        action=asked["action"],
        outcome=outcome,
        actor=asked["actor"],
        about=asked["about"],
        reference=asked["reference"].upper(),
        search=search.upper() if _like_reference(search) else search,
    )
    return wanted, mistakes


def _like_reference(text: str) -> bool:
    return len(text) == len("7QK-2MD-R4T") and text[3::4] == "--"


async def _zones(tx: Tx, tenancy: Tenancy) -> list[str]:
    """The clocks a reader may choose: that of most departments first, then the others', then UTC."""
    counted: dict[str, int] = {}
    for department in await tenancy.departments(tx):
        counted[department.zone] = counted.get(department.zone, 0) + 1
    found = sorted(counted, key=lambda zone: (-counted[zone], zone))
    return [*found, "UTC"] if "UTC" not in found else found


def _short(name: str) -> str:
    """The end of a long id: those made at one time begin alike."""
    return name if len(name) <= len("participant") else f"…{name[-8:]}"


def _words(principal: Principal) -> dict[str, Any]:
    return {
        "base": f"/s/{principal.session}",
        "actions": action_words(),
        "outcomes": outcome_words(),
        "kinds": kind_words(),
        "tones": TONES,
        "short": _short,
    }


ROUTES = [audit_page, entry_page, audit_csv, audit_fhir]
