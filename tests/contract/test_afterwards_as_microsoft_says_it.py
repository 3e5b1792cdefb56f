"""What is left of a meeting, asked for with Microsoft's own SDK: who was there and when, and how well they heard each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.communications.call_records.call_records_request_builder import CallRecordsRequestBuilder
from msgraph.generated.communications.call_records.item.call_record_item_request_builder import CallRecordItemRequestBuilder
from msgraph.generated.models.call_records.participant_endpoint import ParticipantEndpoint
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.users.item.online_meetings.item.attendance_reports.attendance_reports_request_builder import (
    AttendanceReportsRequestBuilder,
)
from msgraph.generated.users.item.online_meetings.item.attendance_reports.item.meeting_attendance_report_item_request_builder import (
    MeetingAttendanceReportItemRequestBuilder,
)

from practice.microsoft.graph.model import OnlineMeeting
from practice.microsoft.seed import ALDER
from practice.server import start
from support.graph_sdk import adapter
from support.practice_app import Clock
from support.practice_cloud import ROSA, Caller, calling, register

Found = RequestConfiguration


@dataclass
class Over:
    """A meeting of Rosa's in which she and Amy met, Amy for two spells of ten minutes."""

    caller: Caller
    clock: Clock
    graph: GraphServiceClient
    meeting: OnlineMeeting

    def takes_place(self) -> None:
        calls = self.caller.hospital.hospital.calls
        calls.join(self.meeting.id, who="user", name="Rosa Okafor", person=ROSA, tid=ALDER)
        self.clock.ahead += 1
        for _ in range(2):
            amy = calls.join(self.meeting.id, who="guest", name="Amy Shaw", person="amy")
            calls.admit(amy.id)
            self.clock.ahead += 600
            calls.leave(amy.id)
        calls.join(self.meeting.id, who="guest", name="Somebody who only waited")
        calls.end(self.meeting.id)

    @property
    def reports(self) -> AttendanceReportsRequestBuilder:
        return self.graph.users.by_user_id(ROSA).online_meetings.by_online_meeting_id(self.meeting.id).attendance_reports


@pytest.fixture
async def over() -> AsyncIterator[Over]:
    clock = Clock()
    hospital = await start(now=clock)
    register(hospital)
    hospital.setup(cloud={"report_seconds": 60, "record_seconds": 300, "per_second": 0})
    shelf = hospital.hospital.graph
    meeting = shelf.keep(shelf.make(ALDER, ROSA, start="2030-01-05T15:00:00Z", end="2030-01-05T15:30:00Z"))
    async with calling(hospital) as caller, adapter(caller, "v1.0") as sends:
        yield Over(caller, clock, GraphServiceClient(request_adapter=sends), meeting)
    await hospital.stop()


async def test_a_report_is_there_some_time_after_each_end(over: Over) -> None:
    over.takes_place()
    assert (await over.reports.get()).value == []
    over.clock.ahead += 61
    over.takes_place()
    assert len((await over.reports.get()).value) == 1
    over.clock.ahead += 61
    first, second = (await over.reports.get()).value
    assert first.total_participant_count == 2
    assert first.attendance_records is None
    assert first.meeting_end_date_time < second.meeting_start_date_time


async def test_a_report_says_who_was_there_and_each_time_when(over: Over) -> None:
    over.takes_place()
    over.clock.ahead += 61
    (report,) = (await over.reports.get()).value
    expand = MeetingAttendanceReportItemRequestBuilder.MeetingAttendanceReportItemRequestBuilderGetQueryParameters(
        expand=["attendanceRecords"]
    )
    said = await over.reports.by_meeting_attendance_report_id(report.id).get(Found(query_parameters=expand))
    rosa, amy = said.attendance_records
    assert (rosa.identity.id, rosa.role, rosa.email_address) == (ROSA, "Organizer", "rosa.okafor@alder.example")
    assert (amy.identity.display_name, amy.email_address) == ("Amy Shaw", None)
    assert rosa.total_attendance_in_seconds == pytest.approx(1200, abs=2)
    assert [one.duration_in_seconds for one in amy.attendance_intervals] == [600, 600]
    assert amy.attendance_intervals[0].leave_date_time <= amy.attendance_intervals[1].join_date_time


