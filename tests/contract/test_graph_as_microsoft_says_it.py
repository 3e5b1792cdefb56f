"""Microsoft's own SDKs perform every call that the connector makes against the practice cloud, and are satisfied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.models.lobby_bypass_scope import LobbyBypassScope
from msgraph.generated.models.lobby_bypass_settings import LobbyBypassSettings
from msgraph.generated.models.meeting_chat_mode import MeetingChatMode
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.online_meeting import OnlineMeeting
from msgraph.generated.models.online_meeting_presenters import OnlineMeetingPresenters
from msgraph.generated.users.item.online_meetings.create_or_get.create_or_get_post_request_body import CreateOrGetPostRequestBody
from msgraph.generated.users.item.online_meetings.online_meetings_request_builder import OnlineMeetingsRequestBuilder
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder

from practice.server import start
from support.graph_sdk import adapter
from support.practice_cloud import ROSA, Caller, calling, register

START = datetime(2030, 1, 5, 15, 0, tzinfo=UTC)


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    hospital = await start()
    register(hospital)
    async with calling(hospital) as made:
        yield made
    await hospital.stop()


@pytest.fixture
async def graph(caller: Caller) -> AsyncIterator[GraphServiceClient]:
    async with adapter(caller, "v1.0") as to:
        yield GraphServiceClient(request_adapter=to)


def wanted(external: str = "visit-1") -> CreateOrGetPostRequestBody:
    return CreateOrGetPostRequestBody(
        external_id=external, subject="Video visit", start_date_time=START, end_date_time=START + timedelta(minutes=30)
    )


async def made(graph: GraphServiceClient, external: str = "visit-1") -> OnlineMeeting:
    meeting = await graph.users.by_user_id(ROSA).online_meetings.create_or_get.post(wanted(external))
    assert meeting is not None
    assert meeting.id
    return meeting


async def test_a_meeting_is_made_once_however_often_it_is_asked_for(graph: GraphServiceClient) -> None:
    first, again, other = await made(graph), await made(graph), await made(graph, "visit-2")
    assert first.id == again.id != other.id
    assert first.join_web_url == again.join_web_url
    assert (first.start_date_time, first.external_id, first.subject) == (START, "visit-1", "Video visit")
    assert first.participants.organizer.identity.user.id == ROSA


async def test_its_options_are_kept_as_they_were_set(graph: GraphServiceClient) -> None:
    meeting = await made(graph)
    changes = OnlineMeeting(
        lobby_bypass_settings=LobbyBypassSettings(scope=LobbyBypassScope.Organizer, is_dial_in_bypass_enabled=False),
        allowed_presenters=OnlineMeetingPresenters.Organizer,
        allow_meeting_chat=MeetingChatMode.Limited,
        is_entry_exit_announced=False,
        record_automatically=False,
    )
    await graph.users.by_user_id(ROSA).online_meetings.by_online_meeting_id(meeting.id).patch(changes)
    kept = await graph.users.by_user_id(ROSA).online_meetings.by_online_meeting_id(meeting.id).get()
    assert kept.lobby_bypass_settings.scope is LobbyBypassScope.Organizer
    assert kept.lobby_bypass_settings.is_dial_in_bypass_enabled is False
    assert kept.allowed_presenters is OnlineMeetingPresenters.Organizer
    assert kept.allow_meeting_chat is MeetingChatMode.Limited
    assert (kept.is_entry_exit_announced, kept.record_automatically) == (False, False)


async def test_it_is_found_by_its_link_moved_and_taken_away(graph: GraphServiceClient) -> None:
    meetings, meeting = graph.users.by_user_id(ROSA).online_meetings, await made(graph)
    asked = OnlineMeetingsRequestBuilder.OnlineMeetingsRequestBuilderGetQueryParameters(filter=f"JoinWebUrl eq '{meeting.join_web_url}'")
    found = await meetings.get(RequestConfiguration(query_parameters=asked))
    assert [one.id for one in found.value] == [meeting.id]
    later = START + timedelta(days=1)
    moved = await meetings.by_online_meeting_id(meeting.id).patch(
        OnlineMeeting(start_date_time=later, end_date_time=later + timedelta(hours=1))
    )
    assert moved.start_date_time == later
    await meetings.by_online_meeting_id(meeting.id).delete()
    with pytest.raises(ODataError) as gone:
        await meetings.by_online_meeting_id(meeting.id).get()
    assert gone.value.response_status_code == 404


async def test_somebody_without_an_account_is_given_a_link_of_their_own(graph: GraphServiceClient) -> None:
    meeting = await made(graph)
    item = graph.users.by_user_id(ROSA).online_meetings.by_online_meeting_id(meeting.id)
    answer = await item.get_virtual_appointment_join_web_url.get()
    assert answer.value.startswith("http")
    assert answer.value != meeting.join_web_url


async def test_a_person_and_their_licences_are_told(graph: GraphServiceClient) -> None:
    person = await graph.users.by_user_id(ROSA).get()
    assert (person.id, person.user_principal_name) == (ROSA, "rosa.okafor@alder.example")
    query = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(select=["id", "assignedPlans"])
    person = await graph.users.by_user_id(ROSA).get(RequestConfiguration(query_parameters=query))
    assert [(plan.service, plan.capability_status) for plan in person.assigned_plans] == [("TeamspaceAPI", "Enabled")]
    with pytest.raises(ODataError) as refused:
        await graph.users.by_user_id(ROSA).license_details.get()
    assert refused.value.error.code == "Authorization_RequestDenied"


async def test_without_a_policy_the_refusal_is_the_documented_one(caller: Caller, graph: GraphServiceClient) -> None:
    caller.hospital.setup(remove={"access_policies": ["Vestibule"]})
    with pytest.raises(ODataError) as refused:
        await made(graph)
    assert refused.value.response_status_code == 403
    assert (refused.value.error.code, refused.value.error.message) == ("Forbidden", "No Application Access Policy found for this app")
    assert refused.value.error.inner_error.request_id
