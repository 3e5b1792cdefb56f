"""The patients' phones: who got which text, replies, and what goes wrong on the way. Live, as a phone is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from markupsafe import Markup, escape

from practice.carriers.phones import TROUBLES, Phone
from practice.carriers.receiving import receive
from practice.carriers.texts import Text, phone_of, possible
from practice.hospital import Hospital, hospital
from practice.screens.pages import bad, filters, missing, page

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]']")
_LONGEST = 1600
_LISTED = 200  # phones
_LONGEST_WAIT = 25
_RECEIPTS = {"slow", "lost", "duplicate", "disorder", "forged"}
_GROUPS = [
    ("A text does not arrive", [(name, *words) for name, words in TROUBLES.items() if name not in _RECEIPTS]),
    ("It arrives, but", [(name, *words) for name, words in TROUBLES.items() if name in _RECEIPTS]),
]
_NOT_YET = {"queued", "accepted", "sent", "received"}


@dataclass(frozen=True)
class Contact:
    """A phone in the list: its number, whose it is, the last text."""

    number: str
    name: str
    last: Text | None
    trouble: bool

    @property
    def path(self) -> str:
        """Its page."""
        return f"/handset/{self.number[1:]}"

    @property
    def written(self) -> str:
        """The number as people write it."""
        return written(self.number)


def written(number: str) -> str:
    """A number as people write it: `(206) 555-0142`, or as it is."""
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}" if re.fullmatch(r"\+1\d{10}", number) else number


def linked(text: str) -> Markup:
    """A text with its links to tap, everything else escaped."""
    parts: list[str] = []
    end = 0
    for found in _LINK.finditer(text):
        address = escape(found[0])
        parts += [str(escape(text[end : found.start()])), f'<a href="{address}" target="_blank" rel="noopener">{address}</a>']
        end = found.end()
    return Markup("".join([*parts, str(escape(text[end:]))]))  # noqa: S704 - every part was escaped above


filters["linked"] = linked
filters["written"] = written


def contacts(house: Hospital) -> list[Contact]:
    """Every patient's phone and every number that got or sent a text, those with the newest texts first."""
    names: dict[str, str] = {}
    for patient in house.book.patients:
        number = phone_of(patient.phone)
        if possible(number):
            names[number] = f"{names[number]}, {patient.name}" if number in names else patient.name
    last: dict[str, Text] = {}
    for text in house.exchange.journal.texts.values():
        last[text.phone] = text
    everybody = {**names, **{number: "" for number in [*last, *house.exchange.phones] if number not in names}}
    made = [Contact(n, name, last.get(n), bool(house.exchange.phone(n).trouble)) for n, name in everybody.items()]
    made.sort(key=lambda one: one.name or one.number)
    made.sort(key=lambda one: one.last.at if one.last else "", reverse=True)
    return made


def _zone(house: Hospital) -> str:
    return house.book.departments[0].zone if house.book.departments else "UTC"


def _shown(house: Hospital, phone: Contact | None) -> dict[str, Any]:
    """What both pages need; taken before anything else happens, so that the news begin where the page ends."""
    news = f"/handset/news?seen={house.exchange.journal.version}&wait=20"
    return {"contacts": contacts(house)[:_LISTED], "zone": _zone(house), "news": news, "phone": phone}


async def phones(request: web.Request) -> web.StreamResponse:
    """The list; with `?number=` straight to that phone."""
    number = phone_of(request.query.get("number", ""))
    if request.query.get("number"):
        return _see(number) if possible(number) else bad(request, "That is no phone number.")
    return page(request, "handset.html", **_shown(hospital(request), None))


def _number(request: web.Request) -> str:
    return f"+{request.match_info['phone']}"


async def phone(request: web.Request) -> web.StreamResponse:
    """One phone with its texts."""
    house, number = hospital(request), _number(request)
    if not possible(number):
        return missing(request, "There is no phone of that number.")
    texts = house.exchange.journal.with_phone(number)
    senders = list(dict.fromkeys(text.number for text in reversed(texts) if house.exchange.owned(text.number)))
    others = [one.number for one in house.book.numbers if one.number not in senders]
    this = next((one for one in contacts(house) if one.number == number), Contact(number, "", None, False))
    return page(
        request,
        "handset.html",
        **_shown(house, this),
        texts=texts,
        senders=[*senders, *others],
        owned={one.number: one for one in house.book.numbers},
        waiting=_NOT_YET,
        state=house.exchange.phone(number),
        troubles=_GROUPS,
        out={one for one, who in house.exchange.journal.opted_out if who == number},
    )


async def reply(request: web.Request) -> web.StreamResponse:
    """Send a text from the phone; a button's word comes before what was typed."""
    house, number = hospital(request), _number(request)
    form = await request.post()
    words = str(form.get("word") or form.get("text") or "").strip()
    if not possible(number) or not words or len(words) > _LONGEST:
        return bad(request, "A text has between 1 and 1600 characters.")
    try:
        receive(house, number, str(form.get("to", "")), words)
    except LookupError:
        return bad(request, "Nobody owns the number that you texted.")
    return _see(number)


async def trouble(request: web.Request) -> web.StreamResponse:
    """Set what goes wrong on the way to this phone."""
    form = await request.post()
    wanted = {"number": _number(request), "trouble": [str(one) for one in form.getall("trouble", [])], "seconds": _seconds(form)}
    try:
        hospital(request).exchange.trouble([msgspec.convert(wanted, type=Phone)])
    except msgspec.ValidationError as error:
        return bad(request, str(error)[:300])
    return _see(_number(request))


def _seconds(form: Any) -> Any:
    try:
        return float(str(form.get("seconds", "20")))
    except ValueError:
        return str(form.get("seconds"))


async def news(request: web.Request) -> web.StreamResponse:
    """`[]` when nothing happened since the version that was seen, otherwise the version as it is."""
    query = request.query
    try:
        seen, wait = int(query.get("seen", "0")), int(query.get("wait", "0"))
    except ValueError:
        return web.json_response({"error": "seen and wait are whole numbers"}, status=400)
    journal = hospital(request).exchange.journal
    version = await journal.wait(seen, min(max(wait, 0), _LONGEST_WAIT))
    return web.json_response([] if version == seen else [version], headers={"Cache-Control": "no-store"})


def _see(number: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/handset/{number[1:]}"})


ROUTES = [
    web.get("/handset", phones),
    web.get("/handset/news", news),
    web.get(r"/handset/{phone:\d{7,15}}", phone),
    web.post(r"/handset/{phone:\d{7,15}}/reply", reply),
    web.post(r"/handset/{phone:\d{7,15}}/trouble", trouble),
]
