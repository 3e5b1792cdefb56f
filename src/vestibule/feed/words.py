"""The feed in words a person uses. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from vestibule.feed.applying import CANCELLED, ENDED, NOT_VIRTUAL, PAST, PENDING, UNDER_WAY
from vestibule.feed.model import FeedCertificate, InboxState, RuleField, Via
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.i18n import ngettext
from vestibule.protocols.hl7v2.notice import Status

TONES: Final = {
    InboxState.NEW: "wait",
    InboxState.APPLIED: "good",
    InboxState.LATE: "",
    InboxState.IGNORED: "",
    InboxState.QUARANTINED: "bad",
    InboxState.DROPPED: "",
    InboxState.EXPIRED: "bad",
}
_SECOND, _MINUTE, _HOUR = 1, 60, 3600
_URGENT: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)


def states() -> dict[InboxState, tuple[str, str]]:
    """What became of a message: in a word, and what that means."""
    return {
        InboxState.APPLIED: (_("Applied"), _("The visit is as the message says.")),
        InboxState.IGNORED: (_("Not kept"), _("No virtual visit, or nothing that concerns one.")),
        InboxState.LATE: (_("Late"), _("Older than what was known already, and therefore not applied.")),
        InboxState.NEW: (_("Waiting"), _("Acknowledged, and about to be applied.")),
        InboxState.QUARANTINED: (_("In quarantine"), _("Could not be applied. A person decides.")),
        InboxState.DROPPED: (_("Dropped"), _("A person let it go.")),
        InboxState.EXPIRED: (_("Expired"), _("Erased before anybody looked after it.")),
    }


def ways() -> dict[Via, str]:
    """How a message came."""
    return {
        Via.MLLP: _("MLLP without encryption"),
        Via.MLLPS: _("MLLP with mutual TLS"),
        Via.HTTPS: _("HTTPS with mutual TLS"),
        Via.SIGNED: _("HTTPS, signed"),
    }


def fields() -> dict[str, str]:
    """What the parts of the settings are called."""
    return {
        "enabled": _("Take messages"),
        "csn_from": _("Number of the appointment (CSN)"),
        "department_from": _("Department"),
        "zone": _("Time zone of times that have none"),
        "region": _("Country of telephone numbers without a country code"),
        "raw_hours": _("Keep messages for (hours)"),
        "http_status": _("Answer refusals over HTTPS with 400 and 500"),
        "plain_port": _("Port for MLLP without encryption"),
        "networks": _("Networks it is taken from"),
        "rules": _("Rules"),
        "file": _("Certificate"),
        "message": _("Message"),
    }


def csn_choices() -> list[tuple[str, str]]:
    """Where the contact serial number may stand."""
    return [
        ("sch-2", _("SCH-2, filler appointment id")),
        ("sch-1", _("SCH-1, placer appointment id")),
        ("pv1-19", _("PV1-19, visit number")),
    ]


def department_choices() -> list[tuple[str, str]]:
    """Where the department may stand."""
    return [
        ("pv1-3", _("PV1-3, patient location")),
        ("ail-3", _("AIL-3, location resource")),
        ("rgs-3", _("RGS-3, resource group")),
        ("aig-3", _("AIG-3, general resource")),
        ("none", _("Nowhere")),
    ]


def rule_choices() -> list[tuple[str, str]]:
    """What a rule may look at."""
    return [
        ("", _("no rule")),
        (RuleField.APPOINTMENT_TYPE.value, _("Appointment type (SCH-8)")),
        (RuleField.VISIT_TYPE.value, _("Visit type (AIS-3)")),
        (RuleField.REASON.value, _("Appointment reason (SCH-7)")),
        (RuleField.DEPARTMENT.value, _("Department or resource group")),
        (RuleField.RESOURCE.value, _("Any resource (AIS, AIG, AIL, AIP)")),
        (RuleField.ANY.value, _("Every appointment")),
    ]


def verdicts() -> list[tuple[str, str]]:
    """What a rule may say."""
    return [
        ("home", _("virtual, the patient is at home")),
        ("clinic", _("virtual, the patient is in the clinic")),
        ("not", _("not virtual")),
    ]


def statuses() -> dict[Status, str]:
    """What a message says of its appointment."""
    return {
        Status.BOOKED: _("booked or changed"),
        Status.PENDING: _("pending"),
        Status.CANCELLED: _("cancelled"),
        Status.ENTERED_IN_ERROR: _("entered in error, which is a cancel"),
        Status.NO_SHOW: _("the patient did not come"),
    }


def reason(code: str) -> str:
    """Why a message changed nothing, where that is no mistake; empty for a code that is one."""
    return {
        NOT_VIRTUAL: _("No virtual visit"),
        PENDING: _("Not booked yet"),
        PAST: _("Already past"),
        CANCELLED: _("Was cancelled before"),
        UNDER_WAY: _("People are in the visit"),
        ENDED: _("The visit is over"),
    }.get(code, "")


def seconds(value: float | None) -> str:
    """A length of time in a few characters."""
    if value is None:
        return "-"
    if value < _SECOND:
        return _("%(n)d ms") % {"n": round(value * 1000)}
    if value < _MINUTE:
        return _("%(n).1f s") % {"n": value}
    if value < _HOUR:
        return _("%(n)d min") % {"n": round(value / _MINUTE)}
    return _("%(n)d h") % {"n": round(value / _HOUR)}


def ago(at: datetime, now: datetime) -> str:
    """How long ago."""
    gone = max((now - at).total_seconds(), 0)
    if gone < _MINUTE:
        return _("just now")
    if gone < _HOUR:
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", int(gone // _MINUTE)) % {"n": int(gone // _MINUTE)}
    if gone < _DAY.total_seconds():
        return ngettext("%(n)s hour ago", "%(n)s hours ago", int(gone // _HOUR)) % {"n": int(gone // _HOUR)}
    days = int(gone // _DAY.total_seconds())
    return ngettext("%(n)s day ago", "%(n)s days ago", days) % {"n": days}


def expiry(one: FeedCertificate, now: datetime) -> tuple[str, str]:
    """How a certificate stands: words, and their tone."""
    left = one.not_after - now
    if left <= timedelta(0):
        return _("has expired"), "bad"
    if one.not_before > now:
        return _("not valid yet"), "wait"
    if left <= timedelta(days=30):
        days = max(left.days, 0)
        words = ngettext("expires in %(n)s day", "expires in %(n)s days", days) % {"n": days} if days else _("expires today")
        return words, "bad" if left <= _URGENT else "wait"
    return _("valid"), "good"
