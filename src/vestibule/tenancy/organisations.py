"""Organisations and their departments, for those who administer them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import DepartmentId, TenantId, new_id
from vestibule.kit.pageful import Page, named_place, page_of, sane
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.judging import judge_department, judge_organisation, refuse
from vestibule.tenancy.model import Department, Organisation
from vestibule.tenancy.service import bound
from vestibule.tenancy.store import OrganisationStore, TenancyStore

_SAVE: Final = "organisation.save"
_DEPARTMENT: Final = "department.save"
_CHANGEABLE: Final = frozenset(field.name for field in fields(Organisation)) - {"id"}


class Organisations:
    """What an administrator sets. Methods taking `tx` act within its organisation."""

    def __init__(self, clock: Clock, audit: Audit, *, knows_region: Callable[[str], bool] = lambda _: True) -> None:
        """Say what it works with.

        Args:
            clock: tells the time.
            audit: every change is noted there.
            knows_region: whether the installation has a cell of that name; the empty region is never asked about.
        """
        self._clock = clock
        self._audit = audit
        self._knows_region = knows_region
        self._store = OrganisationStore()
        self._register = TenancyStore()

    async def create(
        self, db: Database, *, name: str, support_phone: str = "", region: str = "", parent: TenantId | None = None, by: Actor
    ) -> TenantId:
        """A new organisation, in a transaction of its own.

        Raises:
            InvalidFields: naming the fields.
        """
        one = Organisation(TenantId(new_id()), name, support_phone, region)
        async with db.tenant(one.id) as tx:
            await self._judge(tx, one)
            await self._store.insert(one.id, tx, one)
            if parent is not None:
                one = replace(one, parent=parent)
                await self._judge(tx, one)
                await self._store.update(one.id, tx, one)
            self._audit.note(tx, "organisation.created", by=by, about=("organisation", one.id))
        return one.id

    async def get(self, tx: Tx) -> Organisation:
        """The transaction's organisation."""
        return await self._found(tx)

    async def change(self, tx: Tx, changes: Mapping[str, Any], *, by: Actor) -> Organisation:
        """Set the fields of Organisation that `changes` names; the others stay.

        Raises:
            InvalidFields: naming the fields.
        """
        refuse(dict.fromkeys(set(changes) - _CHANGEABLE, "field-unknown"), phase=_SAVE)
        was = await self._found(tx, lock=True)
        now = replace(was, **changes)
        await self._judge(tx, now)
        changed = [field for field in sorted(_CHANGEABLE) if getattr(was, field) != getattr(now, field)]
        if changed:
            await self._store.update(now.id, tx, now)
            self._audit.note(tx, "organisation.changed", by=by, about=("organisation", now.id), detail=_told(changed, now))
        return now

    async def children(self, tx: Tx) -> list[tuple[TenantId, str]]:
        """Ids and names of the organisations that say they belong to this one: with them a connection is usually shared."""
        return await self._store.whose_children(tx)

    async def parent(self, tx: Tx) -> tuple[TenantId, str] | None:
        """Id and name of the organisation this one says it belongs to."""
        return await self._store.whose_parent(tx)

    # ------------------------------------------------------------------ departments

    async def departments(self, tx: Tx, *, search: str = "", after: str = "", limit: int = 50) -> Page[Department]:
        """Departments by name, those whose name or name in the record contains `search`."""
        limit = sane(limit)
        found = await self._store.departments(bound(tx), tx, search=_asked(search), after=named_place(after), limit=limit + 1)
        return page_of(found, limit, lambda one: (one.name, str(one.id)))

    async def department(self, tx: Tx, department: DepartmentId) -> Department:
        """One department that was not removed.

        Raises:
            NotFound: no-such-thing.
        """
        found = await self._store.department(bound(tx), tx, department)
        if found is None:
            raise _missing()
        return found

    async def add_department(self, tx: Tx, *, name: str, zone: str, external: str = "", by: Actor) -> Department:
        """A new department.

        Raises:
            InvalidFields: naming the fields.
        """
        one = Department(DepartmentId(new_id()), name, zone, external)
        await self._judge_department(tx, one)
        await self._register.add_department(bound(tx), tx, one)
        self._audit.note(tx, "department.added", by=by, about=("department", one.id))
        return one

    async def change_department(
        self, tx: Tx, department: DepartmentId, *, name: str | None = None, zone: str | None = None, external: str | None = None, by: Actor
    ) -> Department:
        """Change what is given; the rest stays.

        Raises:
            InvalidFields: naming the fields. NotFound: no-such-thing.
        """
        was = await self.department(tx, department)
        given: dict[str, Any] = {"name": name, "zone": zone, "external": external}
        now = replace(was, **{field: value for field, value in given.items() if value is not None})
        if now == was:
            return was
        await self._judge_department(tx, now)
        await self._store.change_department(bound(tx), tx, now)
        self._audit.note(tx, "department.changed", by=by, about=("department", department))
        return now

    async def remove_department(self, tx: Tx, department: DepartmentId, *, by: Actor) -> None:
        """It takes no new visits and stands in no list; visits that were there keep it.

        Raises:
            NotFound: no-such-thing.
        """
        await self.department(tx, department)
        await self._store.remove_department(bound(tx), tx, department, self._clock.now())
        self._audit.note(tx, "department.removed", by=by, about=("department", department))

    # ------------------------------------------------------------------ judging

    async def _found(self, tx: Tx, *, lock: bool = False) -> Organisation:
        found = await self._store.organisation(bound(tx), tx, lock=lock)
        if found is None:
            raise _missing()
        return found

    async def _judge(self, tx: Tx, one: Organisation) -> None:
        wrong = judge_organisation(one)
        if one.region and "region" not in wrong and not self._knows_region(one.region):
            wrong["region"] = "region-unknown"
        if one.parent is not None and (verdict := await self._store.judge_parent(bound(tx), tx, one.parent)):
            wrong["parent"] = "parent-circle" if verdict == "circle" else "parent-unknown"
        refuse(wrong, phase=_SAVE)

    async def _judge_department(self, tx: Tx, one: Department) -> None:
        wrong = judge_department(one)
        if not wrong and await self._store.external_is_taken(bound(tx), tx, one):
            wrong = {"external": "external-taken"}
        refuse(wrong, phase=_DEPARTMENT)


def _told(changed: list[str], now: Organisation) -> dict[str, str]:
    """What the audit keeps: which fields, and of the switches also how they stand now."""
    switches: dict[str, str] = {name: str(getattr(now, name)).lower() for name in ("two_persons", "approve_oracle") if name in changed}
    return {"fields": ", ".join(changed), **switches}


def _asked(search: str) -> str:
    return search.strip()[:200].replace("\x00", "")


def _missing() -> NotFound:
    return NotFound("no-such-thing", "There is no such thing here.", phase="tenancy")
