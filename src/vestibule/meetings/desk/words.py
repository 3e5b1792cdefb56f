"""The pages about meetings in words."""

from __future__ import annotations

from vestibule.platform.web.i18n import gettext as _
from vestibule.visits.model import MeetingKind, Opens


def steps() -> dict[str, str]:
    """The steps of connecting Teams, in their order."""
    return {
        "application": _("Application"),
        "proof": _("Certificate"),
        "permissions": _("Permissions"),
        "options": _("Options"),
        "test": _("Test"),
    }


def fields() -> dict[str, str]:
    """What fields are called."""
    return {
        "announce": _("Announce who comes and goes"),
        "client_id": _("Application (client) ID"),
        "default_host": _("Default host"),
        "directory": _("Directory (tenant) ID"),
        "kind": _("Where visits take place"),
        "opens": _("How a clinician's meeting opens"),
        "proof": _("How we prove ourselves"),
        "recording": _("Record from the start"),
        "secret": _("Client secret"),
        "teams_lobby": _("Teams' own lobby holds patients, too"),
    }


def kinds() -> dict[str, str]:
    """Where visits take place."""
    return {MeetingKind.ROOM.value: _("the built-in room"), MeetingKind.TEAMS.value: _("Microsoft Teams")}


def opens() -> dict[str, tuple[str, str]]:
    """How a clinician's meeting opens: the words, and when to choose it."""
    return {
        Opens.WINDOW.value: (_("In a new window"), _("The console stays where it is. For most workplaces.")),
        Opens.APP.value: (_("In the Teams app"), _("The app on the clinician's own machine is started. The console stays where it is.")),
        Opens.HERE.value: (
            _("In the same window"),
            _("The meeting takes the console's place. For virtual desktops (Citrix, VDI) that open no second window."),
        ),
    }


def reasons() -> dict[str, str]:
    """What a permission is for."""
    return {
        "OnlineMeetings.ReadWrite.All": _("Meetings are made and changed, and we hear who comes and goes."),
        "VirtualAppointment.Read.All": _(
            "Patients get the link that opens in their browser; without it, the ordinary one, which offers the app first."
        ),
        "OnlineMeetingArtifact.Read.All": _("The attendance report is read after the visit."),
        "CallRecords.Read.All": _(
            "How well people heard and saw each other is read after the visit, without addresses of networks or machines."
        ),
        "User.Read.All": _("The doctor sees whether an organizer exists and has a licence for Teams."),
    }


def told(key: str) -> str:
    """What a page says at its top after something was done."""
    return {
        "saved": _("Saved."),
        "room": _("New visits take place in the built-in room. Those that have begun in Teams stay there."),
        "teams": _("New visits take place in Microsoft Teams. Those that have begun in the room stay there."),
        "made": _("A certificate was made. Download it, and upload it in Microsoft Entra."),
        "used": _("The new certificate is in use. The old one can be removed in Microsoft Entra."),
        "renewed": _("A new certificate for notifications was made. Subscriptions take it over by themselves."),
        "stale": _("Somebody else changed this meanwhile. Nothing was saved: look at it again, then save."),
        "missing": _("Microsoft Teams is not connected yet. Go through the steps below first."),
        "keeps": _("Visits take place in Teams: what they need cannot be taken away. Go back to the built-in room first."),
        "unbound": _("Removed. They are asked to sign in again at their next visit."),
    }.get(key, "")
