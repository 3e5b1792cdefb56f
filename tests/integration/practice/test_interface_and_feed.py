"""The practice hospital's interface engine and the product's own listener, over real sockets: by every way, and proved in every way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from practice.server import Running
from support.feeding import Key, add_certificate
from support.lines import Clinic, clinic
from vestibule.kit.ids import TenantId
from vestibule.kit.phone import e164
from vestibule.protocols.hl7v2 import choose_email, choose_phone, language_tag, parse, read_notice, resolve

LATER = "2030-05-06T15:30:00Z"
WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "mllp": ({"transport": "mllp"}, "mllp"),
    "mllps": ({"transport": "mllps"}, "mllps"),
    "https with a certificate": ({"transport": "https"}, "https"),
    "https with CMS": ({"transport": "https", "with_certificate": False, "signature": "cms"}, "signed"),
    "https with a JWS": ({"transport": "https", "with_certificate": False, "signature": "jws"}, "signed"),
}


@pytest.fixture
async def it(db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(db_url, owner, tenant, tmp_path) as one:
        yield one


def point(hospital: Running, it: Clinic, **how: Any) -> None:
    """Let the hospital send there."""
    ports = {"mllp": it.port, "mllps": it.listener.addresses["mllps"]}
    hospital.setup(
        interface={
            "on": True,
            "host": "localhost",
            "port": ports.get(how["transport"], 1),
            "url": f"https://localhost:{it.listener.addresses['https']}/hl7",
            "trust": (it.folder / "server.crt").read_text(),
            "retry_seconds": 0.02,
            "ack_seconds": 30,
            **how,
        }
    )


def visit(hospital: Running, **more: Any) -> dict[str, Any]:
    people = hospital.hospital.book
    return {"patient": people.patients[2].id, "practitioner": people.practitioners[0].id, "start": LATER, **more}


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_schedule_does_arrives_in_the_inbox(hospital: Running, it: Clinic, way: str) -> None:
    how, via = WAYS[way]
    keys = hospital.hospital.engine.keys
    await add_certificate(it.owner, it.tenant, it.connection, Key(keys.key, keys.certificate))
    point(hospital, it, **how)
    hospital.setup(appointments=[visit(hospital)])
    csn = hospital.hospital.book.appointments[-1].csn
    hospital.setup(appointments=[{"csn": csn, "status": "cancelled"}])
    assert await hospital.hospital.engine.settled(), [(one.state, one.why) for one in hospital.hospital.engine.queue]
    assert [(e["event"], e["ack"]) for e in hospital.ledger("hl7") if e["outcome"] != "trouble"] == [("S12", "AA"), ("S15", "AA")]
    rows = await it.rows()
    assert [(row["via"], row["connection_id"]) for row in rows] == [(via, it.connection)] * 2
    assert [row["control_id"] for row in rows] == [one.control for one in hospital.hospital.engine.queue]


async def test_a_key_that_nobody_uploaded_is_turned_away_and_the_message_waits(hospital: Running, it: Clinic) -> None:
    point(hospital, it, transport="https", with_certificate=False, signature="cms")
    hospital.setup(appointments=[visit(hospital)])
    (entry, *_) = await hospital.wait("hl7")
    assert (entry["outcome"], "HTTP 40" in entry["why"]) == ("trouble", True)
    assert hospital.hospital.engine.queue.waiting() == 1
    assert await it.rows() == []


async def test_the_same_again_is_one_message_and_another_body_under_its_name_is_refused(hospital: Running, it: Clinic) -> None:
    point(hospital, it, transport="mllp")
    hospital.setup(appointments=[visit(hospital)])
    engine = hospital.hospital.engine
    assert await engine.settled()
    (first,) = engine.queue
    engine.again(first)
    engine.again(first, other_body=True)
    engine.garbage()
    await hospital.wait("hl7", count=4)
    assert [e["ack"] for e in hospital.ledger("hl7")] == ["AA", "AA", "AE", "AR"]
    assert await engine.settled(), "what is no message is refused for good, and not sent again for ever"
    assert len([row for row in await it.rows() if row["control_id"] == first.control and row["state"] == "new"]) == 1


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("shape", ["epic", "2.5.1"])
async def test_the_product_reads_what_the_engine_means(hospital: Running, shape: str, charset: str) -> None:
    hospital.setup(
        interface={"on": True, "held": True, "shape": shape, "charset": charset},
        departments=[{"id": "10501101", "zone": "America/Chicago"}],
        patients=[{"id": hospital.hospital.book.patients[5].id, "language": "Korean", "family": "Böhm|Á"}],
    )
    people = hospital.hospital.book
    booked = visit(hospital, patient=people.patients[5].id, place="clinic", type="1202", minutes=25, reason="a^b", others=["31"])
    hospital.setup(appointments=[booked])
    (*_, sent) = hospital.hospital.engine.queue
    notice = read_notice(parse(sent.body))
    assert (notice.event, notice.status, notice.control_id) == ("S12", "booked", sent.control)
    assert notice.filler.id == hospital.hospital.book.appointments[-1].csn
    assert notice.minutes == 25
    assert notice.starts is not None
    assert resolve(notice.starts, "America/Chicago") == datetime.fromisoformat(LATER)
    assert notice.department.code == "10501101"
    assert (notice.family, notice.given) == ("Böhm|Á", "Siobhán")
    assert e164(choose_phone(notice.telecoms), "US") == "+16085550171"
    assert choose_email(notice.telecoms) == "siobhan@example.org"
    assert language_tag(notice.language) == "ko"
    said = {coded.text for one in notice.resources for coded in (one.id, one.kind)}
    assert {"VIDEO VISIT FOLLOW UP", "VIDEO ROOM"} <= said
    assert [one.family for one in notice.resources if one.segment == "AIP"] == ["OKAFOR", "TANAKA"]
