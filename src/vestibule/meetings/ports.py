"""What meetings elsewhere need from outside: a cloud that keeps them, somebody who opens its notifications, and a sign-in there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from vestibule.identity.ports import Asked
from vestibule.kit.ids import TenantId
from vestibule.meetings.model import Account, CallEvent, CallRecord, CloudSeen, Judged, KeyPair, Made, Report, Subscribed, Wish
from vestibule.protocols.oauth2 import Returned


class Cloud(Protocol):
    """Microsoft Graph, as far as visits need it. Each call may be repeated; none is made with a transaction open.

    Every method raises:
        NotAllowed: `teams-not-signed-in`, `teams-permission-missing`, `teams-policy-missing`, `teams-licence-missing`,
            `teams-user-unknown`.
        TooMany: `teams-throttled`, with `retry_after`.
        OutsideFailed: `teams-...`; permanent when saying it again cannot help.
    """

    async def make(self, account: Account, wish: Wish) -> Made:
        """Make the meeting or find it, set its options, read them back and compare.

        Raises:
            Conflict: `teams-settings-differ`: Microsoft keeps other settings than those asked for; nobody may be let in.
        """
        ...

    async def move(self, account: Account, organizer: str, meeting: str, starts_at: datetime, ends_at: datetime) -> None:
        """The appointment has another time."""
        ...

    async def shut(self, account: Account, organizer: str, meeting: str) -> None:
        """The visit is over: nobody comes in past the lobby any more, and nobody can write in its chat."""
        ...

    async def delete(self, account: Account, organizer: str, meeting: str) -> None:
        """It does not take place; fine when it is gone already."""
        ...

    async def subscribe(self, account: Account, join_url: str, hook: Hook, *, until: datetime) -> Subscribed:
        """Have Microsoft tell us who comes and goes. One subscription for an application and a meeting: an old one is replaced."""
        ...

    async def renew(self, account: Account, subscription: str, *, until: datetime, hook: Hook | None = None) -> Subscribed:
        """Prolong it, which also reauthorises it; with a hook it gets that one's certificate.

        Raises:
            Gone: `teams-subscription-gone`.
        """
        ...

    async def subscription(self, account: Account, subscription: str) -> Subscribed | None:
        """Whether it is still there."""
        ...

    async def unsubscribe(self, account: Account, subscription: str) -> None:
        """No more; fine when it is gone already."""
        ...

    async def reports(self, account: Account, organizer: str, meeting: str, *, known: Sequence[str] = ()) -> list[Report]:
        """The attendance reports there are, oldest first, with their records; those of a known id are left out."""
        ...

    async def call_records(self, account: Account, join_url: str, *, since: datetime, until: datetime) -> list[CallRecord]:
        """The call records of one meeting, found among all of the directory that began between the two times."""
        ...

    async def look(self, account: Account, organizers: Sequence[str]) -> CloudSeen:
        """Ask what can be asked without changing anything. Raises nothing of what it finds."""
        ...


@dataclass(frozen=True, slots=True)
class Hook:
    """Where Microsoft tells us, and how it proves itself and hides what it tells.

    Attributes:
        url: for notifications; `lifecycle_url` for what concerns the subscription itself.
        client_state: comes back with each; at most 128 characters.
    """

    url: str
    lifecycle_url: str
    client_state: str = field(repr=False)
    key: KeyPair = field(repr=False)


class Notices(Protocol):
    """Opens what Microsoft sends. May fetch Microsoft's signing keys; never inside a transaction."""

    async def open(
        self, account: Account, item: Mapping[str, Any], tokens: Sequence[str], keys: Mapping[str, KeyPair], *, now: datetime
    ) -> CallEvent:
        """Prove and decrypt one item of a notification.

        Args:
            account: the organisation it is for.
            item: of `value`, as it came.
            tokens: the batch's `validationTokens`.
            keys: ours, by the `encryptionCertificateId` we gave them.
            now: the time.

        Raises:
            NotAllowed: `teams-notice-forged`: not from Microsoft, or not for us.
            BadInput: `teams-notice-unreadable`.
            OutsideFailed: Microsoft's keys could not be had: try again.
        """
        ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in at Microsoft: ids only.

    Attributes:
        object_id: what the directory calls them.
        directory: which one, as a GUID.
        guest: the account is of another organisation, or a private one, and only invited into this directory.
    """

    object_id: str
    directory: str
    guest: bool = False


class Directory(Protocol):
    """The organisation's own sign-in at Microsoft, for clinicians who say once who they are there."""

    async def depart(self, account: Account, asked: Asked) -> tuple[str, dict[str, Any]]:
        """Where to send the browser, and what to remember until it is back.

        Raises:
            OutsideFailed: as for every sign-in: the directory does not answer, or there is none of this id.
        """
        ...

    async def arrive(self, account: Account, asked: Asked, returned: Returned, kept: dict[str, Any]) -> SignedIn:
        """Trade the code, judge the id_token.

        Raises:
            NotAllowed: `sign-in-declined`; `teams-wrong-directory`, the account is of another directory; `callback-issuer`.
            OutsideFailed: as for every sign-in.
        """
        ...


# Looks at everything an organisation needs for Teams; the doctor, behind a door of its own.
Check = Callable[[TenantId], Awaitable[Sequence[Judged]]]
