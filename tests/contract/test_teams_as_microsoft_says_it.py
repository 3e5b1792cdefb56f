"""What our client of Graph puts on the wire is what Microsoft's own SDKs put there for the same call, and what their models know.

An SDK builds the address of each call from Microsoft's published description, and reads each body into the published type: a member that
type does not have, or a value its enumeration does not have, would show.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from kiota_abstractions.authentication.anonymous_authentication_provider import AnonymousAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.request_information import RequestInformation
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.communications.call_records.call_records_request_builder import CallRecordsRequestBuilder
from msgraph.generated.communications.call_records.item.call_record_item_request_builder import CallRecordItemRequestBuilder
from msgraph.generated.models.online_meeting import OnlineMeeting
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.users.item.online_meetings.create_or_get.create_or_get_post_request_body import CreateOrGetPostRequestBody
from msgraph.generated.users.item.online_meetings.item.attendance_reports.item.meeting_attendance_report_item_request_builder import (
    MeetingAttendanceReportItemRequestBuilder,
)
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder
from msgraph_beta import GraphRequestAdapter as BetaAdapter
from msgraph_beta import GraphServiceClient as BetaClient
from msgraph_beta.generated.models.subscription import Subscription as BetaSubscription

import support.graph_sdk  # noqa: F401 - reads the SDKs' types without importing all of them
from support.graph import JOIN, NOW, START, Recording, account, body, hook, wish
from support.practice_cloud import ROSA
from vestibule.kit.exchange import Ask

MEETING = "MSo1ZjFjMmE3MC0wMDAz=="
V1 = GraphServiceClient(request_adapter=GraphRequestAdapter(AnonymousAuthenticationProvider()))
BETA = BetaClient(request_adapter=BetaAdapter(AnonymousAuthenticationProvider()))
THEIRS = V1.users.by_user_id(ROSA).online_meetings


def said(ask: Ask) -> tuple[int, Any]:
    """Yes to everything, as Graph says it."""
    path = urlsplit(ask.url).path
    if "/subscriptions" in path:
        return 201, {"id": "sub-1", "expirationDateTime": "2026-11-24T10:00:00.1234567Z"}
    if path.endswith("getVirtualAppointmentJoinWebUrl"):
        return 200, {"value": "https://visit.teams.microsoft.com/webrtc-svc/api/route?tid=1"}
    if path.endswith(("attendanceReports", "callRecords")):
        return 200, {"value": [{"id": "report-1", "joinWebUrl": JOIN}]}
    if "attendanceReports" in path:
        return 200, {"meetingStartDateTime": "2026-11-21T15:00:00Z", "meetingEndDateTime": "2026-11-21T15:30:00Z"}
    kept = {"scope": "everyone", "isDialInBypassEnabled": False}
    options = {"allowedPresenters": "organizer", "allowMeetingChat": "limited", "isEntryExitAnnounced": False, "recordAutomatically": False}
    return 200, {"id": MEETING, "joinWebUrl": JOIN, "lobbyBypassSettings": kept, **options}


@pytest.fixture
def here() -> Recording:
    return Recording(said)


def same(ours: Ask, theirs: RequestInformation, version: str = "v1.0") -> None:
    """One method, one address; the SDK writes a function with its brackets, and the documentation without."""
    url = theirs.url if theirs.url.startswith("http") else f"https://graph.microsoft.com/{version}{theirs.url}"
    wanted, got = urlsplit(url.replace("Url()", "Url")), urlsplit(ours.url)
    assert (ours.method, got.scheme, got.netloc, got.path) == (theirs.http_method.value, wanted.scheme, wanted.netloc, wanted.path)
    assert parse_qs(got.query) == parse_qs(wanted.query)


def known(value: Any, sent: Any) -> None:
    """Everything that was sent found its place in Microsoft's type."""
    read = JsonParseNodeFactory().get_root_parse_node("application/json", json.dumps(sent).encode()).get_object_value(type(value))
    _all_known(read, sent)


def _all_known(read: Any, sent: dict[str, Any]) -> None:
    assert not read.additional_data, f"{type(read).__name__} has no {list(read.additional_data)}"
    for name, value in sent.items():
        field = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        found = getattr(read, field)
        assert found is not None, f"{name}: {value!r} is none of its values"
        for one, was in zip(found, value, strict=True) if isinstance(value, list) else [(found, value)]:
            if isinstance(was, dict):
                _all_known(one, was)


@pytest.mark.parametrize("presenters", [(), ("7e3d9b10-0003-4d2f-9b66-4e8c1f5a0b03",)])
async def test_a_meeting_is_made_in_four_calls(presenters: tuple[str, ...]) -> None:
    asked = "roleIsPresenter" if presenters else "organizer"
    here = Recording(lambda ask: (200, {**said(ask)[1], "allowedPresenters": asked}))
    await here.cloud().make(account(), wish(presenters=presenters))
    create, options, compare, visitor = here.asked
    made = CreateOrGetPostRequestBody(external_id="visit-1", subject="Video visit")
    same(create, THEIRS.create_or_get.to_post_request_information(made))
    known(made, body(create))
    same(options, THEIRS.by_online_meeting_id(MEETING).to_patch_request_information(OnlineMeeting()))
    known(OnlineMeeting(), body(options))
    same(compare, THEIRS.by_online_meeting_id(MEETING).to_get_request_information())
    same(visitor, THEIRS.by_online_meeting_id(MEETING).get_virtual_appointment_join_web_url.to_get_request_information())
    assert body(create)["startDateTime"] == "2026-11-21T15:00:00Z"
    assert options.headers["Prefer"] == compare.headers["Prefer"] == "include-unknown-enum-members"


