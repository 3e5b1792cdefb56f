"""Setting a feed up: how messages come, which appointments count, where in a message things stand. Each part is saved by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.params import URLEncodedBody

from vestibule.errors import BadInput, Conflict, InvalidFields
from vestibule.feed import words
from vestibule.feed.judging import sentence_of
from vestibule.feed.model import FeedSettings, Rule, RuleField
from vestibule.feed.routes.common import READERS, WRITERS, AnyRequest, AnyResponse, FeedPlaces, show, where
from vestibule.feed.service import FeedSettingsService
from vestibule.identity.model import Principal
from vestibule.kit.clock import Clock
from vestibule.kit.numbers import digits
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import see_other
from vestibule.tenancy.judging import zones
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import Place

_YES: Final = "yes"
_BLANK_ROWS: Final = 3
_PORT_DIGITS, _HOUR_DIGITS, _ORDER_DIGITS = 5, 3, 4


class WaysForm(msgspec.Struct, forbid_unknown_fields=True):
    """How messages come. `meant` says that networks of the internet are meant."""

    enabled: str = ""
    plain_port: str = ""
    networks: str = ""
    meant: str = ""
    http_status: str = ""
    revision: int = 0


class RulesForm(msgspec.Struct, forbid_unknown_fields=True):
    """Rules row by row; a row without a field to look at is no rule."""

    order: str | list[str] = ""
    what: str | list[str] = ""
    pattern: str | list[str] = ""
    verdict: str | list[str] = ""
    revision: int = 0

    def rows(self) -> list[tuple[str, str, str, str]]:
        """As they were written."""
        columns = [[one] if isinstance(one, str) else one for one in (self.order, self.what, self.pattern, self.verdict)]
        return [(order, what, matches, verdict) for order, what, matches, verdict in zip_longest(*columns, fillvalue="")]


class FieldsForm(msgspec.Struct, forbid_unknown_fields=True):
    """Where in a message things stand, and how they are understood."""

    csn_from: str = ""
    department_from: str = ""
    zone: str = ""
    region: str = ""
    raw_hours: str = ""
    revision: int = 0


class SetupPages:
    """Shows and saves the set-up; what handlers need together."""

    def __init__(self, db: Database, tenancy: Tenancy, settings: FeedSettingsService, clock: Clock, places: FeedPlaces) -> None:
        self._db = db
        self._tenancy = tenancy
        self._settings = settings
        self._clock = clock
        self._places = places

    async def page(
        self,
        request: AnyRequest,
        principal: Principal,
        connection: UUID,
        *,
        typed: Mapping[str, Any] | None = None,
        mistakes: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> AnyResponse:
        """The page; with what was typed and what is wrong with it, where anything is."""
        async with self._db.tenant(principal.tenant) as tx:
            one = await where(tx, self._tenancy, connection)
            settings = await self._settings.get(tx, one.id)
            certificates = await self._settings.certificates(tx, one.id)
        now = self._clock.now()
        return show(
            request,
            principal,
            "setup.html",
            brand=one.brand,
            status=status,
            one=one,
            settings=settings,
            certificates=[(c, *words.expiry(c, now)) for c in certificates],
            values={**_written(settings), **(typed or {})},
            mistakes=mistakes or {},
            names=words.fields(),
            words=words,
            zones=sorted(zones()),
            places=self._places,
            saved=request.query_params.get("saved", ""),
        )

    async def save(
        self,
        request: AnyRequest,
        principal: Principal,
        connection: UUID,
        changes: Mapping[str, Any],
        *,
        revision: int,
        by: Actor,
        typed: Mapping[str, Any],
        part: str,
        meant: Sequence[str] = (),
    ) -> AnyResponse:
        """Save a part, or show beside its fields what is wrong."""
        try:
            async with self._db.tenant(principal.tenant) as tx:
                one = await where(tx, self._tenancy, connection)
                await self._settings.change(tx, one.id, changes, revision=revision, by=by, may_be_public=meant)
        except InvalidFields as error:
            mistakes = {name: sentence_of(code) for name, code in error.fields.items()}
            return await self.page(request, principal, connection, typed=typed, mistakes=mistakes, status=400)
        except Conflict as error:
            return await self.page(request, principal, connection, typed=typed, mistakes={"": _(error.sentence)}, status=error.status)
        return see_other(f"/s/{principal.session}/feed/{connection}/setup?saved={part}#{part}")

    async def add(self, request: AnyRequest, principal: Principal, connection: UUID, data: bytes, by: Actor) -> AnyResponse:
        """Take a certificate, or say why not."""
        try:
            async with self._db.tenant(principal.tenant) as tx:
                one = await where(tx, self._tenancy, connection)
                await self._settings.add_certificate(tx, one.id, data, by=by, member=principal.member)
        except (BadInput, Conflict) as error:
            return await self.page(request, principal, connection, mistakes={"file": _(error.sentence)}, status=error.status)
        return see_other(f"/s/{principal.session}/feed/{connection}/setup?saved=senders#senders")


@get("/s/{sid:uuid}/feed/{connection:uuid}/setup", access=READERS)
async def setup_page(request: AnyRequest, principal: Principal, connection: UUID, feed_setup: SetupPages) -> AnyResponse:
    """Everything that can be set of a feed."""
    return await feed_setup.page(request, principal, connection)


@post("/s/{sid:uuid}/feed/{connection:uuid}/setup/ways", access=WRITERS)
async def save_ways(
    request: AnyRequest, principal: Principal, connection: UUID, data: URLEncodedBody[WaysForm], feed_setup: SetupPages, actor: Actor
) -> AnyResponse:
    """Whether messages are taken, and from where plain MLLP is."""
    networks = tuple(line.strip() for line in data.networks.replace(",", "\n").split("\n") if line.strip())
    port = digits(data.plain_port.strip(), most=_PORT_DIGITS) if data.plain_port.strip() else None
    changes = {
        "enabled": data.enabled == _YES,
        "http_status": data.http_status == _YES,
        "plain_port": 0 if port is None and data.plain_port.strip() else port,
        "networks": networks,
    }
    typed = {"plain_port": data.plain_port, "networks": data.networks, "enabled": data.enabled == _YES, "meant": data.meant == _YES}
    typed["http_status"] = data.http_status == _YES
    return await feed_setup.save(
        request,
        principal,
        connection,
        changes,
        revision=data.revision,
        by=actor,
        typed=typed,
        part="ways",
        meant=networks if data.meant == _YES else (),
    )


@post("/s/{sid:uuid}/feed/{connection:uuid}/setup/rules", access=WRITERS)
async def save_rules(
    request: AnyRequest, principal: Principal, connection: UUID, data: URLEncodedBody[RulesForm], feed_setup: SetupPages, actor: Actor
) -> AnyResponse:
    """Which appointments are virtual, in the order of the numbers beside them."""
    rows = [row for row in data.rows() if row[1]]
    ordered = sorted(rows, key=lambda row: digits(row[0].strip(), most=_ORDER_DIGITS) or 0)
    typed = {"rules": [(what, matches, verdict) for _order, what, matches, verdict in ordered]}
    rules = tuple(_rule(what, matches, verdict) for _order, what, matches, verdict in ordered)
    return await feed_setup.save(
        request, principal, connection, {"rules": rules}, revision=data.revision, by=actor, typed=typed, part="rules"
    )


@post("/s/{sid:uuid}/feed/{connection:uuid}/setup/fields", access=WRITERS)
async def save_fields(
    request: AnyRequest, principal: Principal, connection: UUID, data: URLEncodedBody[FieldsForm], feed_setup: SetupPages, actor: Actor
) -> AnyResponse:
    """Where in a message things stand."""
    typed = {name: getattr(data, name).strip() for name in ("csn_from", "department_from", "zone", "region", "raw_hours")}
    changes = {**typed, "region": typed["region"].upper(), "raw_hours": digits(typed["raw_hours"], most=_HOUR_DIGITS) or 0}
    return await feed_setup.save(request, principal, connection, changes, revision=data.revision, by=actor, typed=typed, part="fields")


@post("/s/{sid:uuid}/feed/{connection:uuid}/certificates", access=WRITERS)
async def add_certificate(request: AnyRequest, principal: Principal, connection: UUID, feed_setup: SetupPages, actor: Actor) -> AnyResponse:
    """Take a sender's certificate: the file, or what is pasted where there is none."""
    form = await request.form()
    file, pasted = form.get("file"), form.get("pasted")
    data = await file.read() if isinstance(file, UploadFile) else b""
    if not data.strip() and isinstance(pasted, str):
        data = pasted.encode()
    return await feed_setup.add(request, principal, connection, data, actor)


