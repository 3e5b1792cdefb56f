"""How meetings are: who organises where no clinician is known, lobby, recording, and how a clinician's opens."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import Conflict, InvalidFields
from vestibule.identity.model import Principal
from vestibule.meetings.desk import words
from vestibule.meetings.desk.frame import ADMINISTRATORS, BAD, STALE, AnyRequest, AnyResponse, MeetingDesk, Step, back, show
from vestibule.meetings.model import Settings
from vestibule.platform.audit import Actor
from vestibule.visits.model import Opens

_TICKS = ("teams_lobby", "recording", "announce")


class OptionsForm(msgspec.Struct, forbid_unknown_fields=True):
    """The options; boxes say `yes`, or nothing."""

    default_host: str = ""
    teams_lobby: str = ""
    recording: str = ""
    announce: str = ""
    opens: str = ""
    revision: int = 0

    def typed(self) -> dict[str, Any]:
        """What is shown again."""
        ticks = {name: getattr(self, name) == "yes" for name in _TICKS}
        return {"default_host": self.default_host.strip().lower(), "opens": self.opens, **ticks}

    def changes(self) -> dict[str, Any]:
        """What is wanted.

        Raises:
            InvalidFields: `opens`.
        """
        try:
            return {**self.typed(), "opens": Opens(self.opens)}
        except ValueError:
            raise InvalidFields({"opens": "choice-unknown"}, phase="meetings.settings") from None


@get("/s/{sid:uuid}/meetings/options", access=ADMINISTRATORS)
async def options_page(request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk) -> AnyResponse:
    """As they are."""
    return await _form(request, principal, meeting_desk)


@post("/s/{sid:uuid}/meetings/options", access=ADMINISTRATORS)
async def save_options(
    request: AnyRequest, principal: Principal, data: URLEncodedBody[OptionsForm], meeting_desk: MeetingDesk, actor: Actor
) -> AnyResponse:
    """Meetings that are made from now on are so."""
    try:
        async with meeting_desk.db.tenant(principal.tenant) as tx:
            await meeting_desk.settings.save(tx, data.changes(), revision=data.revision, by=actor)
    except InvalidFields as error:
        return await _form(request, principal, meeting_desk, data.typed(), wrong=dict(error.fields), status=BAD)
    except Conflict:
        return await _form(request, principal, meeting_desk, data.typed(), stale=True, status=STALE)
    return back(principal, "test", told="saved")


async def _form(
    request: AnyRequest, principal: Principal, desk: MeetingDesk, typed: dict[str, Any] | None = None, **more: Any
) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
    facts = {"stale": False, **more}
    return show(
        request, principal, "options.html", over, step=Step.OPTIONS, values=typed or _values(over.settings), opens=words.opens(), **facts
    )


def _values(one: Settings) -> dict[str, Any]:
    return {"default_host": one.default_host, "opens": one.opens.value, **{name: getattr(one, name) for name in _TICKS}}


ROUTES = [options_page, save_options]
