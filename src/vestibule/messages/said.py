"""What became of a text, in words for whoever sent it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from vestibule.messages.model import Message, MessageState, Status
from vestibule.platform.web.i18n import gettext as _

_OPEN: Final = frozenset({MessageState.PLANNED, MessageState.SENDING, MessageState.ACCEPTED})
PILLS: Final = {
    MessageState.DELIVERED: "good",
    MessageState.FAILED: "bad",
    MessageState.WITHDRAWN: "bad",
    MessageState.UNKNOWN: "wait",
    MessageState.ACCEPTED: "brand",
}
_WORDS: Final[Mapping[MessageState, Callable[[], str]]] = {
    MessageState.PLANNED: lambda: _("About to be sent"),
    MessageState.SENDING: lambda: _("About to be sent"),
    MessageState.ACCEPTED: lambda: _("Sent"),
    MessageState.DELIVERED: lambda: _("Delivered"),
    MessageState.FAILED: lambda: _("Not delivered"),
    MessageState.WITHDRAWN: lambda: _("Not sent"),
    MessageState.UNKNOWN: lambda: _("Nobody knows"),
}
_WHY: Final[Mapping[Status, Callable[[], str]]] = {
    Status.BLOCKED_BY_RECIPIENT: lambda: _("The patient does not want texts."),
    Status.INVALID_NUMBER: lambda: _("The number is not valid."),
    Status.NO_SUCH_NUMBER: lambda: _("The number does not exist."),
    Status.BLOCKED_NUMBER: lambda: _("The number is blocked."),
    Status.UNREACHABLE: lambda: _("The telephone cannot be reached."),
    Status.SPAM: lambda: _("A carrier took it for spam."),
    Status.RECIPIENT_BLOCKED: lambda: _("The telephone takes no such texts."),
    Status.OTHER: lambda: _("It failed on its way."),
}


# Why we did not give it to a carrier at all; by the message's code.
_OURS: Final[Mapping[str, Callable[[], str]]] = {
    "message-opted-out": lambda: _("The patient does not want texts."),
    "message-prefix-excluded": lambda: _("Texts to such numbers are not sent from here."),
    "message-no-sender": lambda: _("Nobody is set up to send it."),
    "message-not-in-policy": lambda: _("Texting was switched off."),
    "message-visit-over": lambda: _("The visit is over."),
    "message-patient-came": lambda: _("The patient had come already."),
}


def settled(message: Message) -> bool:
    """Whether nothing more is expected."""
    return message.state not in _OPEN


def pill_of(message: Message) -> str:
    """Its colour."""
    return PILLS.get(message.state, "")


def words_of(message: Message) -> tuple[str, str]:
    """How far it has come, and why not further."""
    state = _WORDS[message.state]()
    if message.state is MessageState.UNKNOWN:
        return state, _("It was given to the carrier, and the answer was lost. It may arrive; it is not sent again by itself.")
    if message.state in {MessageState.FAILED, MessageState.WITHDRAWN}:
        why = _OURS.get(message.code) or (_WHY.get(message.status) if message.status else None)
        return state, why() if why else ""
    if message.state is MessageState.ACCEPTED and message.test:
        return state, _("A number for trying things out: no carrier was given it.")
    return state, ""
