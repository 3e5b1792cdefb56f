"""What carriers say afterwards, and what patients answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from support.messaging import PHONE, Post, post
from support.waiting import until
from vestibule.errors import OutsideFailed
from vestibule.kit.ids import TenantId
from vestibule.messages.model import Accepted, MessageState, Outgoing, Receipt, Status
from vestibule.platform.db import Database

S = MessageState
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


# ---------------------------------------------------------------------- receipts


async def test_receipts_settle_a_message_in_whatever_order_and_however_often_they_come(p: Post) -> None:
    visit, _ = await p.appoint()
    await p.run()
    name = (await p.all(visit))[0].carrier_id
    for state in (S.DELIVERED, S.ACCEPTED, S.FAILED, S.DELIVERED):
        await p.receipt(Receipt(name, state))
    assert (await p.states(visit))[0] == ("scheduled", "delivered")
    assert (await p.kinds(visit)).count("patient_told") == 1


async def test_a_receipt_that_comes_before_the_carriers_own_answer_waits_for_it(p: Post) -> None:
    async def early(_: Outgoing) -> None:
        await p.receipt(Receipt("early", S.ACCEPTED), Receipt("early", S.DELIVERED))

    p.handset.before = early
    p.handset.answers.append(Accepted("early"))
    visit, _ = await p.appoint()
    await p.run()
    assert (await p.states(visit))[0] == ("scheduled", "delivered")


async def test_a_receipt_that_names_our_message_settles_it_though_its_answer_never_comes(p: Post) -> None:
    async def early(message: Outgoing) -> None:
        for _ in range(2):
            await p.receipt(Receipt("early", S.DELIVERED, message=message.id))

    p.handset.before = early
    p.handset.answers.append(OutsideFailed("outside-timeout", "no", phase="test"))
    visit, _ = await p.appoint()
    await p.run()
    assert (await p.states(visit))[0] == ("scheduled", "delivered")
    assert (await p.kinds(visit)).count("patient_told") == 1
    assert await p.do(p.outcomes.open) == []


async def test_a_failure_that_may_pass_is_tried_once_more_and_only_once(p: Post) -> None:
    visit, _ = await p.appoint()
    await p.run()
    await p.receipt(Receipt((await p.all(visit))[0].carrier_id, S.FAILED, Status.UNREACHABLE, "carrier-unreachable", permanent=False))
    again = (await p.all(visit))[0]
    assert (again.state, again.tries) == (S.PLANNED, 1)
    assert again.due_at > p.clock.now() + timedelta(minutes=9)
    await p.due_now(visit, "scheduled")
    await p.run()
    assert len(p.handset.got) == 2
    await p.receipt(Receipt((await p.all(visit))[0].carrier_id, S.FAILED, Status.UNREACHABLE, "carrier-unreachable", permanent=False))
    assert (await p.states(visit))[0] == ("scheduled", "failed")


async def test_a_receipt_of_somebody_elses_account_settles_nothing(p: Post, other_tenant: TenantId) -> None:
    visit, _ = await p.appoint()
    await p.run()
    first = (await p.all(visit))[0]
    stranger = replace(p.account, tenant=other_tenant)
    from vestibule.messages.ports import HookAnswer  # noqa: PLC0415

    await p.receipts.take(p.db, stranger, HookAnswer([Receipt(first.carrier_id, S.FAILED, message=first.id)]))
    assert (await p.states(visit))[0] == ("scheduled", "accepted")


# ---------------------------------------------------------------------- STOP, START, HELP


@pytest.mark.parametrize(
    "word", ["STOP", " stop. ", "Stop all", "UNSUBSCRIBE", "cancel", "END", "quit", "PARAR", "Alto!", "停止", "수신거부"]
)
async def test_stop_is_honoured_at_once_in_one_transaction(p: Post, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    visit, person = await p.appoint()
    await p.run()
    begun: list[TenantId] = []
    with monkeypatch.context() as patched:
        real = Database.tenant
        patched.setattr(Database, "tenant", lambda db, tenant: begun.append(tenant) or real(db, tenant))
        await p.answer(word)
    assert len(begun) == 1
    assert await p.do(lambda tx: p.messages.opted_out(tx, visit)) == {person}
    assert [s for _, s in await p.states(visit)] == ["accepted", "withdrawn", "withdrawn"]
    await p.due_now(visit)
    await p.run()
    assert len([t for t in p.handset.texts if "video visit" in t and "Clinic: your" in t]) == 1


async def test_a_number_that_said_stop_hears_nothing_of_later_appointments_though_it_was_forgotten_meanwhile(p: Post) -> None:
    first, _ = await p.appoint()
    await p.run()
    await p.answer("STOP")
    await p.do(lambda tx: p.visits.end_for_all(tx, first))
    assert await p.contacts(first) == 0
    sent = len(p.handset.got)
    second, _ = await p.appoint(csn="2")
    await p.run()
    assert len(p.handset.got) == sent
    assert await p.all(second) == []


async def test_start_brings_reminders_back_and_no_old_confirmation(p: Post) -> None:
    visit, _ = await p.appoint()
    await p.run()
    await p.answer("STOP")
    await p.answer("Sí")
    assert await p.states(visit) == [("scheduled", "accepted"), ("reminder", "planned"), ("reminder", "planned")]


async def test_yes_from_somebody_who_never_said_stop_means_nothing(p: Post) -> None:
    await p.answer("YES")
    await p.answer("What time was it again?")
    assert p.handset.got == []


async def test_keywords_are_answered_where_the_carrier_does_not_and_once(p: Post) -> None:
    await p.answer("HELP", carrier_id="in-1")
    await p.answer("HELP", carrier_id="in-1")
    await p.answer("AYUDA", carrier_id="in-2")
    assert len(p.handset.got) == 2
    assert "555-0134" in p.handset.texts[0]
    assert "visitas" in p.handset.texts[1]
    p.handset.answers_keywords = True
    await p.answer("HELP", carrier_id="in-3")
    assert len(p.handset.got) == 2


async def test_a_stop_while_the_text_waits_for_its_turn_is_in_time(db: Database, tenant: TenantId) -> None:
    p = await post(db, tenant, per_minute=60)  # one a second
    first, _ = await p.appoint(csn="1", phone="+16085550199")
    second, _ = await p.appoint(csn="2")
    async with p.working():
        await until(lambda: p.handset.got)
        await p.answer("STOP")
        await until(p.idle)
    phones = [one.to for one in p.handset.got]
    assert phones.count(PHONE) <= 2, "at most the first text and the answer to STOP"
    assert "accepted" in dict(await p.states(first)).values()
    assert [s for _, s in await p.states(second)][1:] == ["withdrawn", "withdrawn"]


async def test_stop_and_start_stand_in_the_audit_without_the_number(p: Post) -> None:
    await p.appoint()
    for word in ("STOP", "STOP", "START"):
        await p.answer(word)
    async with p.db.tenant(p.tenant) as tx:
        rows = await tx.fetch("select action, detail::text as detail from audit_entries where action like 'patient.%' order by seq")
    assert [row["action"] for row in rows] == ["patient.opted-out", "patient.opted-in"]
    assert PHONE not in str(rows)