async def test_a_meeting_is_moved_shut_and_deleted(here: Recording) -> None:
    cloud = here.cloud()
    await cloud.move(account(), ROSA, MEETING, START, START.replace(hour=16))
    await cloud.shut(account(), ROSA, MEETING)
    await cloud.delete(account(), ROSA, MEETING)
    moved, shut, deleted = here.asked
    for one in (moved, shut):
        same(one, THEIRS.by_online_meeting_id(MEETING).to_patch_request_information(OnlineMeeting()))
        known(OnlineMeeting(), body(one))
    assert set(body(moved)) == {"startDateTime", "endDateTime"}, "Graph takes them together only"
    same(deleted, THEIRS.by_online_meeting_id(MEETING).to_delete_request_information())


async def test_a_subscription_is_made_prolonged_found_and_ended(here: Recording) -> None:
    cloud, until = here.cloud(), datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    got = await cloud.subscribe(account(), JOIN, hook(), until=until)
    await cloud.renew(account(), "sub-1", until=until, hook=hook(number=1))
    await cloud.subscription(account(), "sub-1")
    await cloud.unsubscribe(account(), "sub-1")
    made, renewed, found, ended = here.asked
    one = BETA.subscriptions.by_subscription_id("sub-1")
    same(made, BETA.subscriptions.to_post_request_information(BetaSubscription()), "beta")
    same(renewed, one.to_patch_request_information(BetaSubscription()), "beta")
    same(found, one.to_get_request_information(), "beta")
    same(ended, one.to_delete_request_information(), "beta")
    # The type is the same in both versions, and the SDK of the one takes a second to read it, where that of the other takes ten.
    known(Subscription(), body(made))
    known(Subscription(), body(renewed))
    assert body(made)["resource"].startswith("communications/onlineMeetings(joinWebUrl='https%3A%2F%2Fteams.microsoft.com%2Fl")
    assert "%253ameeting" in body(made)["resource"], "what is encoded in a join link is encoded again"
    assert got.expires_at == datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=UTC)


async def test_reports_are_listed_and_read(here: Recording) -> None:
    await here.cloud().reports(account(), ROSA, MEETING)
    listed, read = here.asked
    reports = THEIRS.by_online_meeting_id(MEETING).attendance_reports
    same(listed, reports.to_get_request_information())
    query = MeetingAttendanceReportItemRequestBuilder.MeetingAttendanceReportItemRequestBuilderGetQueryParameters
    wanted = RequestConfiguration(query_parameters=query(expand=["attendanceRecords"]))
    same(read, reports.by_meeting_attendance_report_id("report-1").to_get_request_information(wanted))


async def test_call_records_are_listed_by_time_and_read_with_their_sessions(here: Recording) -> None:
    await here.cloud().call_records(account(), JOIN, since=START, until=START.replace(hour=18))
    listed, read = here.asked
    records = V1.communications.call_records
    span = "startDateTime ge 2026-11-21T15:00:00Z and startDateTime lt 2026-11-21T18:00:00Z"
    listing = CallRecordsRequestBuilder.CallRecordsRequestBuilderGetQueryParameters(filter=span)
    same(listed, records.to_get_request_information(RequestConfiguration(query_parameters=listing)))
    reading = CallRecordItemRequestBuilder.CallRecordItemRequestBuilderGetQueryParameters(expand=["sessions($expand=segments)"])
    wanted = records.by_call_record_id("report-1").to_get_request_information(RequestConfiguration(query_parameters=reading))
    same(read, wanted)


async def test_looking_changes_nothing(here: Recording) -> None:
    plan = {"servicePlanId": "57ff2da0-773e-42df-b2af-ffb7a2317929", "capabilityStatus": "Enabled", "service": "TeamspaceAPI"}
    here.say = lambda ask: (200, {"id": ROSA, "assignedPlans": [plan]})
    seen = await here.cloud().look(account(), [ROSA])
    assert [ask.method for ask in here.asked] == ["GET", "GET"]
    person, meetings = here.asked
    query = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(select=["id", "assignedPlans"])
    same(person, V1.users.by_user_id(ROSA).to_get_request_information(RequestConfiguration(query_parameters=query)))
    assert urlsplit(meetings.url).path == f"/v1.0/users/{ROSA}/onlineMeetings"
    assert unquote(urlsplit(meetings.url).query).startswith("$filter=JoinWebUrl eq '")
    assert seen.signed_in
    assert seen.clock_skew == (datetime(2026, 11, 21, 12, 0, 2, tzinfo=UTC) - NOW).total_seconds()


async def test_every_call_carries_the_token_to_graph_alone(here: Recording) -> None:
    await here.cloud().make(account(), wish())
    assert {(one.origin, one.header) for one in here.bearers if one} == {("https://graph.microsoft.com", "Bearer token-1")}
    (token,) = here.tokens
    assert token.url == f"https://login.microsoftonline.com/{account().directory}/oauth2/v2.0/token"
    form = parse_qs((token.body or b"").decode())
    assert form["scope"] == ["https://graph.microsoft.com/.default"]
    assert form["grant_type"] == ["client_credentials"]
