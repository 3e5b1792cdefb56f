"""The patients' mail, with the appointments in it as small cards."""

from __future__ import annotations

from aiohttp import web

from practice.hospital import hospital
from practice.screens.pages import missing, page


async def mails(request: web.Request) -> web.StreamResponse:
    """The newest first; one of them open."""
    house = hospital(request)
    key = request.match_info.get("mail", "")
    this = house.mailbox.find(key) if key else None
    if key and this is None:
        return missing(request, "There is no such mail.")
    names = {patient.email.lower(): patient.name for patient in house.book.patients if patient.email}
    return page(
        request,
        "mailbox.html",
        mails=list(reversed(house.mailbox.mails)),
        this=this,
        names=names,
        zone=house.book.departments[0].zone if house.book.departments else "UTC",
        news=f"/handset/news?seen={house.exchange.journal.version}&wait=20",
    )


async def raw(request: web.Request) -> web.StreamResponse:
    """A mail as it came."""
    body = hospital(request).mailbox.raw.get(int(request.match_info["mail"]))
    if body is None:
        return missing(request, "There is no such mail.")
    return web.Response(body=body, content_type="text/plain", charset="utf-8")


ROUTES = [
    web.get("/mailbox", mails),
    web.get(r"/mailbox/{mail:\d{1,9}}", mails),
    web.get(r"/mailbox/{mail:\d{1,9}}/raw", raw),
]
