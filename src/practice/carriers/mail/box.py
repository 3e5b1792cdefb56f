"""The mailbox: every mail as it came, in memory, with what a page shows of it."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart

from msgspec import Struct, field

from practice.carriers.mail.calendar import Event, read_calendar
from practice.times import stamp

_KEPT = 2000


class Mail(Struct, kw_only=True):
    """One mail. `sender` and `recipients` are the envelope's; `user` who signed in, `secure` whether the line was encrypted."""

    id: int
    at: str
    sender: str
    recipients: list[str]
    subject: str = ""
    shown_from: str = ""
    message_id: str = ""
    text: str = ""
    events: list[Event] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    user: str = ""
    secure: bool = False
    size: int = 0


class Mailbox:
    """The newest mails; the oldest fall out."""

    def __init__(self, now: Callable[[], float], tell: Callable[[], None]) -> None:
        self._now = now
        self._tell = tell
        self.mails: list[Mail] = []
        self.raw: dict[int, bytes] = {}
        self._next = 1

    def put(self, sender: str, recipients: list[str], raw: bytes, *, user: str, secure: bool) -> Mail:
        """Keep a mail."""
        mail = Mail(id=self._next, at=stamp(self._now()), sender=sender, recipients=recipients, user=user, secure=secure, size=len(raw))
        self._next += 1
        _read(mail, raw)
        self.mails.append(mail)
        self.raw[mail.id] = raw
        for old in self.mails[:-_KEPT]:
            self.raw.pop(old.id, None)
        del self.mails[:-_KEPT]
        self._tell()
        return mail

    def find(self, key: str) -> Mail | None:
        """A mail by its number."""
        return next((mail for mail in self.mails if str(mail.id) == key), None)


def _read(mail: Mail, raw: bytes) -> None:
    """Headers, the text, and the appointments of a mail. What cannot be read stays empty: the raw mail is there."""
    message = message_from_bytes(raw, policy=policy.default)
    mail.subject, mail.shown_from, mail.message_id = (_header(message, name) for name in ("Subject", "From", "Message-ID"))
    body = message.get_body(("plain", "html"))
    mail.text = _words(body) if body is not None else ""
    for part in message.walk():
        name = part.get_filename()
        if name:
            mail.files.append(name[:100])
        if part.get_content_type() == "text/calendar" and not mail.events:
            mail.events = read_calendar(_words(part))


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, ""))[:500]
    except (ValueError, IndexError, AttributeError, TypeError):  # the library stumbles over some broken headers
        return ""


def _words(part: MIMEPart) -> str:
    try:
        content = part.get_content()
    except (LookupError, KeyError, ValueError):
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return content if isinstance(content, str) else ""
