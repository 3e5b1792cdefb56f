"""A message as a letter: RFC 5322 headers, the text, and the appointment as RFC 6047 wants it. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from vestibule.messages.model import Calendar, Outgoing
from vestibule.protocols.icalendar import Event, invitation

# What every mail server takes: RFC 5321's dot-string and domain, in ASCII. No quoted local parts, no comments, no lists, no literals.
_ADDRESS: Final = re.compile(
    r"(?=.{3,254}\Z)(?=.{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_LONGEST_SUBJECT: Final = 200


def is_address(text: str) -> bool:
    """Whether it is one e-mail address that can be written to; nothing in such a one can begin another header or command."""
    return _ADDRESS.fullmatch(text) is not None


def letter(message: Outgoing, now: datetime) -> bytes:
    """The whole letter.

    Args:
        message: whose two addresses `is_address` accepts.
        now: its date.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(one_line(message.sender.name), addr_spec=message.sender.address)
    made["To"] = Address(addr_spec=message.to)
    made["Subject"] = one_line(message.subject)[:_LONGEST_SUBJECT]
    made["Date"] = now.astimezone(UTC)
    made["Message-ID"] = message_id(message)
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834 5: holiday notices keep silent
    made["X-Auto-Response-Suppress"] = "All"
    made.set_content(message.text, cte="quoted-printable")
    if message.calendar is not None:
        event = _event(message, message.calendar, now)
        kind = {"method": event.method, "component": "VEVENT", "charset": "utf-8"}
        made.add_alternative(invitation(event), maintype="text", subtype="calendar", cte="base64", params=kind)
    return made.as_bytes()


def message_id(message: Outgoing) -> str:
    """Ours, the same however often the letter is made."""
    return f"<{message.id}@{message.sender.address.rpartition('@')[2]}>"


def _event(message: Outgoing, about: Calendar, now: datetime) -> Event:
    return Event(
        uid=about.uid,
        sequence=about.sequence,
        made_at=now,
        starts_at=about.starts_at,
        ends_at=max(about.ends_at, about.starts_at),
        summary=about.summary,
        url=about.url,
        organizer=message.sender.address,
        organizer_name=message.sender.name,
        attendee=message.to,
        description=message.text,
        cancelled=about.cancelled,
    )


def one_line(text: str) -> str:
    """A header's text: whatever could end the line, or is not printable, is a space."""
    sound = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(sound.split())
