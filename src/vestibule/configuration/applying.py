"""Carries a plan out. Each organisation is one transaction: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from vestibule.configuration.plan import Kind, Present, Step
from vestibule.configuration.reading import Reader
from vestibule.configuration.shapes import Connection, Department, Organisation
from vestibule.configuration.yamltext import Document, wrong
from vestibule.errors import InvalidFields
from vestibule.kit.ids import ConnectionId, MemberId, TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Tx
from vestibule.tenancy.judging import sentence_of
from vestibule.tenancy.model import Content, VersionState
from vestibule.wiring import Parts

_CALLED = {"secret": "client_secret_file"}


class Applier:
    """Does what the steps say."""

    def __init__(self, parts: Parts, document: Document) -> None:
        self._parts = parts
        self._document = document
        self._reader = Reader(parts)

    async def carry_out(self, steps: Sequence[Step]) -> list[str]:
        """The steps of one organisation, its own first; says what became of each connection."""
        own, *rest = steps
        tenant = await self._organisation(own)
        said = []
        async with self._parts.db.tenant(tenant) as tx:
            for step in rest:
                try:
                    said += await self._step(tx, step)
                except InvalidFields as error:
                    raise self._placed(step, error) from error
        return said

    async def _organisation(self, step: Step) -> TenantId:
        wanted: Organisation = step.wanted
        present: Present | None = step.present
        try:
            parent = await self._named(step, wanted.parent, "parent") if wanted.parent else None
            tenant = present.id if present else await self._create(wanted)
            async with self._parts.db.tenant(tenant) as tx:
                kept = ("support_phone", "entra_tenant", "two_persons", "approve_oracle", "idle_minutes")
                fields: dict[str, Any] = {name: getattr(wanted, name) for name in kept}
                await self._parts.organisations.change(tx, {**fields, "region": self._region(wanted), "parent": parent}, by=SYSTEM)
        except InvalidFields as error:
            raise self._placed(step, error) from error
        return tenant

    async def _create(self, wanted: Organisation) -> TenantId:
        return await self._parts.organisations.create(
            self._parts.db, name=wanted.name, support_phone=wanted.support_phone, region=self._region(wanted), by=SYSTEM
        )

    def _region(self, wanted: Organisation) -> str:
        return wanted.region or self._parts.settings.region

    async def _step(self, tx: Tx, step: Step) -> list[str]:
        if step.kind is Kind.SAME:
            return []
        if step.what == "department":
            await self._department(tx, step)
            return []
        return [await self._connection(tx, step)]

    async def _department(self, tx: Tx, step: Step) -> None:
        organisations = self._parts.organisations
        if step.kind is Kind.REMOVE:
            await organisations.remove_department(tx, step.present, by=SYSTEM)
            return
        one: Department = step.wanted
        if step.kind is Kind.CREATE:
            await organisations.add_department(tx, name=one.name, zone=one.zone, external=one.external, by=SYSTEM)
        else:
            await organisations.change_department(tx, step.present, name=one.name, zone=one.zone, external=one.external, by=SYSTEM)

    async def _connection(self, tx: Tx, step: Step) -> str:
        approvals = self._parts.approvals
        if step.kind is Kind.REMOVE:
            await approvals.remove(tx, step.present.id, revision=step.present.revision, by=SYSTEM)
            return f"connection {step.name}: removed"
        if step.kind is Kind.CREATE:
            content = await self._content(tx, step)
            version = await approvals.start(tx, content, secret=step.secret or "", by=SYSTEM)
        elif step.kind is Kind.CHANGE:
            content = await self._content(tx, step)
            was = step.present
            version = await approvals.save(tx, was.id, content, revision=was.revision, secret=step.secret, by=SYSTEM)
        else:
            version = await approvals.newest(tx, step.present.id)
        return await self._submit(tx, step, version.connection, version.revision)

    async def _submit(self, tx: Tx, step: Step, connection: ConnectionId, revision: int) -> str:
        if (await self._parts.organisations.get(tx)).two_persons:
            return f"connection {step.name}: saved as a draft, id {connection}; where two persons are needed, one of them must submit it"
        version = await self._parts.approvals.submit(tx, connection, revision=revision, by=SYSTEM)
        became = "in force" if version.state is VersionState.APPROVED else "awaiting approval"
        return f"connection {step.name}: {became}, id {connection}"

    async def _content(self, tx: Tx, step: Step) -> Content:
        one: Connection = step.wanted
        fields: dict[str, Any] = {name: getattr(one, name) for name in Content.__slots__ if name in one.__struct_fields__}
        fields["approver"] = await self._approver(tx, step, one.approver) if one.approver else None
        fields["shared_with"] = tuple([await self._named(step, name, "shared_with") for name in one.shared_with])
        return Content(**fields)

    async def _approver(self, tx: Tx, step: Step, email: str) -> MemberId:
        page = await self._parts.members.listing(tx, search=email, limit=200)
        found = [one for one in page.items if one.email.casefold() == email.casefold()]
        if not found:
            raise wrong(self._document.at(f"{step.path}.approver"), f"{email} is nobody of {step.organisation}; invite them first")
        return found[0].id

    async def _named(self, step: Step, name: str, field: str) -> TenantId:
        tenant = await self._reader.find(name)
        if tenant is None:
            raise wrong(self._document.at(f"{step.path}.{field}"), f"there is no organisation called {name} here")
        return tenant

    def _placed(self, step: Step, error: InvalidFields) -> Exception:
        """Which field of which thing, and where in the file it stands."""
        field, code = next(iter(error.fields.items()))
        name = _CALLED.get(field, field)
        return wrong(self._document.at(f"{step.path}.{name}"), f"{step.what} {step.name}: {name}: {sentence_of(code)} ({code})")


def exported(present: Present) -> dict[str, Any]:
    """An organisation as it stands in a file: what is in force or awaits approval, no secrets, nothing that is as usual."""
    shape = msgspec.structs.replace(
        present.shape,
        departments=tuple(one for _, one in present.departments),
        connections=tuple(one.stands for one in present.connections if one.stands is not None),
    )
    plain: dict[str, Any] = msgspec.to_builtins(shape)
    return plain