@post("/s/{sid:uuid}/feed/{connection:uuid}/certificates/{certificate:uuid}/remove", access=WRITERS)
async def remove_certificate(
    principal: Principal,
    connection: UUID,
    certificate: UUID,
    db: Database,
    tenancy: Tenancy,
    feed_settings: FeedSettingsService,
    actor: Actor,
) -> AnyResponse:
    """Whoever proves themselves by it is refused from now on."""
    async with db.tenant(principal.tenant) as tx:
        one = await where(tx, tenancy, connection)
        await feed_settings.remove_certificate(tx, one.id, certificate, by=actor)
    return see_other(f"/s/{principal.session}/feed/{connection}/setup#senders")


def _rule(what: str, matches: str, verdict: str) -> Rule:
    """A row as a rule; what no list of ours holds is refused, for no form of ours sends it."""
    if what not in set(RuleField) or verdict not in {"home", "clinic", "not"}:
        raise InvalidFields({"rules": "choice-unknown"}, phase="feed.save")
    place = Place.CLINIC if verdict == "clinic" else Place.HOME
    return Rule(RuleField(what), "" if what == RuleField.ANY else " ".join(matches.split()), verdict != "not", place)


def _written(settings: FeedSettings) -> dict[str, Any]:
    """The settings as forms show them."""
    rules = [(r.field.value, r.matches, ("clinic" if r.place is Place.CLINIC else "home") if r.virtual else "not") for r in settings.rules]
    return {
        "enabled": settings.enabled,
        "csn_from": settings.csn_from,
        "department_from": settings.department_from,
        "zone": settings.zone,
        "region": settings.region,
        "raw_hours": settings.raw_hours,
        "http_status": settings.http_status,
        "plain_port": settings.plain_port or "",
        "networks": "\n".join(settings.networks),
        "meant": False,
        "rules": rules,
        "blank": _BLANK_ROWS,
    }


ROUTES = [setup_page, save_ways, save_rules, save_fields, add_certificate, remove_certificate]
