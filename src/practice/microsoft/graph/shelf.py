"""What the cloud has made: meetings and subscriptions, in memory and in a file that survives a kill of this process."""

from __future__ import annotations

import base64
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import msgspec

from practice.carriers.journal import Limit
from practice.lines import Lines, whole_lines
from practice.microsoft.graph.model import Attendee, OnlineMeeting, Subscription
from practice.times import instant

JOIN = "/teams/meetup-join/"
VISIT = "/teams/visit/route"
_DIGITS = "0123456789"
_THREAD = re.compile(r"19:meeting_[^@/]+@thread\.v2")


class Shelf:
    """The meetings and subscriptions. Each change is a line of `graph.jsonl`, and the last line of an id counts."""

    def __init__(self, folder: Path, now: Callable[[], float], here: Callable[[], str]) -> None:
        self.now = now
        self._here = here
        self.a_second, self.a_while = Limit(1.0), Limit(20.0)
        self._given: set[str] = set()
        self.revoked: set[str] = set()
        self.meetings: dict[str, OnlineMeeting] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._keyed: dict[tuple[str, str, str], str] = {}
        self._threads: dict[str, str] = {}
        self._made: Counter[tuple[str, str, str]] = Counter()
        self._path = folder / "graph.jsonl"
        self._recover()
        self._file = Lines(self._path)

    def _recover(self) -> None:
        """Play the file again."""
        for line in whole_lines(self._path):
            said = msgspec.json.decode(line)
            if "meeting" in said:
                self._hold(msgspec.convert(said["meeting"], type=OnlineMeeting))
            elif "subscription" in said:
                made = msgspec.convert(said["subscription"], type=Subscription)
                self.subscriptions[made.id] = made
            else:
                self.subscriptions.pop(said["gone"], None)

    def _write(self, **line: Any) -> None:
        self._file.write(line)

    def _hold(self, meeting: OnlineMeeting) -> None:
        if meeting.id not in self.meetings:
            self._made[meeting.tid, meeting.organizer, meeting.created[:7]] += 1
        self._threads[meeting.thread] = meeting.id
        self.meetings[meeting.id] = meeting
        key = (meeting.tid, meeting.organizer, meeting.external_id)
        if meeting.external_id and not meeting.deleted:
            self._keyed[key] = meeting.id
        elif self._keyed.get(key) == meeting.id:
            del self._keyed[key]

    # ------------------------------------------------------------------ meetings

    def make(self, tid: str, organizer: str, *, start: str, end: str, external_id: str = "", subject: str = "") -> OnlineMeeting:
        """A meeting as it is right after it was made; keep it with `keep`."""
        thread = f"19:meeting_{base64.b64encode(secrets.token_bytes(36)).decode().replace('/', '_').replace('+', '-')}@thread.v2"
        context = quote(f'{{"Tid":"{tid}","Oid":"{organizer}"}}', safe="")
        return OnlineMeeting(
            id=base64.urlsafe_b64encode(f"1*{organizer}*0**{thread}".encode()).rstrip(b"=").decode(),
            tid=tid,
            organizer=organizer,
            thread=thread,
            join_url=f"{self._here()}{JOIN}{_lower(quote(thread, safe=''))}/0?context={_lower(context)}",
            visitor_url=f"{self._here()}{VISIT}?tid={tid}&convId={quote(thread, safe='')}",
            created=instant(self.now()),
            start=start,
            end=end,
            external_id=external_id,
            subject=subject,
            join_id="".join(secrets.choice(_DIGITS) for _ in range(12)),
            passcode=secrets.token_urlsafe(5)[:6],
        )

    def keep(self, meeting: OnlineMeeting) -> OnlineMeeting:
        """Keep a meeting as it is now."""
        self._hold(meeting)
        self._write(meeting=meeting)
        return meeting

    def meeting(self, key: str) -> OnlineMeeting | None:
        """By Graph's id; a deleted one is not there."""
        found = self.meetings.get(key)
        return found if found and not found.deleted else None

    def external(self, tid: str, organizer: str, external_id: str) -> OnlineMeeting | None:
        """By the id that the maker gave it."""
        return self.meeting(self._keyed.get((tid, organizer, external_id), ""))

    def thread(self, thread: str) -> OnlineMeeting | None:
        """By the name of its chat, as it stands in its links once they are unescaped."""
        return self.meeting(self._threads.get(thread, ""))

    def join(self, url: str) -> OnlineMeeting | None:
        """By its join link, escaped however often."""
        plain = _plain(url)
        named = _THREAD.search(plain)
        found = self.thread(named[0]) if named else None
        return found if found and _plain(found.join_url) == plain else None

    def made_in(self, tid: str, organizer: str, month: str) -> int:
        """How many meetings an organizer had made in a month (`2026-11`)."""
        return self._made[tid, organizer, month]

    # ------------------------------------------------------------------ subscriptions

    def subscribe(self, **facts: str) -> Subscription:
        """A new subscription."""
        made = Subscription(id=str(uuid4()), created=instant(self.now()), **facts)
        return self.renew(made)

    def renew(self, subscription: Subscription) -> Subscription:
        """Keep a subscription as it is now."""
        self.subscriptions[subscription.id] = subscription
        self._write(subscription=subscription)
        return subscription

    def unsubscribe(self, key: str) -> None:
        """Forget a subscription."""
        if self.subscriptions.pop(key, None) is not None:
            self._write(gone=key)

    def subscribed(self, thread: str) -> list[Subscription]:
        """Who wants to be told of a meeting at this moment."""
        now = instant(self.now())
        return [one for one in self.subscriptions.values() if one.thread == thread and one.expires > now]

    def give(self, token: str) -> str:
        """Remember a token's own id."""
        self._given.add(token)
        return token

    def expire_tokens(self) -> int:
        """No token that was given before now counts any more; how many those were."""
        count = len(self._given)
        self.revoked |= self._given
        self._given.clear()
        return count

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def invited(people: Iterable[Attendee]) -> list[Attendee]:
    """Everybody once, as they stood last."""
    return list({one.oid or one.upn.lower(): one for one in people}.values())


def _lower(escaped: str) -> str:
    """Join links have their escapes in small letters."""
    parts = escaped.split("%")
    return parts[0] + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts[1:])


def _plain(url: str) -> str:
    """A link without any escapes, to compare by."""
    while (less := unquote(url)) != url:
        url = less
    return url
