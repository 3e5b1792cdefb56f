"""The pages about messages in words."""

from __future__ import annotations

from vestibule.messages.kept import OrderState
from vestibule.messages.model import CarrierKind, Channel, MessageState, Purpose, Status, Verification
from vestibule.platform.web.i18n import gettext as _
from vestibule.visits.model import Place


def steps() -> dict[str, str]:
    """The steps, in their order."""
    return {
        "consent": _("Consent"),
        "carriers": _("Carriers"),
        "numbers": _("Numbers"),
        "plans": _("What is sent"),
        "texts": _("Texts"),
        "trial": _("Try it"),
    }


def fields() -> dict[str, str]:
    """What fields are called."""
    return {
        "account": _("Account"),
        "address": _("Number or address"),
        "area_code": _("Area code"),
        "behalf": _("This installation may text patients on our behalf"),
        "channels": _("By which way"),
        "connections": _("Writes for"),
        "country": _("Country"),
        "currency": _("Currency"),
        "endpoint": _("Address of the service"),
        "excluded": _("Never texted from here"),
        "gap_minutes": _("Minutes between two messages"),
        "hook_secret": _("Secret of receipts"),
        "kind": _("Kind"),
        "label": _("Whose it is"),
        "language": _("Usual language"),
        "name": _("Name"),
        "offer": _("Number"),
        "patients": _("Our patients have agreed to be texted"),
        "per_minute": _("Messages a minute"),
        "price": _("Price of one segment"),
        "quiet_from": _("Quiet from"),
        "quiet_to": _("until"),
        "reminders": _("Reminders"),
        "secret": _("Secret"),
        "subject": _("Subject"),
        "sure": _("Price"),
        "text": _("Text"),
        "trial_address": _("To"),
        "tls": _("Encryption"),
        "user": _("User"),
        "verification": _("Verification"),
    }


def kinds() -> dict[str, str]:
    """Carriers by name."""
    return {
        CarrierKind.TWILIO.value: "Twilio",
        CarrierKind.AZURE.value: "Azure Communication Services",
        CarrierKind.SMTP.value: _("Mail server"),
        CarrierKind.CONSOLE.value: _("Console (development)"),
    }


def channels() -> dict[str, str]:
    """By which way."""
    return {Channel.SMS.value: _("Text message"), Channel.EMAIL.value: _("E-mail")}


def purposes() -> dict[str, str]:
    """What messages are for."""
    return {
        Purpose.SCHEDULED.value: _("Confirmation: scheduled"),
        Purpose.UPDATED.value: _("Confirmation: moved"),
        Purpose.CANCELLED.value: _("Confirmation: cancelled"),
        Purpose.REMINDER.value: _("Reminder"),
        Purpose.DIRECT.value: _("Sent by a clinician"),
    }


def places() -> dict[str, str]:
    """Where the patient is."""
    return {Place.HOME.value: _("At home, by video"), Place.CLINIC.value: _("At the clinic, by video")}


def verifications() -> dict[str, tuple[str, str, str]]:
    """How far a number's verification is: the word, its tone, what it means."""
    return {
        Verification.NOT_NEEDED.value: (_("Not needed"), "", _("Numbers of this kind are not verified.")),
        Verification.UNVERIFIED.value: (
            _("Not verified"),
            "bad",
            _("Carriers filter texts from toll-free numbers that are not verified, and let only few through. Ask for verification now."),
        ),
        Verification.PENDING.value: (
            _("Being verified"),
            "wait",
            _("The carriers look at your request. That takes weeks; until then only a limited number of texts a day gets through."),
        ),
        Verification.VERIFIED.value: (_("Verified"), "good", _("Carriers let its texts through.")),
        Verification.REJECTED.value: (
            _("Rejected"),
            "bad",
            _("The carriers refused; their reason stands in your account there."),
        ),
    }


