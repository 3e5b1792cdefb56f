"""The patients' phones on the page: what they show, answer, and suffer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from practice.carriers.seed import AZURE_TOLL_FREE, LOCAL, TOLL_FREE
from practice.server import Running, start
from support.practice_app import App
from support.practice_carriers import call, twilio

AMY = "+16085550142"
PAGE = f"/handset/{AMY[1:]}"


async def send(hospital: Running, body: str, to: str = AMY, sender: str = TOLL_FREE) -> Any:
    made = await call(twilio(hospital).messages.create, to=to, from_=sender, body=body)
    await hospital.hospital.exchange.settled()
    return made


async def test_the_list_has_the_patients_by_name_and_every_number_that_got_a_text(app: App, hospital: Running) -> None:
    await send(hospital, "Hello", to="+12065550177")
    page = (await app.ask("GET", "/handset")).text
    assert page.index("(206) 555-0177") < page.index("Amy Shaw"), "the newest text comes first"
    assert "Theodor Brandt" in page


async def test_a_text_is_a_bubble_whose_link_can_be_tapped_and_whose_markup_is_text(app: App, hospital: Running) -> None:
    await send(hospital, "Join: http://127.0.0.1:8080/v/abc?x=1&y=2. <b>now</b> (see https://a.example/b)")
    page = (await app.ask("GET", PAGE)).text
    assert '<a href="http://127.0.0.1:8080/v/abc?x=1&amp;y=2" target="_blank" rel="noopener">' in page
    assert '<a href="https://a.example/b"' in page
    assert "&lt;b&gt;now&lt;/b&gt;" in page
    assert "From (888) 555-0100" in page


async def test_segments_answers_and_what_did_not_arrive_are_seen(app: App, hospital: Running) -> None:
    await send(hospital, "x" * 161)
    hospital.setup(phones=[{"number": AMY, "trouble": ["unknown"]}])
    await send(hospital, "SECRET-LOST")
    page = (await app.ask("GET", PAGE)).text
    assert "2 segments" in page
    assert "did not arrive" in page
    assert "30005" in page
    bubbles = page.partition('<ol data-part="texts">')[2]
    assert "SECRET-LOST" not in bubbles


@pytest.mark.parametrize(
    ("form", "said"),
    [({"to": LOCAL, "text": "Thank you"}, "Thank you"), ({"to": LOCAL, "word": "STOP", "text": "ignored"}, "STOP")],
    ids=str,
)
async def test_a_reply_goes_to_the_chosen_number(app: App, hospital: Running, form: dict[str, str], said: str) -> None:
    answer = await app.ask("POST", f"{PAGE}/reply", data=form)
    assert (answer.status, answer.headers["Location"]) == (303, PAGE)
    first = next(iter(hospital.hospital.exchange.journal.texts.values()))
    assert (first.sender, first.to, first.text, first.way) == (AMY, LOCAL, said, "in")
    assert ("stopped" in (await app.ask("GET", PAGE)).text) == (said == "STOP")


async def test_stop_to_the_other_carrier_too(app: App, hospital: Running) -> None:
    await app.ask("POST", f"{PAGE}/reply", data={"to": AZURE_TOLL_FREE, "word": "STOP"})
    assert (AZURE_TOLL_FREE, AMY) in hospital.hospital.exchange.journal.opted_out
    assert "automatic answer" in (await app.ask("GET", PAGE)).text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"{PAGE}/reply", {"to": LOCAL, "text": "  "}),
        (f"{PAGE}/reply", {"to": LOCAL, "text": "x" * 1601}),
        (f"{PAGE}/reply", {"to": "+12065550100", "text": "x"}),
        (f"{PAGE}/reply", {}),
        ("/handset/0000000/reply", {"to": LOCAL, "text": "x"}),
        (f"{PAGE}/trouble", {"trouble": "fire"}),
        (f"{PAGE}/trouble", {"trouble": "slow", "seconds": "soon"}),
    ],
    ids=str,
)
async def test_what_does_not_fit_is_refused(app: App, path: str, form: dict[str, str]) -> None:
    assert (await app.ask("POST", path, data=form)).status == 400
    assert app.hospital.hospital.exchange.journal.texts == {}


async def test_trouble_is_switched_on_and_off_for_one_phone(app: App, hospital: Running) -> None:
    form = [("trouble", "slow"), ("trouble", "duplicate"), ("seconds", "2.5")]
    assert (await app.ask("POST", f"{PAGE}/trouble", data=form)).status == 303
    phone = hospital.hospital.exchange.phone(AMY)
    assert (phone.trouble, phone.seconds) == (["slow", "duplicate"], 2.5)
    assert "2 on" in (await app.ask("GET", PAGE)).text
    await app.ask("POST", f"{PAGE}/trouble", data={"seconds": "20"})
    assert hospital.hospital.exchange.phone(AMY).trouble == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/handset?number=%2B1 (206) 555-0199", 303),
        ("/handset?number=206-555-0199", 303),
        ("/handset?number=12", 400),
        ("/handset/0123456", 404),
        ("/handset/news?seen=x", 400),
        ("/handset/16085550199", 200),
    ],
)
async def test_any_number_can_be_opened(app: App, path: str, status: int) -> None:
    assert (await app.ask("GET", path)).status == status


async def test_news_come_when_there_are_some(app: App, hospital: Running) -> None:
    seen = hospital.hospital.exchange.journal.version
    assert (await app.ask("GET", f"/handset/news?seen={seen}")).json == []
    waiting = asyncio.create_task(app.ask("GET", f"/handset/news?seen={seen}&wait=10"))
    await send(hospital, "Hello")
    assert (await waiting).json != []
    assert (await app.ask("GET", "/carriers/ledger?version=x")).status == 400
    assert (await app.ask("GET", f"/carriers/ledger?version={seen}&wait=5&phone=%2B16085550142")).json["texts"][0]["was_shown"]


async def test_texts_and_stops_outlive_a_restart_and_a_torn_line(tmp_path: Any) -> None:
    first = await start(data=tmp_path)
    made = await send(first, "Kept")
    first.text(AMY, LOCAL, "STOP")
    await first.hospital.exchange.settled()
    await first.stop()
    with (tmp_path / "carriers.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')
    second = await start(data=tmp_path)
    journal = second.hospital.exchange.journal
    assert (journal.texts[made.sid].status, bool(journal.texts[made.sid].shown)) == ("delivered", True)
    assert (LOCAL, AMY) in journal.opted_out
    await send(second, "More")
    await second.stop()
    third = await start(data=tmp_path)
    assert [t.text for t in third.hospital.exchange.journal.with_phone(AMY)][-1] == "More"
    await third.stop()


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (
            "twilio_accounts",
            {"sid": "AC" + "3" * 32, "token": "t", "name": "Third", "opt_out": "off", "per_second": "5", "retry_seconds": "1"},
        ),
        ("azure_resources", {"name": "third", "key": "YQ==", "per_minute": "5", "daily": "5", "batch": "1", "operation_seconds": "1"}),
        ("numbers", {"number": "+12065550123", "carrier": "azure", "owner": "eastmere-texts", "kind": "local", "verification": ""}),
    ],
)
async def test_accounts_and_numbers_are_added_by_a_form(app: App, hospital: Running, name: str, form: dict[str, str]) -> None:
    before = len(getattr(hospital.hospital.book, name))
    retry = {"retry_seconds": "1"} if name == "azure_resources" else {}
    answer = await app.ask("POST", f"/desk/edit/{name}/new", data={**form, **retry})
    assert answer.status == 303, answer.text
    assert len(getattr(hospital.hospital.book, name)) == before + 1
    assert "Carriers of texts" in (await app.ask("GET", "/desk/setup")).text


async def test_the_mail_server_is_set_by_a_form(app: App, hospital: Running) -> None:
    assert (await app.ask("POST", "/desk/edit/mail/all", data={"user": "x", "password": "y", "need_tls": "on"})).status == 303
    assert (hospital.hospital.book.mail.user, hospital.hospital.book.mail.need_tls) == ("x", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"numbers": [{"number": "+12065550123", "carrier": "twilio", "owner": "nobody"}]},
        {"numbers": [{"number": "12065550123", "carrier": "twilio", "owner": "eastmere-texts"}]},
        {"phones": [{"number": AMY, "trouble": ["fire"]}]},
        {"phones": {}},
        {"azure_resources": [{"name": "eastmere-texts", "key": "not base64!"}]},
        {"mail": {"colour": "red"}},
    ],
    ids=str,
)
async def test_a_set_up_that_does_not_fit_changes_nothing(app: App, hospital: Running, wrong: dict[str, Any]) -> None:
    before = (await app.ask("GET", "/setup")).json
    assert (await app.ask("POST", "/setup", json=wrong)).status == 400
    assert (await app.ask("GET", "/setup")).json == before
