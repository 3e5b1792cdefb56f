"""What is sent for the appointments of a connection: confirmations, reminders, quiet hours, by which way, in which usual language."""

from __future__ import annotations

from datetime import time
from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import Conflict, InvalidFields
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.kit.numbers import digits
from vestibule.messages.desk import words
from vestibule.messages.desk.frame import ADMINISTRATORS, BAD, STALE, AnyRequest, AnyResponse, Desk, Step, back, show
from vestibule.messages.model import Channel, Policy
from vestibule.messages.readymade import LANGUAGE_NAMES
from vestibule.platform.audit import Actor

_POLICY = "messages.policy"
_LONGEST_NUMBER = 6  # digits of minutes


class PlanForm(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent. `amount` and `unit` stand once for each reminder; an empty amount is none. `go`: save, add, or the row to take away."""

    on_scheduled: str = ""
    on_updated: str = ""
    on_cancelled: str = ""
    amount: str | list[str] = ""
    unit: str | list[str] = ""
    quiet_from: str = ""
    quiet_to: str = ""
    gap_minutes: str = ""
    language: str = ""
    channels: str | list[str] = ""
    revision: int = 0
    go: str = "save"

    def rows(self) -> list[tuple[str, str]]:
        """The reminders as they were typed."""
        amounts = [self.amount] if isinstance(self.amount, str) else list(self.amount)
        units = [self.unit] if isinstance(self.unit, str) else list(self.unit)
        return [(amount.strip(), unit) for amount, unit in zip(amounts, units, strict=False) if unit]

    def typed(self) -> dict[str, Any]:
        """What is shown again."""
        ticks = {name: getattr(self, name) == "yes" for name in ("on_scheduled", "on_updated", "on_cancelled")}
        plain = {name: getattr(self, name) for name in ("quiet_from", "quiet_to", "language", "gap_minutes")}
        return {**ticks, **plain, "channels": _several(self.channels), "rows": self.rows()}

    def changes(self) -> dict[str, Any]:
        """What is wanted.

        Raises:
            InvalidFields: naming the fields that are no numbers, times or choices.
        """
        wrong: dict[str, str] = {}
        typed = self.typed()
        for name in ("quiet_from", "quiet_to"):
            try:
                typed[name] = time.fromisoformat(typed[name])
            except ValueError:
                wrong[name] = "time-malformed"
        try:
            typed["channels"] = tuple(Channel(one) for one in typed["channels"])
        except ValueError:
            wrong["channels"] = "choice-unknown"
        typed["reminders"] = _minutes(typed.pop("rows"), wrong)
        gap = digits(typed["gap_minutes"].strip(), most=_LONGEST_NUMBER)
        if gap is None:
            wrong["gap_minutes"] = "gap-range"
        typed["gap_minutes"] = gap
        if wrong:
            raise InvalidFields(wrong, phase=_POLICY)
        return typed


@get("/s/{sid:uuid}/messages/plans", access=ADMINISTRATORS)
async def plans_page(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """Every connection, and what is sent for it."""
    async with desk.db.tenant(principal.tenant) as tx:
        over, pending = await desk.overview(tx), await desk.reporting.pending(tx)
    return show(request, principal, "plans.html", over, step=Step.PLANS, pending=pending, ahead=words.ahead, channels=words.channels())


@get("/s/{sid:uuid}/messages/plans/{connection:uuid}", access=ADMINISTRATORS)
async def plan_page(request: AnyRequest, principal: Principal, connection: UUID, desk: Desk) -> AnyResponse:
    """One connection's."""
    one = ConnectionId(connection)
    async with desk.db.tenant(principal.tenant) as tx:
        policy = await desk.settings.policy(tx, one)
    return await _form(request, principal, desk, one, _values(policy or Policy(one)), revision=policy.revision if policy else 0)


@post("/s/{sid:uuid}/messages/plans/{connection:uuid}", access=ADMINISTRATORS)
async def save_plan(
    request: AnyRequest, principal: Principal, connection: UUID, data: URLEncodedBody[PlanForm], desk: Desk, actor: Actor
) -> AnyResponse:
    """Save it; what is pending is planned anew in the same moment. Or show one reminder more, or one less."""
    one, typed = ConnectionId(connection), data.typed()
    if data.go != "save":
        typed["rows"] = _rows_after(typed["rows"], data.go)
        return await _form(request, principal, desk, one, typed, revision=data.revision)
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            await desk.policies.set_policy(tx, one, data.changes(), revision=data.revision, by=actor)
    except InvalidFields as error:
        return await _form(request, principal, desk, one, typed, revision=data.revision, wrong=dict(error.fields), status=BAD)
    except Conflict:
        async with desk.db.tenant(principal.tenant) as tx:
            stored = await desk.settings.policy(tx, one)
        return await _form(request, principal, desk, one, typed, revision=stored.revision if stored else 0, stale=True, status=STALE)
    return back(principal, f"plans/{connection}", told="saved")


async def _form(
    request: AnyRequest, principal: Principal, desk: Desk, connection: ConnectionId, values: dict[str, Any], *, revision: int, **more: Any
) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        name = (await desk.tenancy.connection(tx, connection)).name
        over, pending = await desk.overview(tx), await desk.reporting.pending(tx)
        senders = {channel: await desk.settings.route(tx, connection, channel) for channel in Channel}
    facts = {"stale": False, **more}
    return show(
        request,
        principal,
        "plan.html",
        over,
        step=Step.PLANS,
        connection=connection,
        title=name,
        values=values,
        revision=revision,
        pending=pending.get(connection, 0),
        senders=senders,
        languages=list(LANGUAGE_NAMES.items()),
        units=list(words.units().items()),
        channels=words.channels(),
        **facts,
    )


def _values(policy: Policy) -> dict[str, Any]:
    split = [words.split(minutes) for minutes in policy.reminders]
    return {
        "on_scheduled": policy.on_scheduled,
        "on_updated": policy.on_updated,
        "on_cancelled": policy.on_cancelled,
        "rows": [(str(number), str(unit)) for number, unit in split],
        "quiet_from": policy.quiet_from.strftime("%H:%M"),
        "quiet_to": policy.quiet_to.strftime("%H:%M"),
        "gap_minutes": str(policy.gap_minutes),
        "language": policy.language,
        "channels": [one.value for one in policy.channels],
    }


def _rows_after(rows: list[tuple[str, str]], go: str) -> list[tuple[str, str]]:
    """One row more, or without the row whose number is `go`."""
    if go == "add":
        return [*rows, ("", "60")]
    return [row for number, row in enumerate(rows) if str(number) != go]


def _minutes(rows: list[tuple[str, str]], wrong: dict[str, str]) -> tuple[int, ...]:
    """Reminders in minutes before the start."""
    found = []
    for amount, unit in rows:
        if not amount:
            continue
        if not (amount.isascii() and amount.isdecimal()) or len(amount) > _LONGEST_NUMBER or unit not in words.units():
            wrong["reminders"] = "reminder-range"
            continue
        found.append(int(amount) * int(unit))
    return tuple(found)


def _several(value: str | list[str]) -> list[str]:
    return ([value] if value else []) if isinstance(value, str) else list(value)


ROUTES = [plans_page, plan_page, save_plan]
