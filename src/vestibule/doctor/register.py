"""The register of connections, asked in short transactions that end before anything is called."""

from __future__ import annotations

from dataclasses import dataclass

from vestibule.doctor.ports import Kept, Neighbour
from vestibule.platform.db import Database
from vestibule.tenancy.model import Connection
from vestibule.tenancy.service import Tenancy


@dataclass(frozen=True, slots=True)
class TenancyRegister:
    """The port `Register`."""

    db: Database
    tenancy: Tenancy

    async def kept(self, connection: Connection) -> Kept:
        """The connection's keys, and those it might be confused with."""
        async with self.db.tenant(connection.tenant) as tx:
            keys = await self.tenancy.signing_keys(tx, connection.id)
            serving = [one for one in await self.tenancy.connections(tx) if one.serving and one.id != connection.id]
            known = {connection.id, *(one.id for one in serving)}
            drafts = [one for one in await self.tenancy.waiting(tx, connection.iss) if one not in known]
        others = set(await self.tenancy.tenants_of_iss(self.db, connection.iss)) - {connection.tenant}
        neighbours = [Neighbour(one.name, one.environment, one.iss, own=True) for one in serving]
        neighbours += [Neighbour("that is being set up", "not in force yet", connection.iss, own=True) for _ in drafts[:1]]
        # Nothing of another organisation is shown but that it is there.
        neighbours += [Neighbour("", "", connection.iss, own=False)] if others else []
        return Kept(tuple(keys), tuple(neighbours))
