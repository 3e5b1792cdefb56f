"""Attendance reports: one for each time the meeting ended, with who was there and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from vestibule.adapters.meetings.teams.asking import Graph, Question
from vestibule.adapters.meetings.teams.pauses import Service
from vestibule.adapters.meetings.teams.people import of_record
from vestibule.adapters.meetings.teams.reading import each, instant, number, text
from vestibule.adapters.meetings.teams.refusals import NOT_FOUND, senseless
from vestibule.meetings.model import Account, Attended, Report

_PHASE: Final = "meeting.report"
_EXPAND: Final = "?$expand=attendanceRecords"


class Attendance:
    """Reads reports."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def reports(self, account: Account, organizer: str, meeting: str, known: Sequence[str]) -> list[Report]:
        """Those there are and that are not known, oldest first. A meeting that is gone has none."""
        url = self._graph.places.v1("users", organizer, "onlineMeetings", meeting, "attendanceReports")
        found = self._graph.pages(account, Question("GET", url, _PHASE, Service.REPORTS, fine=(NOT_FOUND,)))
        names = [text(one, "id") async for one in found]
        reports = [await self._report(account, url, name) for name in dict.fromkeys(names) if name and name not in known]
        return sorted(reports, key=lambda report: (report.started_at, report.id))

    async def _report(self, account: Account, url: str, name: str) -> Report:
        at = f"{url}/{self._graph.places.step(name)}{_EXPAND}"
        told = await self._graph.ask(account, Question("GET", at, _PHASE, Service.REPORTS))
        began, over = instant(told.body, "meetingStartDateTime"), instant(told.body, "meetingEndDateTime")
        if began is None or over is None:
            raise senseless(_PHASE)
        records = [_attended(one) for one in each(told.body, "attendanceRecords")]
        onward = text(told.body, "attendanceRecords@odata.nextLink", longest=8_000)
        if onward:
            more = Question("GET", self._graph.onward(onward, _PHASE), _PHASE, Service.REPORTS)
            records += [_attended(one) async for one in self._graph.pages(account, more)]
        return Report(name, began, over, int(number(told.body, "totalParticipantCount") or 0), tuple(records))


def _attended(said: Mapping[str, Any]) -> Attended:
    """E-mail addresses and registrations stand there too, and are not read."""
    spans = (_span(one) for one in each(said, "attendanceIntervals"))
    return Attended(of_record(said.get("identity")), text(said, "role", longest=40), tuple(span for span in spans if span))


def _span(said: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    began, over = instant(said, "joinDateTime"), instant(said, "leaveDateTime")
    return (began, over) if began is not None and over is not None and began <= over else None
