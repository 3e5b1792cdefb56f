"""How an organisation is connected to its Microsoft 365: read by everybody who makes meetings, changed by its administrators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from vestibule.errors import Conflict
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.judging import judge, judge_connected
from vestibule.meetings.model import Account, KeyPair, ProofKind, Settings
from vestibule.meetings.store.settings import Row, SettingsStore
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.tenancy.judging import refuse
from vestibule.tenancy.service import bound
from vestibule.visits.model import MeetingKind, Opens

_PHASE: Final = "meetings.settings"
_SETTABLE: Final = frozenset(field.name for field in fields(Settings)) - {"revision", "tested_at", "test_code"}
# What a test of the connection has looked at; whoever changes one of them knows nothing any more.
_PROVED: Final = ("directory", "client_id", "proof", "secret", "default_host")

# The key pair by which we prove ourselves now, of the transaction's organisation; None where none was made.
AppKey = Callable[[Tx], Awaitable[KeyPair | None]]


class MeetingSettings:
    """Methods act within the transaction's organisation."""

    def __init__(self, *, box: SecretBox, clock: Clock, audit: Audit, app_key: AppKey) -> None:
        """Say what it works with.

        Args:
            box: seals the client secret.
            clock: tells the time.
            audit: every change is noted there.
            app_key: gives the key pair by which we prove ourselves.
        """
        self._box = box
        self._clock = clock
        self._audit = audit
        self._app_key = app_key
        self._store = SettingsStore()

    async def get(self, tx: Tx) -> Settings:
        """What is set; the built-in room where nobody set anything."""
        tenant = bound(tx)
        row = await self._store.get(tenant, tx)
        return Settings() if row is None else self._settings(tenant, row)

    async def account(self, tx: Tx) -> Account:
        """What every call to Microsoft takes, also where new visits take place in the room: those that began in Teams stay.

        Raises:
            Conflict: `teams-not-set-up`.
        """
        return await self.account_of(tx, await self.get(tx))

    async def account_of(self, tx: Tx, settings: Settings) -> Account:
        """The same, of settings that were read already.

        Raises:
            Conflict: `teams-not-set-up`.
        """
        certificate = settings.proof is ProofKind.CERTIFICATE
        key = await self._app_key(tx) if certificate else None
        if judge_connected(settings) or (certificate and key is None):
            raise not_set_up()
        return Account(
            tenant=bound(tx),
            directory=settings.directory,
            client_id=settings.client_id,
            proof=settings.proof,
            secret=settings.secret,
            key=key,
        )

    async def save(self, tx: Tx, changes: Mapping[str, Any], *, revision: int, by: Actor) -> Settings:
        """Set the fields of Settings that `changes` names; the others stay. With another directory everybody's sign-in is forgotten.

        Raises:
            InvalidFields: naming the fields.
            Conflict: `meeting-settings-changed`, somebody was quicker; `teams-not-set-up`, Teams is chosen and not connected.
        """
        refuse(dict.fromkeys(set(changes) - _SETTABLE, "field-unknown"), phase=_PHASE)
        was = await self.get(tx)
        if was.revision != revision:
            raise changed_meanwhile()
        now = replace(was, **changes)
        if now.proof is ProofKind.CERTIFICATE:
            now = replace(now, secret="")  # what is not used is not kept
        refuse(judge(now), phase=_PHASE)
        if now.kind is MeetingKind.TEAMS:
            await self.account_of(tx, now)
        changed = [name for name in sorted(_SETTABLE) if getattr(was, name) != getattr(now, name)]
        if not changed:
            return was
        if any(name in _PROVED for name in changed):
            now = replace(now, tested_at=None, test_code="")
        await self._put(tx, now)
        detail = _detail(changed, now)
        if was.directory and "directory" in changed:
            detail["unbound"] = str(await self._store.forget_people(bound(tx), tx))
        self._audit.note(tx, "meeting-settings.changed", by=by, about=("organisation", bound(tx)), detail=detail)
        return replace(now, revision=revision + 1)

    async def tested(self, tx: Tx, settings: Settings, code: str, *, by: Actor) -> None:
        """What came of a test of `settings`; `code` is empty when all was well."""
        tenant = bound(tx)
        await self._store.tested(tenant, tx, settings.revision, at=self._clock.now(), code=code)
        self._audit.note(tx, "meeting-settings.tested", by=by, about=("organisation", tenant), detail={"code": code} if code else {})

    async def _put(self, tx: Tx, one: Settings) -> None:
        tenant = bound(tx)
        secret = self._box.seal(one.secret, about=_secret_about(tenant)) if one.secret else None
        if not await self._store.put(tenant, tx, one, secret=secret, at=self._clock.now()):
            raise changed_meanwhile()

    def _settings(self, tenant: TenantId, row: Row) -> Settings:
        sealed = row["secret_sealed"]
        return Settings(
            kind=MeetingKind(row["kind"]),
            directory=row["directory"],
            client_id=row["client_id"],
            proof=ProofKind(row["proof"]),
            secret="" if sealed is None else self._box.open(sealed, about=_secret_about(tenant)),
            default_host=row["default_host"],
            teams_lobby=row["teams_lobby"],
            recording=row["recording"],
            announce=row["announce"],
            opens=Opens(row["opens"]),
            revision=row["revision"],
            tested_at=row["tested_at"],
            test_code=row["test_code"],
        )


def _detail(changed: list[str], now: Settings) -> dict[str, str]:
    """Which fields, never what a secret says; where people meet is worth knowing."""
    return {"fields": ",".join(changed), **({"kind": now.kind.value} if "kind" in changed else {})}


def _secret_about(tenant: TenantId) -> str:
    return f"meeting.secret:{tenant}"


def not_set_up() -> Conflict:
    """Teams is not connected, or not wholly."""
    return Conflict("teams-not-set-up", "Microsoft Teams is not connected yet for this organisation.", phase=_PHASE)


def changed_meanwhile() -> Conflict:
    """Somebody else saved since the page was shown."""
    return Conflict("meeting-settings-changed", "Somebody changed this meanwhile. Look at it again, then save.", phase=_PHASE)
