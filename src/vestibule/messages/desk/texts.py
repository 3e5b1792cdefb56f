"""Texts in four languages: what is sent at present, a preview as a patient gets it, how many pieces that is, and editing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import Conflict, InvalidFields, NotFound
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.kit.smstext import Encoding, forcing, segments, suggestion
from vestibule.messages.desk import words
from vestibule.messages.desk.frame import ADMINISTRATORS, BAD, STALE, AnyRequest, AnyResponse, Desk, Step, back, show
from vestibule.messages.model import Channel, Purpose, Sender, Wording
from vestibule.messages.readymade import LANGUAGE_NAMES, LANGUAGES, ready_made
from vestibule.messages.rendering import Facts, render, subject
from vestibule.platform.audit import Actor
from vestibule.visits.model import Place


class TextForm(msgspec.Struct, forbid_unknown_fields=True):
    """A text. `go`: save, look, plain (replace what forces the wide alphabet) or reset."""

    text: str = ""
    subject: str = ""
    revision: int = 0
    go: str = "save"


@get("/s/{sid:uuid}/messages/texts", access=ADMINISTRATORS)
async def texts_of_all(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """Which connection's texts."""
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
        own = {one: len(await desk.settings.own_wordings(tx, one)) for one, _ in over.connections}
    return show(request, principal, "texts_of_all.html", over, step=Step.TEXTS, own=own)


@get("/s/{sid:uuid}/messages/texts/{connection:uuid}", access=ADMINISTRATORS)
async def texts_page(request: AnyRequest, principal: Principal, connection: UUID, desk: Desk) -> AnyResponse:
    """Every text of one language and way, as a patient would get it."""
    one = ConnectionId(connection)
    async with desk.db.tenant(principal.tenant) as tx:
        title = (await desk.tenancy.connection(tx, one)).name
        over, facts = await desk.overview(tx), await desk.trials.sample(tx)
        policy = await desk.settings.policy(tx, one)
        asked = str(request.query_params.get("language", ""))
        language = asked if asked in LANGUAGES else policy.language if policy else "en"
        channel = Channel.EMAIL if request.query_params.get("channel") == "email" else Channel.SMS
        own = {_where(each): each for each, _ in await desk.settings.own_wordings(tx, one, language)}
        senders = await desk.settings.route(tx, one, channel)
    shown = [_shown(language, channel, purpose, place, own, facts, senders) for place in Place for purpose in Purpose]
    return show(
        request,
        principal,
        "texts.html",
        over,
        step=Step.TEXTS,
        connection=one,
        title=title,
        shown=shown,
        language=language,
        channel=channel.value,
        **_words(),
    )


@get("/s/{sid:uuid}/messages/texts/{connection:uuid}/{language:str}/{channel:str}/{purpose:str}/{place:str}", access=ADMINISTRATORS)
async def text_page(
    request: AnyRequest, principal: Principal, connection: UUID, language: str, channel: str, purpose: str, place: str, desk: Desk
) -> AnyResponse:
    """One text, to be edited."""
    usual = _usual(language, channel, purpose, place)
    async with desk.db.tenant(principal.tenant) as tx:
        stored, revision = await _stored(desk, tx, ConnectionId(connection), usual)
    return await _form(request, principal, desk, ConnectionId(connection), stored, revision=revision)


@post("/s/{sid:uuid}/messages/texts/{connection:uuid}/{language:str}/{channel:str}/{purpose:str}/{place:str}", access=ADMINISTRATORS)
async def save_text(
    request: AnyRequest,
    principal: Principal,
    connection: UUID,
    language: str,
    channel: str,
    purpose: str,
    place: str,
    data: URLEncodedBody[TextForm],
    desk: Desk,
    actor: Actor,
) -> AnyResponse:
    """Save it, look at it, or go back to the ready-made one."""
    one, usual = ConnectionId(connection), _usual(language, channel, purpose, place)
    typed = Wording(usual.purpose, usual.channel, language, usual.place, data.text.replace("\r\n", "\n"), data.subject)
    if data.go in {"look", "plain"}:
        if data.go == "plain":
            typed = _plain(typed)
        return await _form(request, principal, desk, one, typed, revision=data.revision)
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            if data.go == "reset":
                await desk.policies.reset_wording(tx, one, language, usual.channel, usual.purpose, usual.place, by=actor)
            else:
                await desk.policies.set_wording(tx, one, typed, revision=data.revision, by=actor)
    except InvalidFields as error:
        return await _form(request, principal, desk, one, typed, revision=data.revision, wrong=dict(error.fields), status=BAD)
    except Conflict:
        async with desk.db.tenant(principal.tenant) as tx:
            _, revision = await _stored(desk, tx, one, usual)
        return await _form(request, principal, desk, one, typed, revision=revision, stale=True, status=STALE)
    return back(principal, f"texts/{connection}?language={language}&channel={channel}&told=kept#{purpose}-{place}")


