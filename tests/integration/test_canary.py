"""A whole visit of a patient made of unique strings: afterwards they are nowhere, and during it only where they belong, sealed."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from support.canary import AS_PATIENT, CALLIOPE, ZEPHYRINE, Canary
from support.people import Person
from support.scheduling import siu
from support.waiting import until
from support.whole import Visit, Whole, whole
from vestibule.feed.inbox import DurableInbox
from vestibule.feed.looking import FeedLooking
from vestibule.feed.model import Received, Rule, RuleField, Sender, Via
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.run import opened

if TYPE_CHECKING:
    from conftest import ServerThread

pytestmark = pytest.mark.timeout(300)
TABLES = "select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
CHANNELS = ("vestibule_event", "vestibule_effect", "vestibule_session", "vestibule_bus", "vestibule_feed", "vestibule_feed_settings")
TYPED, SAID, FORGED = (ZEPHYRINE.words[what] for what in ("typed name", "what was said in the room", "asked in a forged launch"))


@asynccontextmanager
async def overheard(url: str) -> AsyncIterator[list[str]]:
    """What the nodes tell each other through the database."""
    payloads: list[str] = []
    connection = await asyncpg.connect(url)
    for channel in CHANNELS:
        await connection.add_listener(channel, lambda _c, _p, _channel, payload: payloads.append(str(payload)))
    yield payloads
    await connection.close()


async def tables(url: str) -> dict[str, list[Any]]:
    """Every value of every column of every table, as the schema's owner sees it; bytes as bytes, anything else as text."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch(TABLES)
        values: dict[str, list[Any]] = {}
        for table in (row["name"] for row in found):
            for row in await connection.fetch(f"select * from {table}"):
                for column, value in row.items():
                    values.setdefault(f"{table}.{column}", []).append(value if isinstance(value, bytes) else str(value))
        return values
    finally:
        await connection.close()


def leaks(canary: Canary, places: dict[str, list[Any]]) -> list[str]:
    """Where any of it was found."""
    return [line for place, things in places.items() for line in canary.found(place, things)]


# ---------------------------------------------------------------------- the visit


async def come(visit: Visit) -> Person:
    """Both launch, an invited guest comes by a link, the patient types a name and is told something while she waits."""
    hospital, clinician, patient = visit.house.hospital, visit.clinician, visit.patient
    await clinician.launch()
    invited = await clinician.browser.ask(f"{clinician.base}/invite", "POST", json={"role": "family"})
    guest = visit.person("family")
    await guest.come_by_link(json.loads(invited.text)["url"])
    await asyncio.gather(*(one.watch() for one in (clinician, guest)))
    await patient.launch()
    await patient.watch()
    await patient.arrive(TYPED)
    await clinician.must("message", message="almost_ready")
    await until(lambda: any("messaged" in line for line in patient.lines), what="she reads it")
    assert await patient.press("name", name=TYPED, nickname=SAID) == 400
    hospital.setup(trouble={"status": {"mode": "error", "times": 1}})
    return guest


async def meet(visit: Visit) -> None:
    """They sit in the room, and what one says to the other passes through us."""
    clinician, patient = visit.people
    await visit.admit()
    await clinician.join()
    await patient.join()
    others = [one for one in patient.heard[-1]["people"] if one["role"] == "provider"]
    await patient.say(t="signal", to=others[0]["peer"], description={"type": "offer", "sdp": f"v=0\r\ns={SAID} {TYPED}\r\n"})
    heard = await clinician.hear("signal")
    assert SAID in heard["description"]["sdp"]
    await patient.drop()
    await patient.join()


async def go_wrong(house: Whole, visit: Visit) -> None:
    """What may go wrong on the way: a record that fails in the middle of a launch, a launch used twice, forged ones, a lost page."""
    other = house.browser()
    house.hospital.setup(trouble={"fhir": {"mode": "error", "times": 3}})
    address = house.hospital.launch("provider", visit.csn)
    assert (await other.follow(address)).status >= 400
    house.hospital.setup(trouble={"fhir": {"mode": "off"}})
    assert (await other.follow(address)).status == 409
    forger = dataclasses.replace(other, addresses=[])  # what others write into their own address bar is theirs
    for forged in (
        f"/launch/provider?iss=http://{FORGED}.example&launch={TYPED}",
        f"/launch/callback?error=access_denied&error_description={FORGED}&state={FORGED}",
        f"/launch/callback?code={FORGED}&state={FORGED}",
        f"/j/{FORGED}",
        f"/{FORGED}?name={FORGED}",
        f"{visit.clinician.base}/console?{FORGED}",
    ):
        assert (await forger.ask(forged)).status >= 400, forged


