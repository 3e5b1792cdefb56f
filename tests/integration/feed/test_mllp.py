"""MLLP over real sockets and a real database: every way in which messages may come, and what each is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from support.feeding import message
from support.lines import Clinic, Limits, Sender, clinic, code, msa
from support.waiting import until
from vestibule.kit.ids import TenantId

QUICK = Limits(message_bytes=50_000, held_bytes=120_000, unanswered=8, connections=6, patience=1.0, idle=30)


@pytest.fixture
async def it(db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(db_url, owner, tenant, tmp_path, tls=False) as one:
        yield one


@pytest.fixture
async def quick(
    db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Clinic]:
    """One whose limits are small enough to meet."""
    monkeypatch.setattr("vestibule.adapters.hl7.listener._LOOK_EVERY", 0.1)
    async with clinic(db_url, owner, tenant, tmp_path, tls=False, limits=QUICK) as one:
        yield one


async def test_a_message_is_stored_before_it_is_acknowledged(it: Clinic) -> None:
    sender = await it.plain()
    assert await sender.send(message("A1")) == ("AA", "A1")
    (row,) = await it.rows()
    assert (row["control_id"], row["tenant_id"], row["connection_id"], row["via"], row["state"]) == (
        "A1",
        it.tenant,
        it.connection,
        "mllp",
        "new",
    )


async def test_bytes_one_at_a_time_are_a_message(it: Clinic) -> None:
    sender = await it.plain()
    for byte in b"\x0b" + message("SLOW").partition(b"\r")[0] + b"\r\x1c\r":
        sender.raw(bytes([byte]))
        await sender.writer.drain()
        await asyncio.sleep(0)
    assert await sender.said() == ("AA", "SLOW")


# Six names that other people's bug trackers gave us.
async def test_a_client_that_reads_in_small_packets_gets_its_whole_ack(it: Clinic) -> None:
    sender = await it.plain()
    sender.write(message("ACK"))
    got = b""
    while not got.endswith(b"\x1c\r"):
        got += await asyncio.wait_for(sender.reader.read(3), 10)
    assert msa(got.decode()) == ("AA", "ACK")


@pytest.mark.parametrize(("charset", "codec"), [("", "utf-8"), ("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1")])
async def test_umlauts_do_not_hang_the_connection(it: Clinic, charset: str, codec: str) -> None:
    sender = await it.plain()
    text = message("ÄÖÜ", more=f"||||||{charset}").decode().replace("CANARY", "Schröter-Öztürk")
    sender.write(text.encode(codec))
    block = await asyncio.wait_for(sender.reader.readuntil(b"\x1c\r"), 10)
    assert msa(block.decode(codec)) == ("AA", "ÄÖÜ")
    assert await sender.send(message("next")) == ("AA", "next")


async def test_two_messages_in_one_connection_are_two_messages(it: Clinic) -> None:
    sender = await it.plain()
    assert [await sender.send(message(n)) for n in ("1", "2")] == [("AA", "1"), ("AA", "2")]


async def test_end_bytes_in_a_packet_of_their_own_end_the_message(it: Clinic) -> None:
    sender = await it.plain()
    for part in (b"\x0b" + message("1"), b"\x1c", b"\r"):
        sender.raw(part)
        await sender.writer.drain()
        await asyncio.sleep(0.02)
    assert await sender.said() == ("AA", "1")


async def test_a_sender_that_does_not_wait_for_acks_gets_all_in_order(it: Clinic) -> None:
    sender = await it.plain()
    names = [str(n) for n in range(300)]
    sender.write(*map(message, names))
    assert [await sender.said() for _ in names] == [("AA", name) for name in names]
    assert await it.control_ids() == names


async def test_every_message_gets_an_ack_though_nobody_asked_for_one(it: Clinic) -> None:
    """Original mode: MSH-15 and MSH-16 empty."""
    sender = await it.plain()
    assert await sender.send(message("1", kind="ADT^A01")) == ("AA", "1")
    assert await sender.send(message("2", kind="ORU^R01")) == ("AA", "2")


async def test_the_same_again_is_acknowledged_and_kept_once(it: Clinic) -> None:
    one, two = await it.plain(), await it.plain()
    assert [await one.send(message("7")), await one.send(message("7")), await two.send(message("7"))] == [("AA", "7")] * 3
    assert await it.control_ids() == ["7"]


async def test_another_body_under_a_used_control_id_is_an_error_and_waits_for_a_person(it: Clinic) -> None:
    sender = await it.plain()
    assert await sender.send(message("7", version="2.5.1")) == ("AA", "7")
    sender.write(message("7", version="2.5.1", kind="SIU^S15"))
    answer = await sender.answer()
    assert (msa(answer), code(answer)) == (("AE", "7"), "hl7-control-id-reused")
    assert [(row["twin"], row["state"]) for row in await it.rows()] == [(False, "new"), (True, "quarantined")]


CONDITIONS = {"AL": (True, True), "NE": (False, False), "ER": (False, True), "SU": (True, False)}  # told of success, of failure


@pytest.mark.parametrize("accept", CONDITIONS)
@pytest.mark.parametrize("application", CONDITIONS)
async def test_the_enhanced_mode_over_the_wire(it: Clinic, accept: str, application: str) -> None:
    """4 x 4 conditions, each with a message that is taken, one that clashes (error) and one without a control id (rejected)."""
    sender = await it.plain()
    mode = f"|||{accept}|{application}"
    bad = message("", version="2.5.1", more=mode)
    for n, body in enumerate((message("1", version="2.5.1", more=mode), message("1", version="2.5.1", more=mode, kind="SIU^S15"), bad)):
        wanted = CONDITIONS[accept][n > 0], CONDITIONS[application][n > 0]
        codes = [code for code, want in zip((("CA", "AA"), ("CE", "AE"), ("CR", "AR"))[n], wanted, strict=True) if want]
        sender.write(body)
        assert [(await sender.said())[0] for _ in (codes if n == 0 else codes[:1])] == (codes if n == 0 else codes[:1])
    assert await sender.send(message("last")) == ("AA", "last")  # nothing more had come


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"hello", "hl7-no-header"),
        (b"PID|||1\r", "hl7-no-header"),
        (message("", version="2.5.1"), "hl7-control-id"),
        (message("x" * 200, version="2.5.1"), "hl7-control-id-long"),
    ],
)
async def test_what_has_no_readable_header_is_rejected_and_the_connection_goes_on(it: Clinic, body: bytes, wanted: str) -> None:
    sender = await it.plain()
    sender.write(body, message("good"))
    answer = await sender.answer()
    assert (msa(answer)[0], code(answer)) == ("AR", wanted)
    assert await sender.said() == ("AA", "good")
    assert await it.control_ids() == ["good"]


async def test_a_message_over_the_limit_is_rejected_by_name_and_the_next_one_is_taken(quick: Clinic) -> None:
    sender = await quick.plain()
    sender.write(message("BIG", version="2.5.1") + b"OBX|1|ED|" + b"x" * 200_000 + b"\r", message("small"))
    answer = await sender.answer()
    assert (msa(answer), code(answer)) == (("AR", "BIG"), "hl7-too-large")
    assert await sender.said() == ("AA", "small")


async def test_a_message_just_under_the_limit_is_taken(quick: Clinic) -> None:
    sender = await quick.plain()
    body = message("BIG")
    assert await sender.send(body + b"OBX|" + b"x" * (QUICK.message_bytes - len(body) - 5) + b"\r") == ("AA", "BIG")


@pytest.mark.parametrize("stray", [b"\r\n", b"\n", b" \r\n\r\n", b"\x1c\r", b"ping\r\n"])
async def test_a_few_stray_bytes_between_messages_are_passed_over(it: Clinic, stray: bytes) -> None:
    sender = await it.plain()
    sender.raw(stray)
    sender.write(message("1"))
    sender.raw(stray)
    sender.write(message("2"))
    assert [await sender.said(), await sender.said()] == [("AA", "1"), ("AA", "2")]


async def test_a_message_without_its_frame_is_rejected_and_closes_that_connection_only(it: Clinic) -> None:
    other, sender = await it.plain(), await it.plain()
    sender.raw(message("bare", version="2.5.1") + b"\x1c\r")
    answer = await sender.answer()
    assert (msa(answer), code(answer)) == (("AR", "bare"), "hl7-framing")
    assert await sender.over()
    assert await other.send(message("1")) == ("AA", "1")


async def test_a_message_cut_by_the_next_one_is_not_taken_and_not_answered(it: Clinic) -> None:
    sender = await it.plain()
    sender.raw(b"\x0b" + message("cut")[:80] + b"\x0b" + message("whole") + b"\x1c\r")
    assert await sender.said() == ("AA", "whole")
    assert await it.control_ids() == ["whole"]


async def test_the_last_carriage_return_may_be_missing(it: Clinic) -> None:
    sender = await it.plain()
    sender.raw(b"\x0b" + message("1") + b"\x1c")
    assert await sender.said() == ("AA", "1")


async def test_what_was_sent_before_the_sender_closed_its_side_is_answered(it: Clinic) -> None:
    sender = await it.plain()
    sender.write(message("1"), message("2"))
    sender.writer.write_eof()
    assert [await sender.said(), await sender.said()] == [("AA", "1"), ("AA", "2")]
    assert await sender.over()


async def test_one_byte_at_a_time_without_end_is_closed_and_others_do_not_notice(quick: Clinic) -> None:
    good, slow = await quick.plain(), await quick.plain()
    over = asyncio.create_task(slow.over(seconds=30))
    slow.raw(b"\x0bMSH|")
    n = 0
    while not over.done():
        slow.raw(b"x")
        n += 1
        assert await good.send(message(str(n))) == ("AA", str(n))
        await asyncio.sleep(0.05)
    assert await over


async def test_who_streams_without_a_pause_is_not_slow(quick: Clinic) -> None:
    """The end of one piece is always the middle of a message; for longer than one message may take."""
    sender = await quick.plain()
    loop, names = asyncio.get_running_loop(), 0
    until_then = loop.time() + 2 * QUICK.patience
    sender.raw(b"\x0b")
    while loop.time() < until_then:
        names += 1
        sender.raw(message(str(names)) + b"\x1c\r\x0b" + message("x")[:30])
        assert (await sender.said())[0] == "AA"
        sender.raw(b"\x0b")
        await asyncio.sleep(0.05)


async def test_an_idle_connection_is_closed(
    db_url: str, owner: asyncpg.Connection, tenant: TenantId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.adapters.hl7.listener._LOOK_EVERY", 0.1)
    async with clinic(db_url, owner, tenant, tmp_path, tls=False, limits=Limits(idle=1.0)) as it:
        sender = await it.plain()
        assert await sender.send(message("1")) == ("AA", "1")
        assert await sender.over()


async def test_a_sender_that_never_reads_its_acks_is_not_read_any_more_and_then_closed(quick: Clinic) -> None:
    sender = await quick.plain()
    sender.writer.transport.set_write_buffer_limits(high=1)
    sender.reader._transport.pause_reading()  # type: ignore[attr-defined]

    async def flood() -> None:
        n = 0
        while True:
            n += 1
            sender.write(*(message(f"{n}-{i}", version="2.5.1", more="|||AL|AL") for i in range(50)))
            await sender.writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(flood(), 40)


async def test_half_messages_of_all_together_do_not_fill_the_memory(quick: Clinic) -> None:
    senders = [await quick.plain() for _ in range(4)]
    for sender in senders:
        sender.raw(b"\x0b" + message("half") + b"x" * 35_000)
    ends = await asyncio.gather(*(sender.over(seconds=30) for sender in senders))
    assert all(ends)  # one for the memory, the rest because they were slow
    assert await (await quick.plain()).send(message("1")) == ("AA", "1")


async def test_too_many_connections_are_turned_away(quick: Clinic) -> None:
    senders = [await quick.plain() for _ in range(QUICK.connections)]
    assert [await sender.send(message(str(n))) for n, sender in enumerate(senders)] == [("AA", str(n)) for n in range(len(senders))]
    assert await (await quick.plain()).over()
    await senders[0].close()

    async def let_in() -> bool:
        one = await quick.plain()
        one.write(message("again"))
        return not await one.over()

    await until(let_in)


async def test_a_stopping_listener_answers_what_it_took(it: Clinic) -> None:
    sender = await it.plain()
    names = [str(n) for n in range(50)]
    sender.write(*map(message, names))
    assert await sender.said() == ("AA", "0")
    await it.listener.close_doors()
    answered = ["0"]
    while not sender.reader.at_eof():
        try:
            answered.append((await sender.said())[1])
        except asyncio.IncompleteReadError:
            break
    assert set(answered) <= set(await it.control_ids())


async def test_what_the_log_says_holds_nothing_of_a_message(it: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    for level in ("info", "warning", "error"):
        monkeypatch.setattr(f"vestibule.adapters.hl7.line.log.{level}", lambda *words, **more: said.append((words, more)), raising=False)
    sender = await it.plain()
    sender.raw(message("bare") + b"\x1c\r")
    assert await sender.over() is False
    assert said
    assert "CANARY" not in str(said)


async def test_a_closed_port_of_a_database_that_is_away_holds_and_recovers(it: Clinic, postgres: Any) -> None:
    """Nothing is answered while the database is away, and nobody spins; then everything is, once."""
    sender, name = await it.plain(), await it.owner.fetchval("select current_database()")
    assert await sender.send(message("before")) == ("AA", "before")
    admin = await asyncpg.connect(postgres.server.url("postgres", superuser=True))
    await admin.execute(f"alter database {name} allow_connections false")
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> $2", name, it.owner.get_server_pid()
    )
    sender.write(*(message(str(n)) for n in range(30)))
    with pytest.raises(TimeoutError):
        await sender.said(seconds=0.5)
    await admin.execute(f"alter database {name} allow_connections true")
    await admin.close()
    # the half-read wait above took nothing from the stream
    assert [await sender.said() for _ in range(30)] == [("AA", str(n)) for n in range(30)]
    assert await it.control_ids() == ["before", *map(str, range(30))]


async def test_a_full_disk_is_an_error_and_later_the_same_message_is_taken(it: Clinic) -> None:
    await it.owner.execute(
        "create function full_up() returns trigger language plpgsql as $$ begin raise exception 'no room' using errcode = '53100'; end $$;"
        "create trigger full_up before insert on feed_inbox execute function full_up()"
    )
    sender = await it.plain()
    sender.write(message("1", version="2.5.1"))
    answer = await sender.answer()
    assert (msa(answer), code(answer)) == (("AE", "1"), "database-disk-full")
    assert await it.rows() == []
    await it.owner.execute("drop trigger full_up on feed_inbox")
    assert await sender.send(message("1", version="2.5.1")) == ("AA", "1")


async def test_a_poison_message_is_rejected_and_its_neighbours_are_taken(it: Clinic) -> None:
    await it.owner.execute("alter table feed_inbox add constraint poison check (control_id <> 'poison')")
    senders = [await it.plain() for _ in range(3)]
    for n, sender in enumerate(senders):
        sender.write(message(f"{n}"), message("poison", version="2.5.1"), message(f"{n}b"))
    for n, sender in enumerate(senders):
        assert [await sender.said() for _ in range(3)] == [("AA", f"{n}"), ("AR", "poison"), ("AA", f"{n}b")]


async def test_a_port_opens_and_closes_as_settings_change(it: Clinic) -> None:
    sender = await it.plain()
    assert await sender.send(message("0")) == ("AA", "0")
    await it.owner.execute("update feed_settings set enabled = false; notify vestibule_feed_settings")

    async def refused() -> bool:
        try:
            one = await Sender.open(it.port)
        except ConnectionRefusedError:
            return True
        await one.close()
        return False

    assert await sender.over()
    await until(refused)
    await it.owner.execute("update feed_settings set enabled = true; notify vestibule_feed_settings")

    async def open_again() -> bool:
        return not await refused()

    await until(open_again)
    assert await (await it.plain()).send(message("1")) == ("AA", "1")
