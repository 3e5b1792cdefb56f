"""What is here, in the shape of a configuration file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from vestibule.configuration.plan import Present, Standing
from vestibule.configuration.shapes import Connection, Department, Organisation
from vestibule.configuration.store import NameStore
from vestibule.errors import Conflict, NotFound
from vestibule.kit.ids import ConnectionId, MemberId, TenantId
from vestibule.platform.db import Tx
from vestibule.tenancy.model import Content
from vestibule.wiring import Parts

_PAGE = 200


class Reader:
    """Reads organisations for a command."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._names = NameStore()
        self._called: dict[TenantId, str] = {}

    async def find(self, name: str) -> TenantId | None:
        """The organisation of that name.

        Raises:
            Conflict: configuration-ambiguous: there are several.
        """
        found = await self._names.whose_name(self._parts.db, name)
        if len(found) > 1:
            raise Conflict(
                "configuration-ambiguous",
                f"Several organisations here are called {name}; a file knows them by name only.",
                phase="configuration",
            )
        return found[0] if found else None

    async def organisation(self, tenant: TenantId) -> Present:
        """Everything of one organisation."""
        async with self._parts.db.tenant(tenant) as tx:
            departments = [one async for one in self._all(self._parts.organisations.departments, tx)]
            lines = [one async for one in self._all(self._parts.approvals.lines, tx)]
            own = await self._shape(tx)
            connections = [await self._standing(tx, line.id) for line in lines]
        return Present(
            tenant, own, tuple((one.id, Department(one.name, one.zone, one.external)) for one in departments), tuple(connections)
        )

    async def _shape(self, tx: Tx) -> Organisation:
        one = await self._parts.organisations.get(tx)
        parent = await self._parts.organisations.parent(tx)
        return Organisation(
            name=one.name,
            support_phone=one.support_phone,
            region=one.region,
            parent=parent[1] if parent else "",
            entra_tenant=one.entra_tenant,
            two_persons=one.two_persons,
            approve_oracle=one.approve_oracle,
            idle_minutes=one.idle_minutes,
        )

    async def _standing(self, tx: Tx, connection: ConnectionId) -> Standing:
        approvals = self._parts.approvals
        newest, in_force = await approvals.newest(tx, connection), await approvals.in_force(tx, connection)
        tried = await approvals.candidate(tx, connection)
        serving = await self._connection(tx, in_force.content) if in_force else None
        return Standing(connection, newest.revision, newest.state, await self._connection(tx, newest.content), serving, tried.client_secret)

    async def _connection(self, tx: Tx, content: Content) -> Connection:
        fields: dict[str, Any] = {name: getattr(content, name) for name in Content.__slots__ if name in Connection.__struct_fields__}
        fields["profile"] = dict(content.profile)
        fields["approver"] = await self._email(tx, content.approver) if content.approver else ""
        fields["shared_with"] = tuple(sorted([await self._name(tenant) for tenant in content.shared_with]))
        return Connection(**fields)

    async def _email(self, tx: Tx, member: MemberId) -> str:
        try:
            return (await self._parts.members.get(tx, member)).email.lower()
        except NotFound:
            return ""

    async def _name(self, tenant: TenantId) -> str:
        """Another organisation's name; the command is the operator's, who may see every one."""
        if tenant not in self._called:
            async with self._parts.db.tenant(tenant) as tx:
                self._called[tenant] = (await self._parts.organisations.get(tx)).name
        return self._called[tenant]

    @staticmethod
    async def _all(listing: Callable[..., Awaitable[Any]], tx: Tx) -> AsyncIterator[Any]:
        """Every page of a list."""
        after = ""
        while True:
            page = await listing(tx, after=after, limit=_PAGE)
            for one in page.items:
                yield one
            if not page.next:
                return
            after = page.next