@pytest.mark.parametrize(("how", "expected"), [("same", "amy"), ("none", None)])
async def test_by_what_a_guest_is_called_there_may_be_chosen(over: Over, how: str, expected: str | None) -> None:
    over.caller.hospital.setup(cloud={"guest_ids": how})
    over.takes_place()
    over.clock.ahead += 61
    path = f"v1.0/users/{ROSA}/onlineMeetings/{over.meeting.id}/attendanceReports"
    (report,) = (await over.caller.ask("GET", path)).json["value"]
    said = (await over.caller.ask("GET", f"{path}/{report['id']}/attendanceRecords")).json["value"]
    assert [one["identity"]["id"] for one in said] == [ROSA, expected]


async def test_call_records_are_found_by_their_time_and_matched_by_their_link(over: Over) -> None:
    over.takes_place()
    over.clock.ahead += 301
    now = datetime.now(UTC) + timedelta(seconds=over.clock.ahead)
    span = f"startDateTime ge {now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ} and startDateTime lt {now:%Y-%m-%dT%H:%M:%SZ}"
    asked = CallRecordsRequestBuilder.CallRecordsRequestBuilderGetQueryParameters(filter=span)
    (record,) = (await over.graph.communications.call_records.get(Found(query_parameters=asked))).value
    assert record.join_web_url == over.meeting.join_url
    assert record.sessions is None
    expand = CallRecordItemRequestBuilder.CallRecordItemRequestBuilderGetQueryParameters(expand=["sessions($expand=segments)"])
    whole = await over.graph.communications.call_records.by_call_record_id(record.id).get(Found(query_parameters=expand))
    assert len(whole.sessions) == 3
    session = whole.sessions[0]
    assert isinstance(session.caller, ParticipantEndpoint)
    assert session.caller.identity.user.id == ROSA
    guest = whole.sessions[1].caller.identity.user
    assert (guest.display_name, guest.id.partition(":")[0]) == (None, "teamsvisitor")
    (segment,) = session.segments
    assert [media.label for media in segment.media] == ["main-audio", "main-video"]
    assert segment.media[0].caller_network.ip_address
    assert all(stream.average_jitter < timedelta(seconds=1) for media in segment.media for stream in media.streams)


async def test_call_records_are_there_for_thirty_days(over: Over) -> None:
    over.takes_place()
    over.clock.ahead += 301
    listed = await over.graph.communications.call_records.get()
    over.clock.ahead += 30 * 86_400
    await over.caller.signed_in()
    answer = await over.caller.ask("GET", f"v1.0/communications/callRecords/{listed.value[0].id}")
    assert answer.status == 404


async def test_long_lists_come_in_pages(over: Over) -> None:
    for _ in range(5):
        over.takes_place()
    over.clock.ahead += 301
    await over.caller.signed_in()
    path, sizes = "v1.0/communications/callRecords?$filter=startDateTime ge 2020-01-01T00:00:00Z", []
    while path:
        answer = (await over.caller.ask("GET", path, headers={"Prefer": "odata.maxpagesize=2"})).json
        sizes.append(len(answer["value"]))
        path = answer.get("@odata.nextLink", "").removeprefix(f"{over.caller.hospital.hospital.at.graph}/")
    assert sizes == [2, 2, 1]


async def test_one_record_may_be_asked_for_ten_times_in_twenty_seconds(over: Over) -> None:
    over.takes_place()
    over.clock.ahead += 301
    (record,) = (await over.graph.communications.call_records.get()).value
    path = f"v1.0/communications/callRecords/{record.id}"
    answers = [await over.caller.ask("GET", path) for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 21


async def test_what_is_not_allowed_is_refused_with_the_permission_that_lacks(over: Over) -> None:
    over.caller.hospital.setup(sign_in_apps=[{"client_id": "6e2f0c11-5a77-4b0e-9f5e-2f1f6a7c9d02", "permissions": ["User.Read.All"]}])
    await over.caller.signed_in()
    path = f"v1.0/users/{ROSA}/onlineMeetings/{over.meeting.id}/attendanceReports"
    for asked, lacks in ((path, "OnlineMeetingArtifact.Read.All"), ("v1.0/communications/callRecords", "CallRecords.Read.All")):
        answer = await over.caller.ask("GET", asked)
        assert (answer.status, answer.json["error"]["code"]) == (403, "Forbidden")
        assert lacks in answer.json["error"]["message"]


async def test_an_unknown_report_is_not_found(over: Over) -> None:
    with pytest.raises(ODataError) as refused:
        await over.reports.by_meeting_attendance_report_id("none").get()
    assert refused.value.response_status_code == 404
