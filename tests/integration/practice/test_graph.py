"""The practice cloud says no where the real one does, keeps what it made, and goes astray on request."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from practice.microsoft.seed import ALDER, BIRCH
from practice.server import start
from support.practice_cloud import CLIENT, INGRID, ROSA, Caller, Ear, assertion, calling, hearing, pair, register

WHEN = {"startDateTime": "2030-01-05T15:00:00Z", "endDateTime": "2030-01-05T15:30:00Z"}
MEETINGS = f"v1.0/users/{ROSA}/onlineMeetings"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    hospital = await start()
    register(hospital, certificates=[pair().base64])
    hospital.setup(cloud={"retry_seconds": 0.01})
    async with calling(hospital) as made:
        yield made
    await hospital.stop()


async def made(caller: Caller, external: str = "visit-1", **body: Any) -> dict[str, Any]:
    answer = await caller.ask("POST", f"{MEETINGS}/createOrGet", json={"externalId": external, **body})
    assert answer.status in {200, 201}, answer.text
    return dict(answer.json)


# ---------------------------------------------------------------------- tokens


async def by_certificate(caller: Caller, signed: str) -> Any:
    return await caller.asks_token(client_secret=None, client_assertion_type=BEARER, client_assertion=signed)


@pytest.mark.parametrize("header", [{}, {"alg": "RS256", "x5t": pair().thumbprint(hashes.SHA1()), "x5t#S256": ""}], ids=["S256", "SHA-1"])
async def test_a_registered_certificate_is_as_good_as_a_secret(caller: Caller, header: dict[str, str]) -> None:
    answer = await by_certificate(caller, assertion(caller.hospital, pair(), header=header))
    assert answer.status == 200, answer.text
    assert answer.json["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("number", "signed"),
    [
        (700027, lambda h: assertion(h, pair(1))),
        (700027, lambda h: assertion(h, pair(1), header={"x5t#S256": pair().thumbprint(hashes.SHA256())})),
        (700021, lambda h: assertion(h, pair(), iss="somebody else")),
        (700023, lambda h: assertion(h, pair(), aud="https://elsewhere.example/token")),
        (700024, lambda h: assertion(h, pair(), exp=1, nbf=0)),
        (700024, lambda h: assertion(h, pair(), nbf=int(h.hospital.now()) + 1000, exp=int(h.hospital.now()) + 1300)),
        (700024, lambda h: assertion(h, pair(), exp="soon")),
        (50027, lambda h: assertion(h, pair(), jti=None)),
        (50027, lambda _: "not.a.token"),
    ],
)
async def test_an_assertion_that_proves_nothing_is_refused(caller: Caller, number: int, signed: Any) -> None:
    answer = await by_certificate(caller, signed(caller.hospital))
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    assert answer.json["error_codes"] == [number]


async def test_a_certificate_that_is_over_proves_nothing(caller: Caller) -> None:
    caller.hospital.setup(sign_in_apps=[{"client_id": CLIENT, "certificates": [pair(3, days=-1).base64]}])
    answer = await by_certificate(caller, assertion(caller.hospital, pair(3, days=-1)))
    assert answer.json["error_codes"] == [700027]
    assert "expired" in answer.json["error_description"]


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (7000218, {"client_secret": None}),
        (7000215, {"client_secret": "wrong"}),
        (900144, {"scope": None}),
        (1002012, {"scope": "https://graph.microsoft.com/User.Read.All"}),
        (500011, {"scope": "https://elsewhere.example/.default"}),
        (700016, {"client_id": "nobody"}),
        (50059, {"tenant": "organizations"}),
        (90002, {"tenant": "nowhere.example"}),
    ],
)
async def test_a_request_for_a_token_that_is_not_in_order_is_refused(caller: Caller, number: int, changes: dict[str, Any]) -> None:
    answer = await caller.asks_token(**changes)
    assert answer.status in {400, 401}
    assert answer.json["error_codes"] == [number]


async def test_permissions_count_where_an_administrator_agreed_to_them(caller: Caller) -> None:
    for tenant, status in ((ALDER, 200), (BIRCH, 403)):
        caller.token = (await caller.asks_token(tenant)).json["access_token"]
        assert (await caller.ask("GET", f"v1.0/users/{ROSA if tenant == ALDER else 'mei.tanaka@birch.example'}")).status == status


@pytest.mark.parametrize("token", ["", "nonsense", "e30.e30.e30"])
async def test_without_a_token_of_its_own_nobody_is_heard(caller: Caller, token: str) -> None:
    caller.token = token
    answer = await caller.ask("GET", f"{MEETINGS}/x")
    assert (answer.status, answer.json["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_a_token_may_be_withdrawn_before_its_time(caller: Caller) -> None:
    caller.hospital.hospital.graph.expire_tokens()
    assert (await caller.ask("GET", f"{MEETINGS}/x")).status == 401
    await caller.signed_in()
    assert (await caller.ask("GET", f"{MEETINGS}/x")).status == 404


# ---------------------------------------------------------------------- meetings


@pytest.mark.parametrize(
    "changes",
    [
        {"lobbyBypassSettings": {"scope": "nobody"}},
        {"lobbyBypassSettings": {"scope": "everyone", "colour": "red"}},
        {"lobbyBypassSettings": "organizer"},
        {"allowMeetingChat": "sometimes"},
        {"allowMeetingChat": True},
        {"recordAutomatically": "yes"},
        {"isEntryExitAnnounced": 1},
        {"allowedPresenters": "roleIsPresenter"},
        {"joinWebUrl": "https://elsewhere.example"},
        {"startDateTime": "2030-01-05T15:00:00Z"},
        {"startDateTime": "2030-01-05T15:00:00", "endDateTime": "2030-01-05T16:00:00"},
        {"startDateTime": "2030-01-05T16:00:00Z", "endDateTime": "2030-01-05T15:00:00Z"},
        {"participants": {"attendees": [{"role": "king", "upn": "x@y.example"}]}},
        {"participants": {"attendees": [{"role": "presenter", "upn": "stranger@elsewhere.example"}]}},
    ],
)
async def test_options_are_what_they_may_be_or_nothing_changes(caller: Caller, changes: dict[str, Any]) -> None:
    meeting = await made(caller)
    answer = await caller.ask("PATCH", f"{MEETINGS}/{meeting['id']}", json={"subject": "another", **changes})
    assert (answer.status, answer.json["error"]["code"]) == (400, "BadRequest")
    after = (await caller.ask("GET", f"{MEETINGS}/{meeting['id']}")).json
    assert {name: after[name] for name in meeting if "@" not in name} == {name: meeting[name] for name in meeting if "@" not in name}


async def test_newer_values_are_shown_to_readers_who_know_that_there_are_some(caller: Caller) -> None:
    meeting = await made(caller)
    await caller.ask("PATCH", f"{MEETINGS}/{meeting['id']}", json={"lobbyBypassSettings": {"scope": "invited"}})
    for prefer, scope in (("", "unknownFutureValue"), ("include-unknown-enum-members", "invited")):
        answer = await caller.ask("GET", f"{MEETINGS}/{meeting['id']}", headers={"Prefer": prefer} if prefer else {})
        assert answer.json["lobbyBypassSettings"]["scope"] == scope


async def test_what_the_organisation_keeps_stays(caller: Caller) -> None:
    caller.hospital.setup(cloud={"keeps": {"recordAutomatically": True, "lobbyBypassSettings": {"scope": "everyone"}}})
    meeting = await made(caller)
    body = {"recordAutomatically": False, "lobbyBypassSettings": {"scope": "organizer"}}
    kept = (await caller.ask("PATCH", f"{MEETINGS}/{meeting['id']}", json=body)).json
    assert (kept["recordAutomatically"], kept["lobbyBypassSettings"]["scope"]) == (True, "everyone")


async def test_the_same_id_is_another_meeting_for_another_organizer(caller: Caller) -> None:
    first = await made(caller)
    answer = await caller.ask("POST", f"v1.0/users/{INGRID}/onlineMeetings/createOrGet", json={"externalId": "visit-1"})
    assert answer.status == 201
    assert answer.json["id"] != first["id"]
    assert (await caller.ask("GET", f"v1.0/users/{INGRID}/onlineMeetings/{first['id']}")).status == 404


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"people_accounts": [{"oid": ROSA, "licences": []}]}, 403, "license"),
        ({"people_accounts": [{"oid": ROSA, "enabled": False}]}, 404, "User lookup"),
        ({"access_policies": [{"name": "Vestibule", "everyone": False, "granted_to": [INGRID]}]}, 403, "No Application Access Policy"),
        ({"access_policies": [{"name": "Vestibule", "tid": BIRCH}]}, 403, "No Application Access Policy"),
        ({"cloud": {"monthly": 1}}, 429, "month"),
    ],
    ids=["licence", "account", "policy", "policy elsewhere", "month"],
)
async def test_why_a_meeting_cannot_be_made_is_said(caller: Caller, changes: dict[str, Any], status: int, words: str) -> None:
    await made(caller, "an earlier visit")
    caller.hospital.setup(**changes)
    answer = await caller.ask("POST", f"{MEETINGS}/createOrGet", json={"externalId": "visit-2"})
    assert answer.status == status
    assert words in answer.json["error"]["message"]
    assert status != 429 or int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [("forbidden", "Forbidden", "found for this app"), ("general", "General", ROSA), ("unauthorized", "Unauthorized", "on behalf of user")],
)
async def test_a_missing_policy_is_said_as_it_was_at_one_time_or_another(caller: Caller, words: str, code: str, says: str) -> None:
    caller.hospital.setup(cloud={"policy_words": words}, remove={"access_policies": ["Vestibule"]})
    answer = await caller.ask("POST", f"{MEETINGS}/createOrGet", json={"externalId": "visit-1"})
    assert (answer.status, answer.json["error"]["code"]) == (403, code)
    assert says in answer.json["error"]["message"]


async def test_a_meeting_of_another_directory_cannot_be_subscribed_to(caller: Caller) -> None:
    house = caller.hospital.hospital
    theirs = house.graph.keep(house.graph.make(BIRCH, "mei", start=WHEN["startDateTime"], end=WHEN["endDateTime"]))
    async with hearing() as ear:
        with pytest.raises(AssertionError, match="does not match the token tenant"):
            await subscribed(caller, ear, {"joinWebUrl": theirs.join_url})


async def test_too_many_calls_in_a_second_are_told_when_to_come_again(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    caller.hospital.setup(cloud={"per_second": 3})
    second = caller.hospital.hospital.now()
    monkeypatch.setattr(caller.hospital.hospital, "now", lambda: second)
    answers = [await caller.ask("GET", f"v1.0/users/{ROSA}") for _ in range(4)]
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) in {1, 2}


async def test_the_trouble_switch_speaks_as_graph_does(caller: Caller) -> None:
    caller.hospital.setup(trouble={"graph": {"mode": "busy", "seconds": 7, "times": 1}})
    answer = await caller.ask("GET", f"{MEETINGS}/x")
    assert (answer.status, answer.json["error"]["code"], answer.headers["Retry-After"]) == (429, "TooManyRequests", "7")
    assert (await caller.ask("GET", f"{MEETINGS}/x")).status == 404


async def test_every_call_is_in_the_ledger(caller: Caller) -> None:
    meeting = await made(caller)
    (line,) = caller.hospital.ledger("graph")
    assert (line["endpoint"], line["external"], line["meeting"], line["client"]) == ("createOrGet", "visit-1", meeting["id"], CLIENT)


async def test_what_was_made_is_there_after_a_restart(tmp_path: Path) -> None:
    first = await start(data=tmp_path)
    register(first)
    async with calling(first) as caller, hearing() as ear:
        meeting = await made(caller)
        await subscribed(caller, ear, meeting)
        await caller.ask("DELETE", f"{MEETINGS}/{(await made(caller, 'visit-2'))['id']}")
    await first.stop()
    with (tmp_path / "graph.jsonl").open("ab") as file:
        file.write(b'{"meeting": {"id": "torn by a ki')
    again = await start(data=tmp_path)
    async with calling(again) as caller:
        assert (await made(caller))["id"] == meeting["id"]
        assert len((await caller.ask("GET", "beta/subscriptions")).json["value"]) == 1
    assert len([one for one in again.hospital.graph.meetings.values() if not one.deleted]) == 1
    await again.stop()


# ---------------------------------------------------------------------- notifications


async def subscribed(caller: Caller, ear: Ear, meeting: dict[str, Any]) -> dict[str, Any]:
    body = {
        "changeType": "updated",
        "notificationUrl": f"{ear.url}/n",
        "lifecycleNotificationUrl": f"{ear.url}/l",
        "resource": f"/communications/onlineMeetings(joinWebUrl='{quote(meeting['joinWebUrl'], safe='')}')/meetingCallEvents",
        "includeResourceData": True,
        "encryptionCertificate": pair(1).base64,
        "encryptionCertificateId": "key-1",
        "expirationDateTime": (datetime.now(UTC) + timedelta(hours=2)).isoformat(),
        "clientState": "state",
    }
    answer = await caller.ask("POST", "beta/subscriptions", json=body)
    assert answer.status == 201, answer.text
    return dict(answer.json)


def believable(caller: Caller, body: dict[str, Any]) -> bool:
    """Whether a reader who checks everything would take a delivery."""
    keys = KeySet.import_key_set(caller.hospital.hospital.sign_ins.keys.public("x"))  # type: ignore[arg-type]
    try:
        claims = [jwt.decode(token, keys, algorithms=["RS256"]).claims for token in body["validationTokens"]]
        (item,) = body["value"]
        sealed = item["encryptedContent"]
        data, signature, wrapped = (base64.b64decode(sealed[name]) for name in ("data", "dataSignature", "dataKey"))
        key = pair(1).private.decrypt(wrapped, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    except (JoseError, ValueError, KeyError):
        return False
    ours = [
        (c["aud"], c["iss"], c["appid"]) == (CLIENT, f"https://sts.windows.net/{ALDER}/", "0bf30f3b-4a52-48df-9a82-234910c4a086")
        and c["exp"] > caller.hospital.hospital.now()
        for c in claims
    ]
    return all(ours) and bool(ours) and item["clientState"] == "state" and hmac.digest(key, data, "sha256") == signature


FAULTS = ["client-state", "audience", "issuer", "appid", "expired", "unsigned", "signature", "no-token", "data", "data-signature", "key"]


@pytest.mark.parametrize("fault", ["none", *FAULTS])
async def test_a_faulty_notification_cannot_be_believed_and_a_good_one_can(caller: Caller, fault: str) -> None:
    async with hearing() as ear:
        meeting = await made(caller)
        await subscribed(caller, ear, meeting)
        caller.hospital.setup(cloud={"notice_fault": fault, "batch": 1})
        caller.hospital.hospital.calls.join(meeting["id"], who="guest", name="Amy")
        told = await ear.wait(2)
        assert [believable(caller, body) for body in told] == [fault == "none"] * 2


@pytest.mark.parametrize(("trick", "order"), [("", [0, 1]), ("duplicate", [0, 0, 1, 1]), ("reorder", [1, 0]), ("drop", [])])
async def test_notifications_go_astray_on_request(caller: Caller, trick: str, order: list[int]) -> None:
    async with hearing() as ear:
        meeting = await made(caller)
        await subscribed(caller, ear, meeting)
        caller.hospital.setup(cloud={"trick": trick, "batch": 1})
        caller.hospital.hospital.calls.join(meeting["id"], who="guest", name="Amy")
        await caller.hospital.hospital.notifier.settled()
        ids = [body["value"][0]["resourceData"]["id"] for body in ear.told]
        first = ids[order.index(0)] if order else ""
        assert [int(one != first) for one in ids] == order


async def test_whoever_never_answers_is_told_that_something_was_missed(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practice.microsoft.graph.notifier._TRIES", 2)
    async with hearing() as ear:
        meeting = await made(caller)
        await subscribed(caller, ear, meeting)
        ear.answers = [500, 500, 202]
        caller.hospital.hospital.calls.join(meeting["id"], who="guest", name="Amy")
        (body,) = await ear.wait(1)
        assert (body["path"], body["value"][0]["lifecycleEvent"]) == ("/l", "missed")


async def test_a_muted_subscription_is_told_nothing_until_it_is_renewed(caller: Caller) -> None:
    async with hearing() as ear:
        meeting = await made(caller)
        one = await subscribed(caller, ear, meeting)
        await caller.session.post(f"{caller.hospital.url}/cloud.json", json={"subscription": one["id"], "muted": True})
        amy = caller.hospital.hospital.calls.join(meeting["id"], who="guest", name="Amy")
        assert (await caller.ask("POST", f"beta/subscriptions/{one['id']}/reauthorize")).status == 204
        caller.hospital.hospital.calls.leave(amy.id)
        await caller.hospital.hospital.notifier.settled()
        assert sum(len(body["value"]) for body in ear.told) == 2


async def test_an_endpoint_outside_this_machine_is_never_called(caller: Caller) -> None:
    async with hearing() as ear:
        meeting = await made(caller)
        ear.url = "https://elsewhere.example"
        with pytest.raises(AssertionError, match="ValidationError"):
            await subscribed(caller, ear, meeting)


# ---------------------------------------------------------------------- its forms


async def test_a_policy_and_the_manners_can_be_set_by_hand(caller: Caller) -> None:
    url, book = f"{caller.hospital.url}/desk/edit", caller.hospital.hospital
    await caller.session.post(f"{url}/access_policies/new", data={"name": "ByHand", "app_ids": CLIENT, "granted_to": f"{ROSA}\n{INGRID}"})
    assert book.book.access_policies[-1].granted_to == [ROSA, INGRID]
    form = {name: str(getattr(book.book.cloud, name)) for name in ("monthly", "per_second", "batch", "days", "generation", "guest_ids")}
    seconds = {"retry_seconds": "1.5", "report_seconds": "30", "record_seconds": "60"}
    answer = await caller.session.post(f"{url}/cloud/all", data={**form, **seconds, "trick": "drop", "notice_fault": "none"})
    assert answer.status == 200
    assert (book.book.cloud.trick, book.book.cloud.report_seconds) == ("drop", 30)
