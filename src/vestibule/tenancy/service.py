"""Organisations, departments, EHR connections and their signing keys. Secrets are sealed before they rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, DepartmentId, TenantId, new_id
from vestibule.platform.db import Database, Tx
from vestibule.protocols.jose import SigningKey
from vestibule.tenancy.direct import CHANNEL, put_in_force
from vestibule.tenancy.model import Connection, Department, Environment, Tenant
from vestibule.tenancy.store import SealedKey, TenancyStore

__all__ = ["CHANNEL", "PUBLISH_FIRST", "ConnectionKey", "Sealer", "Tenancy", "bound", "found"]

T = TypeVar("T")
# EHRs keep our public keys for up to a day (Epic: 24 hours): a new key is published that long before it signs.
PUBLISH_FIRST = timedelta(hours=24)


class Sealer(Protocol):
    """What seals secrets: kit/secretbox."""

    def seal(self, plain: str, *, about: str) -> bytes:
        """Encrypt."""
        ...

    def open(self, sealed: bytes, *, about: str) -> str:
        """Decrypt what was sealed about the same thing."""
        ...


@dataclass(frozen=True, slots=True)
class ConnectionKey:
    """A signing key of a connection, and when it is used."""

    key: SigningKey
    active_from: datetime
    retires_at: datetime | None


class Tenancy:
    """The register of who we work for. Methods taking `tx` act within its tenant."""

    def __init__(self, clock: Clock, secrets: Sealer) -> None:
        self._clock = clock
        self._secrets = secrets
        self._store = TenancyStore()

    async def add_tenant(self, tx: Tx, *, name: str, support_phone: str = "") -> Tenant:
        """Register the organisation the transaction is bound to: `async with db.tenant(TenantId(new_id())) as tx`."""
        tenant = bound(tx)
        await self._store.add_tenant(tenant, tx, name, support_phone)
        return Tenant(tenant, name, support_phone)

    async def tenant(self, tx: Tx) -> Tenant:
        """The transaction's organisation."""
        return found(await self._store.tenant(bound(tx), tx))

    async def place(
        self, tx: Tx, department: DepartmentId | None, connection: ConnectionId | None
    ) -> tuple[Tenant, Department | None, Environment | None]:
        """What a page says about where one is: the organisation, the department, the environment."""
        return await self._store.place(bound(tx), tx, department, connection)

    async def tenants(self, db: Database) -> list[TenantId]:
        """Every organisation's id, for jobs that visit each in turn."""
        async with db.anyone() as tx:
            return await self._store.whose_tenants(tx)

    async def add_department(self, tx: Tx, *, name: str, zone: str, external: str = "") -> Department:
        """Register a department."""
        department = Department(DepartmentId(new_id()), name, zone, external)
        await self._store.add_department(bound(tx), tx, department)
        return department

    async def departments(self, tx: Tx) -> list[Department]:
        """All departments by name."""
        return await self._store.departments(bound(tx), tx)

    async def department(self, tx: Tx, department: DepartmentId) -> Department:
        """One department."""
        return found(await self._store.department(bound(tx), tx, department))

    async def department_by_external(self, tx: Tx, external: str) -> Department | None:
        """The department the EHR's launch context calls `external`."""
        return await self._store.department_by_external(bound(tx), tx, external)

    async def add_connection(self, tx: Tx, connection: Connection) -> Connection:
        """Put a connection into force past every approval: for tests, the demo, and whoever holds the machine itself.

        An empty client secret leaves the stored one alone. What was in force or being worked at is replaced.
        """
        tenant = bound(tx)
        if connection.tenant != tenant:
            raise ValueError("the connection belongs to another tenant than the transaction")
        await put_in_force(tx, connection, self.seal(tenant, connection.id, connection.client_secret), at=self._clock.now())
        return connection

    def seal(self, tenant: TenantId, connection: ConnectionId, secret: str) -> bytes | None:
        """A client secret as it rests; an empty one is none."""
        return self._secrets.seal(secret, about=_about_secret(tenant, connection)) if secret else None

    def opened(self, tenant: TenantId, connection: ConnectionId, sealed: bytes | None) -> str:
        """A client secret as it is used."""
        return self._secrets.open(sealed, about=_about_secret(tenant, connection)) if sealed is not None else ""

    async def connection(self, tx: Tx, connection: ConnectionId) -> Connection:
        """One connection, its client secret opened."""
        return self._opened(found(await self._store.connection(bound(tx), tx, connection)))

    async def connections(self, tx: Tx) -> list[Connection]:
        """All connections in force by name."""
        return [self._opened(pair) for pair in await self._store.connections(bound(tx), tx, removed=False)]

    async def connection_names(self, tx: Tx) -> list[tuple[ConnectionId, str]]:
        """What the connections in force are called, by name, for lists to choose from: no secret is touched for it."""
        return await self._store.connection_names(bound(tx), tx)

    async def past_connections(self, tx: Tx) -> list[Connection]:
        """All connections by name that are or ever were in force, for visits came through them; their secrets stay sealed."""
        return [connection for connection, _ in await self._store.connections(bound(tx), tx, removed=True)]

    async def connection_by_iss(self, tx: Tx, iss: str) -> Connection | None:
        """The serving connection whose FHIR base URL is exactly `iss`."""
        pair = await self._store.connection_by_iss(bound(tx), tx, iss)
        return self._opened(pair) if pair else None

    async def whose_iss(self, db: Database, iss: str) -> list[Connection]:
        """Every serving connection, of any tenant, whose FHIR base URL is exactly `iss`: no prefix, no case folding, no trailing slash."""
        serving = []
        for tenant in await self.tenants_of_iss(db, iss):
            async with db.tenant(tenant) as tx:
                serving.append(await self.connection_by_iss(tx, iss))
        return [connection for connection in serving if connection]

    async def tenants_of_iss(self, db: Database, iss: str) -> list[TenantId]:
        """The organisations that have a serving connection to exactly this FHIR base URL; each has one."""
        return await self._store.whose_iss(db, iss)

    async def whose_waiting(self, db: Database, iss: str) -> list[TenantId]:
        """The organisations that are about to connect exactly this FHIR base URL, or have."""
        return await self._store.whose_waiting(db, iss)

    async def waiting(self, tx: Tx, iss: str) -> list[ConnectionId]:
        """The organisation's own connections that have this FHIR base URL in their newest version, in force or not."""
        return await self._store.waiting(bound(tx), tx, iss)

    async def whose_connection(self, db: Database, connection: ConnectionId) -> TenantId:
        """The tenant of a connection, for addresses that name nothing else, such as its JWKS.

        Raises:
            NotFound: there is no such connection.
        """
        async with db.anyone() as tx:
            return found(await self._store.whose_connection(tx, connection))

    async def anyones_connection(self, db: Database, connection: ConnectionId) -> Connection | None:
        """A connection of whatever organisation, in force or not; None when there is none or it was removed."""
        async with db.anyone() as tx:
            tenant = await self._store.whose_connection(tx, connection)
        if tenant is None:
            return None
        async with db.tenant(tenant) as tx:
            pair = await self._store.connection(tenant, tx, connection)
        return self._opened(pair) if pair and (pair[0].serving or not pair[0].version) else None

    async def signing_keys(self, tx: Tx, connection: ConnectionId) -> list[ConnectionKey]:
        """Every key to publish, newest first; those with `active_from` in the future do not sign yet."""
        tenant = bound(tx)
        keys = await self._store.keys(tenant, tx, connection, self._clock.now())
        return [self._unsealed(tenant, key) for key in keys]

    async def signing_key(self, tx: Tx, connection: ConnectionId, algs: Sequence[str] = ("ES384", "RS384")) -> SigningKey:
        """The key to sign with now: the first algorithm in `algs` for which an active key exists.

        Raises:
            NotFound: no key is active; `rotate_keys` makes one.
        """
        now = self._clock.now()
        active = [key for key in await self.signing_keys(tx, connection) if key.active_from <= now]
        for alg in algs:
            for key in active:
                if key.key.alg == alg:
                    return key.key
        raise NotFound("no-signing-key", "This connection has no signing key for the algorithms its EHR accepts.", phase="tenancy.keys")

    async def oldest_keys(self, tx: Tx, before: datetime) -> list[tuple[ConnectionId, datetime]]:
        """Connections that still sign with a key from before a moment, and since when they do; the oldest first, fifty at most."""
        return await self._store.old_keys(bound(tx), tx, before)

    async def rotate_keys(self, tx: Tx, connection: ConnectionId, algs: Sequence[str] = ("ES384",)) -> list[ConnectionKey]:
        """Make a new key for each algorithm.

        The first key signs at once. A later one is published for a day before it signs, and its predecessor stays published for a day
        after: whoever has cached our key set never meets a signature they cannot check.
        """
        tenant, now = bound(tx), self._clock.now()
        had = {key.key.alg for key in await self.signing_keys(tx, connection)}
        made = []
        for alg in algs:
            active_from = now + PUBLISH_FIRST if alg in had else now
            await self._store.retire_keys(tenant, tx, connection, [alg], active_from + PUBLISH_FIRST)
            key = SigningKey.generate(alg)
            sealed = self._secrets.seal(key.to_text(), about=_about_key(tenant, key.kid))
            await self._store.add_key(tenant, tx, connection, SealedKey(key.kid, alg, sealed, active_from, None))
            made.append(ConnectionKey(key, active_from, None))
        return made

    def _opened(self, pair: tuple[Connection, bytes | None]) -> Connection:
        connection, sealed = pair
        return replace(connection, client_secret=self.opened(connection.tenant, connection.id, sealed))

    def _unsealed(self, tenant: TenantId, key: SealedKey) -> ConnectionKey:
        text = self._secrets.open(key.sealed, about=_about_key(tenant, key.kid))
        return ConnectionKey(SigningKey.from_text(text), key.active_from, key.retires_at)


def bound(tx: Tx) -> TenantId:
    """The tenant a transaction is bound to; using one without is a mistake in the program."""
    if tx.tenant is None:
        raise RuntimeError("this needs a transaction bound to a tenant")
    return tx.tenant


def found(thing: T | None) -> T:
    """The thing; none, or another organisation's, is nothing here."""
    if thing is None:
        raise NotFound("no-such-thing", "There is no such thing here.", phase="tenancy")
    return thing


def _about_secret(tenant: TenantId, connection: ConnectionId) -> str:
    return f"connection.client_secret:{tenant}:{connection}"


def _about_key(tenant: TenantId, kid: str) -> str:
    return f"signing_key:{tenant}:{kid}"
