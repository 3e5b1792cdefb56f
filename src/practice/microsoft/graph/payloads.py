"""What a notification says once it is opened, in the names of today and of the two generations before."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from practice.microsoft.graph.model import Generation, OnlineMeeting, Subscription
from practice.teams.model import Happening, Presence

_OLD = {
    "callStarted": "Microsoft.Communication.CallStarted",
    "callEnded": "Microsoft.Communication.CallEnded",
    "rosterUpdated": "Microsoft.Communication.CallRosterUpdate",
}
_CAME_AND_WENT = {"roster": ("joined", "exited"), "delta": ("delta", "remove")}


def exact(at: str) -> str:
    """An instant of the ledger with the seven digits that these notifications have."""
    whole, _, part = at.rstrip("Z").partition(".")
    return f"{whole}.{part:0<7}Z"


def event_id(happening: Happening) -> str:
    """The same for one happening, however often it is told."""
    return str(uuid5(NAMESPACE_URL, f"{happening.meeting} {happening.number}"))


def where(meeting: OnlineMeeting, generation: Generation) -> str:
    """The resource as notifications name it."""
    if generation == "event":
        return f"communications/onlineMeetings(joinWebUrl='{quote(meeting.join_url, safe='')}')/meetingCallEvents"
    return f"communications/onlineMeetings?$filter=joinWebUrl+eq+'{meeting.join_url}'"


def payload(meeting: OnlineMeeting, happening: Happening, generation: Generation) -> dict[str, Any] | None:
    """What is encrypted; None where a generation has nothing to say, as the older ones have of lobbies."""
    return _today(meeting, happening) if generation == "event" else _older(meeting, happening, generation)


def _today(meeting: OnlineMeeting, happening: Happening) -> dict[str, Any]:
    resource, name = where(meeting, "event"), event_id(happening)
    said: dict[str, Any] = {
        "@odata.type": "#microsoft.graph.callEvent",
        "@odata.id": f"{resource}/{name}",
        "id": name,
        "eventType": happening.kind,
        "eventDateTime": exact(happening.at),
    }
    if happening.kind == "rosterUpdated":
        said["participants@delta"] = [_participant(one, happening.roster) for one in happening.people]
    return said


def _participant(one: Presence, roster: int) -> dict[str, Any]:
    person: dict[str, Any] = {"id": one.person, "displayName": one.name}
    if one.who == "user":
        person["tenantId"] = one.tid
    said: dict[str, Any] = {
        "id": one.id,
        "isInLobby": one.lobby,
        "isMuted": False,
        "info": {"identity": {one.who: person}},
        "rosterSequenceNumber": roster,
    }
    return {**said, "removedState": {"reason": one.gone}} if one.gone else said


def _older(meeting: OnlineMeeting, happening: Happening, generation: Generation) -> dict[str, Any] | None:
    resource = where(meeting, generation)
    said: dict[str, Any] = {
        "@odata.type": "#Microsoft.Graph.onlineMeeting",
        "@odata.id": resource,
        "id": resource,
        "eventType": _OLD[happening.kind],
        "eventDateTime": exact(happening.at),
        "state": "inactive" if happening.kind == "callEnded" else "active",
    }
    if happening.kind != "rosterUpdated":
        return said
    came = [_active(one) for one in happening.people if one.inside]
    went = [_active(one) for one in happening.people if one.gone and one.admitted]
    if not came and not went:
        return None
    joined, exited = _CAME_AND_WENT[generation]
    return {**said, f"activeParticipants@{joined}": came, f"activeParticipants@{exited}": went}


def _active(one: Presence) -> dict[str, Any]:
    person = {"Id": one.person, "DisplayName": one.name, **({"TenantId": one.tid} if one.who == "user" else {})}
    return {"id": one.id, "identity": {one.who.title(): person}}


def item(subscription: Subscription, resource: str, name: str, sealed: dict[str, str], client_state: str) -> dict[str, Any]:
    """One entry of a delivery's `value`."""
    return {
        "subscriptionId": subscription.id,
        "clientState": client_state,
        "changeType": "updated",
        "tenantId": subscription.tid,
        "resource": resource,
        "subscriptionExpirationDateTime": exact(subscription.expires),
        "resourceData": {"@odata.id": resource, "@odata.type": "#microsoft.graph.callEvent", "id": name},
        "organizationId": subscription.tid,
        "encryptedContent": sealed,
    }
