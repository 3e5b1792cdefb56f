"""What the cloud keeps: in the hospital's book its policies and manners, on its shelf meetings and subscriptions.

Plain msgspec structs. A meeting's options are kept under Graph's own names; times are instants in UTC (`2026-11-21T10:30:00Z`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

Word = Annotated[str, Meta(max_length=200)]
Permission = Literal[
    "OnlineMeetings.Read.All",
    "OnlineMeetings.ReadWrite.All",
    "OnlineMeetingArtifact.Read.All",
    "VirtualAppointment.Read.All",
    "VirtualAppointment.ReadWrite.All",
    "CallRecords.Read.All",
    "User.Read.All",
]
Licence = Literal["teams", "teams_premium"]
Generation = Literal["event", "roster", "delta"]
GuestIds = Literal["same", "other", "none"]
PolicyWords = Literal["forbidden", "general", "unauthorized"]
Trick = Literal["", "duplicate", "reorder", "drop"]
NoticeFault = Literal[
    "none", "client-state", "audience", "issuer", "appid", "expired", "unsigned", "signature", "no-token", "data", "data-signature", "key"
]


class AccessPolicy(Struct, kw_only=True):
    """An application access policy: which apps may act for which organizers (New- and Grant-CsApplicationAccessPolicy).

    Attributes:
        tid: the directory it is of; empty for every one.
        app_ids: client ids of the apps it lets in.
        granted_to: object ids of organizers.
        everyone: granted to the whole directory (`-Global`).
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._\-]{1,100}$")]
    tid: Word = ""
    app_ids: list[Word] = field(default_factory=list)
    granted_to: list[Word] = field(default_factory=list)
    everyone: bool = False

    def lets(self, app_id: str, tid: str, oid: str) -> bool:
        """Whether an app may act for an organizer of a directory."""
        return app_id in self.app_ids and self.tid in {"", tid} and (self.everyone or oid in self.granted_to)


class CloudManners(Struct, kw_only=True):
    """How the cloud behaves when it is well; its troubles are the switch `graph`.

    Attributes:
        keeps: options that the organisation's own policy keeps, whatever an app asks for, under Graph's names.
        monthly: meetings of one organizer in a calendar month before 429.
        per_second: calls of one app a second before 429; 0 for no limit.
        generation: the names that notifications use: `event` today's, `roster` and `delta` the two before.
        trick: how notifications go astray: `duplicate` each twice, `reorder` the next one first, `drop` none arrive.
        notice_fault: what is wrong with notifications that nobody should believe.
        batch: at most so many items in one delivery.
        retry_seconds: the first pause before a delivery is tried again; it doubles.
        report_seconds: after the end of a call until its attendance report is there.
        record_seconds: the same for its call record.
        policy_words: how a missing access policy is said: as documented today (`forbidden`), as SDKs report it (`general`), or as
            documented before (`unauthorized`).
        days: for how long call records are kept.
        guest_ids: by what reports and records call somebody without an account: as notifications did (`same`), otherwise (`other`), or
            not at all (`none`). Of records `other` has been seen: a user of no directory and no name.
    """

    keeps: dict[str, Any] = field(default_factory=dict)
    monthly: Annotated[int, Meta(ge=0, le=1_000_000)] = 2_000
    per_second: Annotated[int, Meta(ge=0, le=1_000_000)] = 2_000
    generation: Generation = "event"
    trick: Trick = ""
    notice_fault: NoticeFault = "none"
    batch: Annotated[int, Meta(ge=1, le=100)] = 10
    retry_seconds: Annotated[float, Meta(ge=0, le=600)] = 1
    report_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 2
    record_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 4
    days: Annotated[int, Meta(ge=1, le=365)] = 30
    guest_ids: GuestIds = "other"
    policy_words: PolicyWords = "forbidden"


@dataclass(frozen=True)
class Option:
    """An option of a meeting: what it is at first, and what it may be (None means true or false).

    Attributes:
        newer: values that only a reader who says so is shown (`Prefer: include-unknown-enum-members`).
        live: whether a change counts in a call that is under way.
    """

    first: Any
    values: tuple[str, ...] | None = None
    newer: frozenset[str] = frozenset()
    live: bool = True


_SCOPES = ("organizer", "organization", "organizationAndFederated", "everyone", "invited", "organizationExcludingGuests")
SCOPE: Final = Option("organization", _SCOPES, frozenset({"invited", "organizationExcludingGuests"}))
OPTIONS: Final[Mapping[str, Option]] = {
    "allowAttendeeToEnableCamera": Option(first=True),
    "allowAttendeeToEnableMic": Option(first=True),
    "allowBreakoutRooms": Option(first=True, live=False),
    "allowCopyingAndSharingMeetingContent": Option(first=True),
    "allowLiveShare": Option("enabled", ("enabled", "disabled"), live=False),
    "allowMeetingChat": Option("enabled", ("enabled", "disabled", "limited")),
    "allowParticipantsToChangeName": Option(first=False),
    "allowPowerPointSharing": Option(first=True, live=False),
    "allowRecording": Option(first=True),
    "allowTeamworkReactions": Option(first=True),
    "allowTranscription": Option(first=True),
    "allowWhiteboard": Option(first=True, live=False),
    "allowedLobbyAdmitters": Option(
        "organizerAndCoOrganizersAndPresenters", ("organizerAndCoOrganizersAndPresenters", "organizerAndCoOrganizers")
    ),
    "allowedPresenters": Option("everyone", ("everyone", "organization", "roleIsPresenter", "organizer")),
    "isEntryExitAnnounced": Option(first=True),
    "recordAutomatically": Option(first=False, live=False),
    "shareMeetingChatHistoryDefault": Option("none", ("all", "none"), live=False),
}


class Attendee(Struct, kw_only=True):
    """Somebody invited: by object id, or by user name alone."""

    upn: str = ""
    oid: str = ""
    role: str = "attendee"


class OnlineMeeting(Struct, kw_only=True):
    """A meeting. `organizer` is an object id of the directory `tid`; `thread` names its chat and is part of its links.

    Attributes:
        id: what Graph calls it by.
        options: everything that can be set and was, under Graph's names, without the lobby's two.
        lobby: `lobbyBypassSettings.scope`: who comes in past Teams' own lobby.
        visitor_url: takes somebody without an account into the meeting in their browser.
        changed: when it was last patched.
    """

    id: str
    tid: str
    organizer: str
    thread: str
    join_url: str
    visitor_url: str
    created: str
    start: str
    end: str
    external_id: str = ""
    subject: str = ""
    attendees: list[Attendee] = field(default_factory=list)
    lobby: str = SCOPE.first
    dial_in_bypass: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    join_id: str = ""
    passcode: str = ""
    changed: str = ""
    deleted: bool = False

    def option(self, name: str) -> Any:
        """An option as it stands."""
        return self.options.get(name, OPTIONS[name].first)

    @property
    def chat(self) -> str:
        """`enabled`, `disabled`, or `limited` to the time of the call."""
        return str(self.option("allowMeetingChat"))


class Subscription(Struct, kw_only=True):
    """A subscription to what happens in one meeting.

    Attributes:
        app_id: the app that made it; nobody else sees it.
        thread: of the meeting.
        resource: as it was asked for.
        certificate: Base64 of a DER certificate, to whose key the notifications are encrypted.
        expires: an instant.
    """

    id: str
    tid: str
    app_id: str
    thread: str
    resource: str
    url: str
    lifecycle_url: str
    client_state: str
    certificate: str
    certificate_id: str
    expires: str
    created: str