async def _form(
    request: AnyRequest, principal: Principal, desk: Desk, connection: ConnectionId, one: Wording, *, revision: int, **more: Any
) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        title = (await desk.tenancy.connection(tx, connection)).name
        over, facts = await desk.overview(tx), await desk.trials.sample(tx)
        senders = await desk.settings.route(tx, connection, one.channel)
    fragment = request.headers.get("x-fragment") == "preview"  # the script asks for the preview alone while somebody types
    return show(
        request,
        principal,
        "preview.html" if fragment else "text.html",
        over,
        step=Step.TEXTS,
        connection=connection,
        title=title,
        one=one,
        revision=revision,
        preview=preview(one, facts, senders),
        placeholders=words.placeholders(),
        **_words(),
        **{"stale": False, **more},
    )


def preview(one: Wording, facts: Facts, senders: list[Sender]) -> dict[str, Any]:
    """A text as a patient gets it, and what it takes."""
    text = render(one, facts)
    counted = segments(text)
    return {
        "text": text,
        "subject": subject(one, facts),
        "sms": one.channel is Channel.SMS,
        "count": counted.count,
        "units": counted.units,
        "left": counted.left,
        "wide": counted.encoding is Encoding.UCS2,
        "forcing": forcing(text) if one.language in {"en", "es"} else (),
        "suggestion": suggestion(one.text),
        "cost": cost(counted.count, senders) if one.channel is Channel.SMS else "",
        "silent": one.channel is Channel.SMS and "STOP" not in text.upper(),
    }


def cost(count: int, senders: list[Sender]) -> str:
    """What a text is estimated to cost through the first sender; empty where nobody entered a price."""
    for sender in senders[:1]:
        price = str(sender.account.settings.get("price", ""))
        if price:
            return f"{Decimal(price) * count} {sender.account.settings.get('currency', '')}".strip()
    return ""


def _shown(
    language: str, channel: Channel, purpose: Purpose, place: Place, own: dict[Any, Wording], facts: Facts, senders: list[Sender]
) -> dict[str, Any]:
    usual = ready_made(language, channel, purpose, place)
    one = own.get(_where(usual), usual)
    return {"purpose": purpose.value, "place": place.value, "own": one is not usual, **preview(one, facts, senders)}


async def _stored(desk: Desk, tx: Any, connection: ConnectionId, usual: Wording) -> tuple[Wording, int]:
    own = {_where(each): (each, revision) for each, revision in await desk.settings.own_wordings(tx, connection, usual.language)}
    return own.get(_where(usual), (usual, 0))


def _where(one: Wording) -> tuple[Channel, Purpose, Place]:
    return one.channel, one.purpose, one.place


def _usual(language: str, channel: str, purpose: str, place: str) -> Wording:
    """The ready-made text that an address names.

    Raises:
        NotFound: no-such-thing.
    """
    try:
        if language in LANGUAGES:
            return ready_made(language, Channel(channel), Purpose(purpose), Place(place))
    except ValueError:
        pass
    raise NotFound("no-such-thing", "There is no such text.", phase="messages.wording")


def _plain(one: Wording) -> Wording:
    return Wording(one.purpose, one.channel, one.language, one.place, suggestion(one.text) or one.text, one.subject)


def _words() -> dict[str, Any]:
    return {
        "languages": LANGUAGE_NAMES,
        "channels": words.channels(),
        "purposes": words.purposes(),
        "places": words.places(),
    }


ROUTES = [texts_of_all, texts_page, text_page, save_text]