async def whole_visit(house: Whole, visit: Visit) -> Person:
    """From the first button to the last word to the record."""
    guest = await come(visit)
    await meet(visit)
    await go_wrong(house, visit)
    console = (await visit.clinician.browser.ask(f"{visit.clinician.base}/console")).text
    assert TYPED in console, "the clinician must see who is there, or this test proves nothing"
    assert ZEPHYRINE.found("lobby", [await seen_by(guest), *guest.lines]) == []
    return guest


async def seen_by(guest: Person) -> str:
    """All that somebody may look at who has not been let in."""
    pages = [await guest.browser.ask(f"{guest.base}/{what}") for what in ("lobby", "state", "relay", "room", "console", "board")]
    return "\n".join(page.text for page in pages)


async def test_nothing_of_a_patient_is_left_anywhere(postgres: ServerThread, db_url: str, tmp_path: Path) -> None:
    async with whole(tmp_path, db_url, log_level="debug") as house, overheard(db_url) as payloads:
        house.hospital.setup(patients=[AS_PATIENT])
        visit = await house.visit(patient=AS_PATIENT["id"])
        guest = await whole_visit(house, visit)
        during = await tables(db_url)
        metrics = await house.browser().ask("/metrics")
        assert metrics.status == 200
        await visit.clinician.must("end")
        await visit.judge()
        after = await tables(db_url)
    places = {
        "log": house.said,
        "addresses": [address for person in house.people for address in person.browser.addresses],
        "metrics": [metrics.text],
        "told between nodes": payloads,
        "live stream of the guest": guest.lines,
        "PostgreSQL's log": [(postgres.server.home / "server.log").read_text()],
    }
    assert all(places[name] for name in ("log", "addresses", "metrics", "told between nodes", "live stream of the guest"))
    assert leaks(ZEPHYRINE, places | during) == []
    assert leaks(ZEPHYRINE, after) == []
    assert sum(value != "None" for value in during["participants.name_sealed"]) >= 2, "names are kept, sealed, while the visit goes on"
    for column in ("name_sealed", "person_sealed", "person_key"):
        assert set(after[f"participants.{column}"]) == {"None"}, f"{column} outlived the visit"
    assert set(after["launches.sealed"]) == {"None"}


# ---------------------------------------------------------------------- a patient in an appointment message


def appointment(event: str, control: str, *, room: str = "VIDEO ROOM", csn: str = "700123", starts: str | None = None) -> bytes:
    """A message in which every field of hers is filled."""
    words = CALLIOPE.words
    name = f"{words['family name'].upper()}^{words['given name'].upper()}"
    body = siu(event, control=control, csn=csn, name=name, room=room, starts=starts).decode()
    body = body.replace("Z100200", words["medical record number"]).replace("19800101", words["date of birth"].replace("-", ""))
    body = body.replace("^PRN^CP^^^608^5550134", f"(608) 555-8190^PRN^CP~^NET^Internet^{words['e-mail']}")
    body = body.replace("2 SAMPLE ST", f"7 {words['address']}").replace("000-00-0000", words["social security number"])
    return (body + f"NTE|1||{words['remark']}\r").encode()


async def send(inbox: DurableInbox, connection: tuple[TenantId, ConnectionId], body: bytes) -> None:
    """As a socket gives it to the inbox."""
    control = body.split(b"|")[9].decode()
    name = hashlib.sha256(f"{connection} {control}".encode()).digest()
    await inbox.take(Received(Sender(*connection), Via.MLLPS, control, name, body))


