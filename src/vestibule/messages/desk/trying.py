"""Trying messages out: a sample to a number of one's own, and addresses that no carrier is ever given."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import Conflict, InvalidFields
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.messages.desk import words
from vestibule.messages.desk.frame import ADMINISTRATORS, BAD, AnyRequest, AnyResponse, Desk, Step, back, show
from vestibule.messages.model import Purpose
from vestibule.messages.readymade import LANGUAGE_NAMES, LANGUAGES
from vestibule.messages.trial import Trial, Tried
from vestibule.platform.audit import Actor
from vestibule.visits.model import Place


class TrialForm(msgspec.Struct, forbid_unknown_fields=True):
    """What to send where."""

    connection: str = ""
    trial_address: str = ""
    language: str = "en"
    purpose: str = "reminder"
    place: str = "home"

    def trial(self) -> Trial:
        """What is wanted.

        Raises:
            InvalidFields: naming the fields that are no choices.
        """
        try:
            connection = ConnectionId(UUID(self.connection))
            purpose, place = Purpose(self.purpose), Place(self.place)
        except ValueError:
            raise InvalidFields({"connection": "choice-unknown"}, phase="messages.trial") from None
        if self.language not in LANGUAGES:
            raise InvalidFields({"language": "choice-unknown"}, phase="messages.trial")
        return Trial(connection, tidy(self.trial_address), self.language, purpose, place)


class RecipientForm(msgspec.Struct, forbid_unknown_fields=True):
    """An address for trying things out."""

    address: str = ""
    label: str = ""


@get("/s/{sid:uuid}/messages/trial", access=ADMINISTRATORS)
async def trial_page(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """Everything at a glance, and a form to send a sample."""
    return await _page(request, principal, desk)


@post("/s/{sid:uuid}/messages/trial", access=ADMINISTRATORS)
async def send_trial(request: AnyRequest, principal: Principal, data: URLEncodedBody[TrialForm], desk: Desk, actor: Actor) -> AnyResponse:
    """Send it, and say what became of it. A page that is loaded again asks whether to send it again."""
    typed = msgspec.to_builtins(data)
    try:
        tried = await desk.trials.send(principal.tenant, data.trial(), by=actor)
    except InvalidFields as error:
        return await _page(request, principal, desk, typed=typed, wrong=_marked(error), status=BAD)
    except Conflict as error:
        return await _page(request, principal, desk, typed=typed, refused=error.code, status=BAD)
    return await _page(request, principal, desk, typed=typed, tried=tried)


@post("/s/{sid:uuid}/messages/recipients", access=ADMINISTRATORS)
async def add_recipient(
    request: AnyRequest, principal: Principal, data: URLEncodedBody[RecipientForm], desk: Desk, actor: Actor
) -> AnyResponse:
    """Add an address that no carrier is ever given."""
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            await desk.policies.add_test_recipient(tx, tidy(data.address), data.label.strip(), by=actor)
    except InvalidFields as error:
        return await _page(request, principal, desk, recipient=msgspec.to_builtins(data), wrong=dict(error.fields), status=BAD)
    return back(principal, "trial", told="kept")


@post("/s/{sid:uuid}/messages/recipients/{recipient:uuid}/remove", access=ADMINISTRATORS)
async def remove_recipient(principal: Principal, recipient: UUID, desk: Desk, actor: Actor) -> AnyResponse:
    """From now on it is an address like any other."""
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.policies.remove_test_recipient(tx, recipient, by=actor)
    return back(principal, "trial", told="kept")


async def _page(request: AnyRequest, principal: Principal, desk: Desk, *, tried: Tried | None = None, **more: Any) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
        recipients = await desk.settings.test_recipients(tx)
    usual = {"connection": "", "trial_address": "", "language": "en", "purpose": "reminder", "place": "home"}
    facts = {"typed": usual, "recipient": {"address": "", "label": ""}, "refused": "", **more}
    return show(
        request,
        principal,
        "trial.html",
        over,
        step=Step.TRIAL,
        recipients=recipients,
        tried=tried,
        languages=list(LANGUAGE_NAMES.items()),
        purposes=list(words.purposes().items()),
        places=list(words.places().items()),
        ahead=words.ahead,
        channels=words.channels(),
        connection_options=[(str(one), name) for one, name in over.connections],
        **facts,
    )


def _marked(error: InvalidFields) -> dict[str, str]:
    """The page has two forms with an address: this one's fields are told apart."""
    return {f"trial_{name}": code for name, code in error.fields.items()}


def tidy(address: str) -> str:
    """A number without what people write between its digits; anything else as it was."""
    address = address.strip()
    if address.startswith("+") and "@" not in address:
        return "+" + "".join(char for char in address if char.isdecimal())
    return address


ROUTES = [trial_page, send_trial, add_recipient, remove_recipient]