def order_states() -> dict[str, tuple[str, str]]:
    """How far an order is: the word and its tone."""
    return {
        OrderState.WANTED.value: (_("About to look"), "wait"),
        OrderState.SEARCHING.value: (_("Looking for a number"), "wait"),
        OrderState.OFFERED.value: (_("Waits for your choice"), "wait"),
        OrderState.CHOSEN.value: (_("About to buy"), "wait"),
        OrderState.BUYING.value: (_("Being bought"), "wait"),
        OrderState.BOUGHT.value: (_("Yours"), "good"),
        OrderState.FAILED.value: (_("Did not work"), "bad"),
        OrderState.GIVEN_UP.value: (_("Given up"), ""),
    }


def statuses() -> dict[str, str]:
    """The nine values of the report."""
    not_delivered = _("Not delivered: %(why)s")
    return {
        Status.SENT.value: _("Sent"),
        Status.BLOCKED_BY_RECIPIENT.value: not_delivered % {"why": _("blocked by recipient")},
        Status.INVALID_NUMBER.value: not_delivered % {"why": _("invalid phone number")},
        Status.NO_SUCH_NUMBER.value: not_delivered % {"why": _("phone number doesn't exist")},
        Status.BLOCKED_NUMBER.value: not_delivered % {"why": _("blocked phone number")},
        Status.UNREACHABLE.value: not_delivered % {"why": _("unreachable phone number")},
        Status.SPAM.value: not_delivered % {"why": _("spam detected")},
        Status.RECIPIENT_BLOCKED.value: not_delivered % {"why": _("recipient blocked")},
        Status.OTHER.value: not_delivered % {"why": _("other error")},
    }


def states() -> dict[str, tuple[str, str]]:
    """How far a message is: the word and its tone."""
    return {
        MessageState.PLANNED.value: (_("Planned"), "wait"),
        MessageState.SENDING.value: (_("Being sent"), "wait"),
        MessageState.ACCEPTED.value: (_("With the carrier"), "good"),
        MessageState.DELIVERED.value: (_("Delivered"), "good"),
        MessageState.FAILED.value: (_("Not delivered"), "bad"),
        MessageState.UNKNOWN.value: (_("Outcome unknown"), "bad"),
        MessageState.WITHDRAWN.value: (_("Withdrawn"), ""),
    }


def placeholders() -> dict[str, str]:
    """What may stand in braces."""
    return {
        "organisation": _("your organisation's name"),
        "day": _("the day, as one says it in that language"),
        "time": _("the time, by the clock of the place"),
        "zone": _("the name of that clock"),
        "link": _("the patient's own link, on your own domain"),
        "phone": _("your organisation's telephone number for questions"),
    }


def told(key: str) -> str:
    """What a page says at its top after something was done."""
    return {
        "saved": _("Saved. What is pending is planned anew, by the new setting; nothing is sent twice."),
        "kept": _("Saved."),
        "removed": _("Removed. What is pending is planned anew."),
        "works": _("The account answered: it works."),
        "fails": _("The account does not work yet. What was wrong stands beside it."),
        "stale": _("Somebody else changed this meanwhile. Nothing was saved: look at it again, then save."),
        "ordered": _("The number is being bought. You may leave this page: it goes on by itself."),
        "asked": _("The carrier was asked; what it says stands below."),
    }.get(key, "")


def units() -> dict[str, str]:
    """Of reminders."""
    return {"1": _("minutes before"), "60": _("hours before"), "1440": _("days before")}


def ahead(minutes: int) -> str:
    """How long before the start."""
    number, unit = split(minutes)
    words = {1440: (_("%(n)s day before"), _("%(n)s days before")), 60: (_("%(n)s hour before"), _("%(n)s hours before"))}
    one, many = words.get(unit, (_("%(n)s minute before"), _("%(n)s minutes before")))
    return (one if number == 1 else many) % {"n": number}


def split(minutes: int) -> tuple[int, int]:
    """A number and the minutes of its unit, the largest that fits."""
    unit = next(each for each in (1440, 60, 1) if minutes % each == 0)
    return minutes // unit, unit


def everything() -> str:
    """The choice that narrows nothing."""
    return _("All")