async def test_nothing_of_a_patient_in_an_appointment_message_is_left_anywhere(postgres: ServerThread, db_url: str, tmp_path: Path) -> None:
    """One applied, one that is no virtual visit, one in quarantine that a person looks at; then the appointment is cancelled."""
    async with whole(tmp_path, db_url, log_level="debug") as house, overheard(db_url) as payloads, opened(house.settings) as parts:
        [row] = await house.rows("select tenant_id, id from connections")
        where = (TenantId(row["tenant_id"]), ConnectionId(row["id"]))
        async with parts.db.tenant(where[0]) as tx:
            changes = {"enabled": True, "zone": "America/Chicago", "rules": (Rule(RuleField.RESOURCE, "VIDEO ROOM"),)}
            await parts.feed_settings.change(tx, where[1], changes, revision=0, by=SYSTEM)
        inbox = DurableInbox(db_url, parts.box)
        inbox.start()
        looking = FeedLooking(parts.clock, parts.box, parts.audit, parts.tenancy)
        try:
            await send(inbox, where, appointment("S12", "1"))
            await send(inbox, where, appointment("S12", "2", room="ROOM 7", csn="700124"))
            await send(inbox, where, appointment("S12", "3", csn="700125", starts=""))
            await send(inbox, where, appointment("S12", "3", csn="700126"))
            await until(lambda: fates(house, {"applied", "ignored", "quarantined"}, 4), what="all of them have an end")
            async with parts.db.tenant(where[0]) as tx:
                [*listed] = (await looking.quarantine(tx, where[1])).items
                looks = [repr(await looking.look(tx, where[1], one.id)) for one in listed]
                tried = repr(await looking.attempt(tx, await parts.feed_settings.get(tx, where[1]), appointment("S14", "4")))
            during = await tables(db_url)
            async with parts.db.tenant(where[0]) as tx:
                _line, text = await looking.reveal(tx, where[1], listed[0].id, by=SYSTEM)
                await looking.drop(tx, where[1], by=SYSTEM)
            await send(inbox, where, appointment("S15", "5"))
            await until(lambda: fates(house, {"applied", "ignored", "dropped"}, 5), what="the cancel is applied")
            after = await tables(db_url)
        finally:
            await inbox.stop()
    assert CALLIOPE.words["given name"].upper() in text, "the message must have held her, or this test proves nothing"
    assert sum(value != "None" for value in during["contacts.phone_sealed"]) == 1
    assert sum(value != "None" for value in during["participants.name_sealed"]) == 1
    places = {
        "log": house.said,
        "told between nodes": payloads,
        "looked at, masked": looks,
        "tried": [tried],
        "PostgreSQL's log": [(postgres.server.home / "server.log").read_text()],
    }
    assert len(looks) == 2
    assert all(places[name] for name in ("log", "told between nodes"))
    assert leaks(CALLIOPE, places | during) == []
    assert leaks(CALLIOPE, after) == []
    assert set(after["feed_inbox.body"]) == {"None"}, "no message outlives the appointment"
    assert set(after["participants.name_sealed"]) == {"None"}


async def fates(house: Whole, states: set[str], many: int) -> bool:
    """Whether there are so many messages, each in one of these states."""
    rows = await house.rows("select state from feed_inbox")
    return len(rows) == many and {row["state"] for row in rows} <= states


# ---------------------------------------------------------------------- would it be found?


@pytest.mark.parametrize(
    ("planted", "why"),
    [
        ('{"event":"request","path":"/R4/Patient/eQzWvXkanaryTu7Ryp94Lm"}', "an id in a log line"),
        ("GET /x?name=ZEPHYRINEXA%20Q", "in capitals in an address"),
        ("name=Zephyrinexa+%51uillfeatherstone", "half percent-encoded"),
        ("+1 (555) 8190 27641", "the number, written another way"),
        ("tel:+1555819027641", "the number without its dashes"),
        ("born 1967/04/19", "the date, written another way"),
        (b"\x00\x01Mizpahwren\xff", "in clear inside bytes"),
        ("4d697a7061687772656e", "in hexadecimal"),
        ("eyJuYW1lIjogIk1penBhaHdyZW4ifQ==", "inside a base64 document"),
    ],
)
def test_the_search_finds_what_was_planted(planted: str | bytes, why: str) -> None:
    assert ZEPHYRINE.found("here", [planted]), why


@pytest.mark.parametrize(
    "innocent", ["", "01a1fd4a-7eec-7f4c-b793-af58cd38fcf1", '{"event":"request","route":"/s/{sid}/name"}', b"\x00" * 40, None]
)
def test_the_search_finds_nothing_in_what_is_innocent(innocent: str | bytes | None) -> None:
    assert ZEPHYRINE.found("here", [innocent]) == []


async def test_the_search_sees_every_column_of_every_table(owner: asyncpg.Connection, db_url: str) -> None:
    await owner.execute("create table planted (a uuid, b jsonb, c bytea, d text[])")
    await owner.execute("insert into planted values (null, $1::jsonb, $2, $3)", f'{{"x": ["{TYPED}"]}}', SAID.encode(), [FORGED])
    assert {line.split(":")[0] for line in leaks(ZEPHYRINE, await tables(db_url))} == {"planted.b", "planted.c", "planted.d"}
