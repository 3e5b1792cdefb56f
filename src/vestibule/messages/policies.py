"""What an administrator sets of what is sent: consent, policy and texts of each connection, and addresses for trying things out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final
from uuid import UUID

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.messages.carrying import Replan, changed_meanwhile
from vestibule.messages.judging import is_email, is_phone, judge_policy, judge_wording
from vestibule.messages.kept import Consent, TestRecipient
from vestibule.messages.model import Channel, Policy, Purpose, Wording
from vestibule.messages.readymade import ready_made
from vestibule.messages.setting import MessageSettings, test_about, test_key
from vestibule.messages.store.policies import PolicyStore
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.tenancy.judging import name_code, refuse
from vestibule.tenancy.service import Tenancy, bound
from vestibule.visits.model import Place

_CONSENT: Final = "messages.consent"
_POLICY: Final = "messages.policy"
_WORDING: Final = "messages.wording"
_TEST: Final = "messages.test-recipient"
_SETTABLE: Final = frozenset(field.name for field in fields(Policy)) - {"connection", "consented", "revision"}


class Policies:
    """Changes what is sent. Methods act within the transaction's organisation."""

    def __init__(self, *, clock: Clock, box: SecretBox, audit: Audit, tenancy: Tenancy, settings: MessageSettings, replan: Replan) -> None:
        """Say what it works with.

        Args:
            clock: tells the time.
            box: seals test recipients.
            audit: every change is noted there.
            tenancy: knows the connections.
            settings: reads what there is.
            replan: plans anew what is pending for a connection.
        """
        self._clock = clock
        self._box = box
        self._audit = audit
        self._tenancy = tenancy
        self._settings = settings
        self._replan = replan
        self._store = PolicyStore()

    async def consent(self, tx: Tx, *, behalf: bool, patients: bool, by: Actor) -> Consent:
        """Tick the boxes, or take the ticks away; a box that stays ticked keeps who ticked it and when."""
        was = await self._store.consent(bound(tx), tx, lock=True)
        now, moment = was, self._clock.now()
        if behalf != (was.behalf_at is not None):
            now = replace(now, behalf_by=by.id if behalf else "", behalf_at=moment if behalf else None)
        if patients != (was.patients_at is not None):
            now = replace(now, patients_by=by.id if patients else "", patients_at=moment if patients else None)
        if now == was:
            return was
        now = replace(now, revision=was.revision + 1)
        await self._store.put_consent(bound(tx), tx, now)
        detail = {"behalf": _yes(behalf), "patients": _yes(patients)}
        self._audit.note(tx, "message-consent.changed", by=by, about=("organisation", bound(tx)), detail=detail)
        if now.given != was.given:
            for connection in sorted(await self._settings.policies(tx)):
                await self._replan(tx, connection)
        return now

    async def set_policy(self, tx: Tx, connection: ConnectionId, changes: Mapping[str, Any], *, revision: int, by: Actor) -> Policy:
        """Set what is sent for a connection: the fields of Policy that `changes` names; the others stay.

        Raises:
            NotFound: no-such-thing, for a connection that is not the organisation's.
            Conflict: `message-settings-changed`.
            InvalidFields: naming the fields.
        """
        refuse(dict.fromkeys(set(changes) - _SETTABLE, "field-unknown"), phase=_POLICY)
        await self._tenancy.connection(tx, connection)
        await self._store.hold_policy(bound(tx), tx, connection)
        stored = await self._settings.policy(tx, connection)
        was = stored or Policy(connection, revision=0)
        if was.revision != revision:
            raise changed_meanwhile()
        now = replace(was, **changes)
        now = replace(now, reminders=tuple(sorted(now.reminders, reverse=True)))
        refuse(judge_policy(now), phase=_POLICY)
        changed = sorted(name for name in _SETTABLE if getattr(was, name) != getattr(now, name))
        if stored is not None and not changed:
            return stored
        now = replace(now, revision=was.revision + 1)
        await self._store.put_policy(bound(tx), tx, now, self._clock.now())
        self._audit.note(tx, "message-policy.changed", by=by, about=("connection", connection), detail={"fields": ",".join(changed)})
        await self._replan(tx, connection)
        return now

    # ------------------------------------------------------------------ texts

    async def set_wording(self, tx: Tx, connection: ConnectionId, one: Wording, *, revision: int, by: Actor) -> None:
        """A text of one's own; the ready-made text itself is none.

        Args:
            tx: of the organisation.
            connection: whose appointments it speaks of.
            one: the text.
            revision: of the own text that the writer looked at; 0 for none.
            by: who.

        Raises:
            Conflict: `message-settings-changed`.
            InvalidFields: naming the fields.
        """
        await self._tenancy.connection(tx, connection)
        text = one.text.replace("\r\n", "\n").strip()
        one = replace(one, text=text, subject=one.subject.strip())
        if (one.text, one.subject) == _bare(ready_made(one.language, one.channel, one.purpose, one.place)):
            await self.reset_wording(tx, connection, one.language, one.channel, one.purpose, one.place, by=by)
            return
        refuse(judge_wording(one), phase=_WORDING)
        place = (one.language, one.channel.value, one.purpose.value, one.place.value)
        await self._store.hold_policy(bound(tx), tx, connection)
        row = await self._store.wording(bound(tx), tx, connection, *place)
        if (row["revision"] if row else 0) != revision:
            raise changed_meanwhile()
        if row is not None and (row["text"], row["subject"]) == (one.text, one.subject):
            return
        await self._store.put_wording(bound(tx), tx, connection, one, self._clock.now())
        self._audit.note(tx, "message-wording.changed", by=by, about=("connection", connection), detail={"text": "/".join(place)})

    async def reset_wording(
        self, tx: Tx, connection: ConnectionId, language: str, channel: Channel, purpose: Purpose, place: Place, *, by: Actor
    ) -> None:
        """Back to the ready-made text."""
        where = (language, channel.value, purpose.value, place.value)
        if await self._store.wording(bound(tx), tx, connection, *where) is None:
            return
        await self._store.drop_wording(bound(tx), tx, connection, *where)
        self._audit.note(tx, "message-wording.reset", by=by, about=("connection", connection), detail={"text": "/".join(where)})

    # ------------------------------------------------------------------ test recipients

    async def add_test_recipient(self, tx: Tx, address: str, label: str, *, by: Actor) -> TestRecipient:
        """An address that no carrier is ever given.

        Raises:
            InvalidFields: naming the fields.
        """
        address = address.strip()
        channel = Channel.EMAIL if "@" in address else Channel.SMS
        wrong = {} if (is_email(address) if channel is Channel.EMAIL else is_phone(address)) else {"address": "test-recipient-malformed"}
        if label and (code := name_code(label)):
            wrong["label"] = code
        refuse(wrong, phase=_TEST)
        one, tenant = TestRecipient(new_id(), channel, address, label), bound(tx)
        kept = await self._store.add_test_recipient(
            tenant,
            tx,
            one.id,
            channel=channel.value,
            sealed=self._box.seal(address, about=test_about(tenant, one.id)),
            key=self._box.keyed_hash(test_key(address)),
            label=label,
            at=self._clock.now(),
        )
        self._audit.note(tx, "test-recipient.added", by=by, about=("test-recipient", kept), detail={"channel": channel.value})
        return replace(one, id=kept)

    async def remove_test_recipient(self, tx: Tx, recipient: UUID, *, by: Actor) -> None:
        """From now on it is an address like any other.

        Raises:
            NotFound: `test-recipient-not-found`.
        """
        if not await self._store.remove_test_recipient(bound(tx), tx, recipient):
            raise NotFound("test-recipient-not-found", "There is no such test recipient.", phase=_TEST)
        self._audit.note(tx, "test-recipient.removed", by=by, about=("test-recipient", recipient))


def _yes(value: bool) -> str:  # noqa: FBT001  a word for it is all it gives
    return "yes" if value else "no"


def _bare(one: Wording) -> tuple[str, str]:
    return one.text.strip(), one.subject.strip()
