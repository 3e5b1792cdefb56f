"""The audit in words."""

from __future__ import annotations

from vestibule.platform.audit import Outcome
from vestibule.platform.web.i18n import gettext as _


def action_words() -> dict[str, str]:
    """What each action is called on a page; one that is missing here is shown by its code."""
    return _coming_words() | _set_up_words() | _message_words() | _feed_words() | _meeting_words()


def _coming_words() -> dict[str, str]:
    return {
        "access.crossed": _("Tried another session's page"),
        "access.refused": _("Was refused"),
        "launch.failed": _("Launch did not come through"),
        "launch.joined": _("Came in by a launch"),
        "link.made": _("Made a join link"),
        "link.revoked": _("Revoked a join link"),
        "link.tested": _("Tested a launch"),
        "link.used": _("Came in by a join link"),
        "meeting.person-bound": _("Signed in at Microsoft, once"),
        "meeting.person-unbound": _("Removed a clinician's Microsoft sign-in"),
        "meeting.sign-in-refused": _("Was not let in at Microsoft"),
        "meeting-notice.refused": _("Turned away a notification in Microsoft's name"),
        "message-hook.refused": _("Turned away a request in a carrier's name"),
        "rehearsal.run": _("Ran a test visit"),
        "session.closed": _("Session ended"),
        "session.opened": _("Session began"),
        "session.signed-out": _("Signed out"),
        "sign-in.refused": _("Was not let in at sign-in"),
        "sign-in.succeeded": _("Signed in"),
        "ticket.issued": _("Made a one-time address"),
        "ticket.used": _("Used a one-time address"),
        "visit.admitted": _("Let somebody in"),
        "visit.arrived": _("Came into the waiting room"),
        "visit.cancelled": _("Cancelled a visit"),
        "visit.connected": _("Connected to the meeting"),
        "visit.ended": _("Visit ended"),
        "visit.held": _("Kept somebody waiting"),
        "visit.joined": _("Came to the door"),
        "visit.left": _("Left the visit"),
        "visit.merged": _("Visits became one"),
        "visit.outcome-marked": _("Marked a visit's outcome"),
        "visit.put-back": _("Put somebody back to wait"),
        "visit.removed": _("Removed somebody from a visit"),
        "visit.rescheduled": _("Visit moved to another time"),
    }


def _set_up_words() -> dict[str, str]:
    return {
        "approval.ehr-sign-in": _("Signed in to the record to approve"),
        "audit.exported": _("Downloaded the audit"),
        "connection.approved": _("Approved a connection"),
        "connection.discarded": _("Discarded a draft of a connection"),
        "connection.in-force": _("Connection came into force"),
        "connection.rejected": _("Rejected a connection"),
        "connection.removed": _("Removed a connection"),
        "connection.saved": _("Saved a connection"),
        "connection.started": _("Began a connection"),
        "connection.submitted": _("Submitted a connection for approval"),
        "connection.withdrawn": _("Withdrew a connection from approval"),
        "contact.erased": _("Patient's phone number and e-mail erased"),
        "department.added": _("Added a department"),
        "department.changed": _("Changed a department"),
        "department.removed": _("Removed a department"),
        "effect.given-up": _("Gave up a message to the record"),
        "effect.redriven": _("Sent a message to the record again"),
        "key.made": _("Made a signing key"),
        "member.invited": _("Invited somebody"),
        "member.joined": _("Accepted an invitation"),
        "member.removed": _("Removed a member"),
        "member.roles-changed": _("Changed somebody's roles"),
        "organisation.changed": _("Changed the organisation"),
        "organisation.created": _("Created the organisation"),
        "patient.opted-in": _("A patient wants messages again (START)"),
        "patient.opted-out": _("A patient wants no more messages (STOP)"),
        "token.made": _("Made a token for a program"),
        "token.withdrawn": _("Withdrew a token"),
    }


def _message_words() -> dict[str, str]:
    return {
        "message-account.added": _("Added an account at a carrier"),
        "message-account.changed": _("Changed an account at a carrier"),
        "message-account.ordered": _("Changed the order of carriers"),
        "message-account.removed": _("Removed an account at a carrier"),
        "message-account.tested": _("Tested an account at a carrier"),
        "message-consent.changed": _("Changed the consent to text patients"),
        "message-policy.changed": _("Changed what patients are sent"),
        "message-report.exported": _("Downloaded the SMS report"),
        "message-trial.sent": _("Sent a sample message"),
        "message-wording.changed": _("Changed a text to patients"),
        "message.sent-directly": _("Texted a patient the link"),
        "message.settled": _("Decided what became of a message"),
        "message-wording.reset": _("Went back to a ready-made text"),
        "number.bought": _("Number was bought"),
        "number.failed": _("Number could not be had"),
        "number.given-up": _("Gave up an order of a number"),
        "number.ordered": _("Ordered a number"),
        "number.searched": _("Looked for a number"),
        "sender.added": _("Added a sender of messages"),
        "sender.changed": _("Changed a sender of messages"),
        "sender.linked": _("Chose for which connections a sender writes"),
        "sender.removed": _("Removed a sender of messages"),
        "test-recipient.added": _("Added a test recipient"),
        "test-recipient.removed": _("Removed a test recipient"),
    }


def _feed_words() -> dict[str, str]:
    return {
        "feed.certificate-added": _("Added a sender's certificate"),
        "feed.certificate-removed": _("Removed a sender's certificate"),
        "feed.changed": _("Changed the appointments feed"),
        "feed.message-read": _("Read a message of the appointments feed"),
        "feed.messages-dropped": _("Dropped messages of the appointments feed"),
        "feed.messages-redriven": _("Applied messages of the appointments feed again"),
        "feed.refused": _("Was not let in to send appointments"),
    }


def _meeting_words() -> dict[str, str]:
    return {
        "meeting-key.made": _("Made a certificate for Microsoft Teams"),
        "meeting-key.used": _("Took a certificate for Microsoft Teams into use"),
        "meeting-settings.changed": _("Changed where visits take place"),
        "meeting-settings.tested": _("Tested the connection to Microsoft Teams"),
    }


def outcome_words() -> dict[str, str]:
    """How an act ended."""
    return {Outcome.SUCCESS.value: _("Done"), Outcome.REFUSED.value: _("Refused"), Outcome.FAILED.value: _("Failed")}


def kind_words() -> dict[str, str]:
    """Who acts, and what is acted upon."""
    return {
        "staff": _("Staff"),
        "visitor": _("Visitor"),
        "token": _("Program"),
        "record": _("Record system"),
        "carrier": _("Carrier of messages"),
        "system": _("Vestibule"),
        "nobody": _("Not signed in"),
        "visit": _("Visit"),
        "session": _("Session"),
        "connection": _("Connection"),
        "department": _("Department"),
        "organisation": _("Organisation"),
        "member": _("Member"),
        "effect": _("Message to the record"),
        "meeting-binding": _("Microsoft sign-in"),
        "meeting-key": _("Certificate for Microsoft Teams"),
        "message": _("Message to a patient"),
        "message-account": _("Account at a carrier"),
        "number-order": _("Order of a number"),
        "sender": _("Sender of messages"),
        "test-recipient": _("Test recipient"),
    }


TONES = {"success": "good", "refused": "wait", "failed": "bad"}
