"""Call records: those of one meeting, found among all of a directory. Graph cannot be asked for them by the meeting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from vestibule.adapters.meetings.teams.asking import Graph, Question
from vestibule.adapters.meetings.teams.pauses import Service
from vestibule.adapters.meetings.teams.quality import legs_of
from vestibule.adapters.meetings.teams.reading import each, number, text, written
from vestibule.adapters.meetings.teams.refusals import NOT_FOUND
from vestibule.meetings.model import Account, CallRecord

_PHASE: Final = "meeting.quality"
_EXPAND: Final = "?$expand=sessions($expand=segments)"
_LONGEST_URL: Final = 4_000


@dataclass(frozen=True, slots=True)
class Records:
    """Reads call records."""

    graph: Graph

    async def of_meeting(self, account: Account, join_url: str, *, since: datetime, until: datetime) -> list[CallRecord]:
        """Those of one meeting that began between the two times."""
        base = self.graph.places.v1("communications", "callRecords")
        span = f"startDateTime ge {written(since)} and startDateTime lt {written(until)}"
        query = urlencode({"$filter": span}, quote_via=quote, safe="$")
        wanted = _plain(join_url)
        found = self.graph.pages(account, Question("GET", f"{base}?{query}", _PHASE, Service.RECORDS))
        names = [text(one, "id") async for one in found if _plain(text(one, "joinWebUrl", longest=_LONGEST_URL)) == wanted]
        records = [await self._record(account, base, name) for name in dict.fromkeys(names) if name]
        return [one for one in records if one is not None]

    async def _record(self, account: Account, base: str, name: str) -> CallRecord | None:
        """One, with its connections; None when its thirty days are over."""
        url = f"{base}/{self.graph.places.step(name)}{_EXPAND}"
        question = Question("GET", url, _PHASE, Service.RECORDS, headers={"Prefer": "omit-values=nulls"}, fine=(NOT_FOUND,))
        told = await self.graph.ask(account, question)
        if told.status == NOT_FOUND:
            return None
        record: dict[str, Any] = dict(told.body)
        onward = text(told.body, "sessions@odata.nextLink", longest=8_000)
        if onward:
            more = Question("GET", self.graph.onward(onward, _PHASE), _PHASE, Service.RECORDS)
            rest: list[Mapping[str, Any]] = [one async for one in self.graph.pages(account, more)]
            record["sessions"] = [*each(told.body, "sessions"), *rest]
        return CallRecord(name, int(number(told.body, "version") or 0), legs_of(record))


def _plain(join_url: str) -> str:
    """A join link as it is compared: records and meetings do not always encode it alike."""
    return unquote(join_url).casefold().rstrip("/")
