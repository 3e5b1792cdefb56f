"""From an event to a text on a phone, and what becomes of it, on a real database with a carrier that keeps its own book."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from support.messaging import ORIGIN, PHONE, Handset, Post
from support.waiting import until
from vestibule.errors import Conflict, OutsideFailed, TooMany, Unavailable
from vestibule.kit.ids import TenantId
from vestibule.messages.model import CarrierKind, Channel, MessageState, Outgoing, Receipt, Refused, Status
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import SYNTHETIC, Place

S = MessageState
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def unavailable() -> Unavailable:
    return Unavailable("outside-unreachable", "no", phase="test")


# ---------------------------------------------------------------------- from the event to the phone


async def test_an_appointment_is_confirmed_by_a_text_with_a_link_into_its_own_place(p: Post) -> None:
    visit, person = await p.appoint()
    await p.run()
    (text,) = p.handset.got
    assert (text.to, text.sender.address) == (PHONE, p.sender.address)
    assert text.text.startswith("Alder Clinic: your video visit is ")
    assert text.hook_url == f"{ORIGIN}/hooks/{p.account.id}"
    code = text.text.split(f"{ORIGIN}/j/")[1].split()[0]
    link = await p.do(lambda tx: p.visits.find_link(tx, code))
    assert (link.visit, link.participant) == (visit, person)
    assert link.expires_at > p.clock.now() + timedelta(days=3, hours=12)
    assert await p.states(visit) == [("scheduled", "accepted"), ("reminder", "planned"), ("reminder", "planned")]
    events = await p.events(visit)
    told = [event for event in events if event.kind == "patient_told"]
    assert [(one.participant, one.body["purpose"], one.body["channel"]) for one in told] == [(person, "scheduled", "sms")]
    assert told[0].body["link"] == str(link.id)
    assert "link_made" not in {event.kind for event in events}, "the event that tells of the message names its link"
    assert PHONE not in str([event.body for event in events])


async def test_moved_and_cancelled_are_told_and_then_the_number_is_gone(p: Post) -> None:
    visit, _ = await p.appoint()
    await p.run()
    await p.appoint(timedelta(days=4))
    await p.run()
    await p.cancel(visit)
    assert await p.contacts(visit) == 1, "it is needed for the last text"
    await p.run()
    assert [what for what, state in await p.states(visit) if state == "accepted"] == ["scheduled", "updated", "cancelled"]
    assert len(set(p.handset.texts)) == 3
    assert ORIGIN not in p.handset.texts[-1], "nobody can come any more"
    cancelled = (await p.all(visit))[-1]
    await p.receipt(Receipt(cancelled.carrier_id, S.DELIVERED))
    assert await p.contacts(visit) == 0
    assert (await p.events(visit))[-1].body == {"why": "cancelled"}
    assert [s for _, s in await p.states(visit) if s == "planned"] == []


async def test_who_was_told_nothing_is_forgotten_with_the_cancellation_itself(p: Post) -> None:
    visit, _ = await p.appoint()
    await p.cancel(visit)
    assert await p.contacts(visit) == 0
    await p.run()
    assert p.handset.got == []


async def test_a_visit_that_ended_takes_its_number_with_it(p: Post) -> None:
    visit, _ = await p.appoint()
    await p.do(lambda tx: p.visits.end_for_all(tx, visit, why="time"))
    assert await p.contacts(visit) == 0
    assert {state for _, state in await p.states(visit)} == {"withdrawn"}


async def test_a_rehearsal_texts_nobody(p: Post) -> None:
    visit, _ = await p.appoint(system=SYNTHETIC)
    assert await p.all(visit) == []


@pytest.mark.parametrize(
    ("language", "words"), [("es", "cita por video"), ("pt-BR", "your video visit"), ("", "your video visit"), ("ko", "화상")]
)
async def test_texts_are_in_the_patients_language_or_the_policys(p: Post, language: str, words: str) -> None:
    await p.appoint(language=language)
    await p.run()
    assert words in p.handset.texts[0]
    assert len(p.handset.texts) == 1


async def test_the_words_say_where(p: Post) -> None:
    await p.appoint(place=Place.CLINIC)
    await p.run()
    assert "at the clinic" in p.handset.texts[0]


async def test_an_email_brings_the_appointment_along(p: Post) -> None:
    async def by_mail(tx: object) -> None:
        account = await p.office.account(tx, CarrierKind.SMTP)  # type: ignore[arg-type]
        await p.office.sender(tx, account, p.connection, address="visits@alder.example", channel=Channel.EMAIL)  # type: ignore[arg-type]
        await p.office.policy(tx, p.connection, channels=(Channel.SMS, Channel.EMAIL))  # type: ignore[arg-type]

    await p.do(by_mail)
    visit, person = await p.appoint(email="amy@example.org")
    await p.run()
    mail = next(one for one in p.handset.got if one.sender.channel is Channel.EMAIL)
    assert mail.to == "amy@example.org"
    assert mail.calendar is not None
    assert mail.calendar.uid.startswith(str(person))
    assert mail.calendar.url.startswith(ORIGIN)
    assert (await p.all(visit))[0].about == mail.calendar.starts_at


# ---------------------------------------------------------------------- what stands against it


async def test_quiet_hours_that_begin_meanwhile_hold_a_text_back(p: Post) -> None:
    visit, _ = await p.appoint()
    hour = (p.clock.now().astimezone(tz=__import__("zoneinfo").ZoneInfo("America/Chicago"))).hour
    begin, end = time((hour - 1) % 24), time((hour + 3) % 24)  # the night when clocks are put forward has an hour less
    await p.do(lambda tx: p.office.policy(tx, p.connection, quiet_from=begin, quiet_to=end))
    await p.run()
    assert p.handset.got == []
    waiting = (await p.all(visit))[0]
    assert waiting.state is S.PLANNED
    assert waiting.due_at > p.clock.now() + timedelta(minutes=59)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"on_scheduled": False}, "message-not-in-policy"), ({"channels": (Channel.EMAIL,)}, "message-not-in-policy")],
)
async def test_a_setting_that_changed_meanwhile_is_obeyed_without_being_planned_anew(p: Post, change: dict[str, object], code: str) -> None:
    visit, _ = await p.appoint()
    await p.do(lambda tx: p.office.policy(tx, p.connection, **change))
    await p.run()
    assert p.handset.got == []
    assert (await p.all(visit))[0].code == code


async def test_test_recipients_never_reach_a_carrier_and_are_marked(p: Post) -> None:
    await p.do(lambda tx: p.office.policies.add_test_recipient(tx, PHONE, "Ours", by=SYSTEM))
    visit, _ = await p.appoint()
    await p.run()
    assert p.handset.asked == 0
    first = (await p.all(visit))[0]
    assert (first.state, first.test) == (S.DELIVERED, True)


async def test_excluded_numbers_never_reach_a_carrier_and_fail_with_the_reason(p: Post) -> None:
    kept = await p.do(lambda tx: p.office.settings.sender(tx, p.sender.id))
    await p.do(lambda tx: p.office.carrying.change_sender(tx, p.sender.id, {"excluded": ("+1608",)}, revision=kept.revision, by=SYSTEM))
    visit, _ = await p.appoint()
    await p.run()
    assert p.handset.asked == 0
    first = (await p.all(visit))[0]
    assert (first.state, first.code) == (S.FAILED, "message-prefix-excluded")
    assert "patient_untold" in await p.kinds(visit)


async def test_without_a_sender_it_fails_where_somebody_sees_it(p: Post) -> None:
    await p.do(lambda tx: p.office.carrying.link(tx, p.sender.id, [], by=SYSTEM))
    visit, _ = await p.appoint()
    await p.run()
    assert [m.code for m in await p.do(p.outcomes.open)] == ["message-no-sender"]
    assert (await p.states(visit))[0] == ("scheduled", "failed")


# ---------------------------------------------------------------------- answers of carriers


async def test_a_refusal_is_recorded_with_its_status(p: Post) -> None:
    p.handset.answers.append(Refused(Status.INVALID_NUMBER, "carrier-invalid-number"))
    visit, _ = await p.appoint()
    await p.run()
    first = (await p.all(visit))[0]
    assert (first.state, first.status, first.code) == (S.FAILED, Status.INVALID_NUMBER, "carrier-invalid-number")
    assert (await p.events(visit))[-1].body["code"] == "carrier-invalid-number"


async def test_a_carrier_that_says_opted_out_is_believed_for_everything_else(p: Post) -> None:
    p.handset.answers.append(Refused(Status.RECIPIENT_BLOCKED, "carrier-opted-out", opted_out=True))
    visit, person = await p.appoint()
    await p.run()
    assert await p.do(lambda tx: p.messages.opted_out(tx, visit)) == {person}
    assert [s for _, s in await p.states(visit)] == ["failed", "withdrawn", "withdrawn"]


@pytest.mark.parametrize("error", [TooMany("slow-down", "no", phase="test", retry_after=0.05), Unavailable("away", "no", phase="test")])
async def test_what_was_surely_not_sent_is_sent_later_and_once(p: Post, error: Exception) -> None:
    p.handset.answers.extend([error, error])
    visit, _ = await p.appoint()
    async with p.working():
        await until(lambda: p.handset.got, what="it goes through in the end")
        await until(p.idle)
    assert (p.handset.asked, len(p.handset.got)) == (3, 1)
    open_links = "select count(*) from visit_links where visit_id = $1 and revoked_at is null"
    assert await p.do(lambda tx: tx.fetchval(open_links, visit)) == 1, "an attempt that failed leaves no link behind"
    assert (await p.states(visit))[0] == ("scheduled", "accepted")
    assert (await p.kinds(visit)).count("patient_told") == 1


async def test_an_answer_that_was_lost_is_never_sent_again_and_a_receipt_settles_it(p: Post) -> None:
    p.handset.answers.append(OutsideFailed("outside-timeout", "no", phase="test"))
    visit, _ = await p.appoint()
    await p.run()
    first = (await p.all(visit))[0]
    assert first.state is S.UNKNOWN
    assert [m.id for m in await p.do(p.outcomes.open)] == [first.id]
    await p.run()
    assert p.handset.asked == 1
    for _ in range(2):
        await p.receipt(Receipt("c-1", S.DELIVERED, message=first.id))
    assert (await p.all(visit))[0].state is S.DELIVERED
    assert (await p.kinds(visit)).count("patient_told") == 1
    assert await p.do(lambda tx: tx.fetchval("select state from effects where id = $1", first.effect)) == "done"


async def test_a_mistake_in_a_carriers_adapter_leaves_the_outcome_open(p: Post) -> None:
    p.handset.answers.append(ZeroDivisionError())
    visit, _ = await p.appoint()
    await p.run()
    assert (await p.states(visit))[0] == ("scheduled", "unknown")
    assert p.handset.asked == 1


async def test_another_account_takes_over_where_one_cannot(p: Post) -> None:
    async def second(tx: object) -> None:
        account = await p.office.account(tx, name="Second")  # type: ignore[arg-type]
        await p.office.sender(tx, account, p.connection, address="+18335550199")  # type: ignore[arg-type]

    await p.do(second)
    for problem in (unavailable(), Refused(Status.OTHER, "carrier-no-funds", elsewhere=True)):
        p.handset.answers.append(problem)
        visit, _ = await p.appoint(csn=str(problem))
        await p.run()
        assert p.handset.got[-1].sender.address == "+18335550199"
        assert (await p.states(visit))[0] == ("scheduled", "accepted")
    assert len(p.handset.got) == 2


async def test_an_account_with_trouble_is_tried_last_for_a_while(p: Post) -> None:
    async def second(tx: object) -> None:
        account = await p.office.account(tx, name="Second")  # type: ignore[arg-type]
        await p.office.sender(tx, account, p.connection, address="+18335550199")  # type: ignore[arg-type]

    await p.do(second)
    asked: list[str] = []

    async def first_is_down(message: Outgoing) -> None:
        asked.append(message.sender.address)
        if message.sender.address == p.sender.address:
            raise unavailable()

    p.handset.before = first_is_down
    for n in range(5):
        await p.appoint(csn=f"n{n}")
        await p.run()
    assert asked.count(p.sender.address) == 3
    assert asked.count("+18335550199") == 5


# ---------------------------------------------------------------------- by hand


async def test_a_clinician_texts_the_link_now_to_the_appointments_number_or_to_another(p: Post) -> None:
    visit, person = await p.appoint()
    await p.do(lambda tx: p.messages.send_direct(tx, visit, person, by=SYSTEM))
    await p.do(lambda tx: p.messages.send_direct(tx, visit, person, phone="+16085550177", by=SYSTEM))
    await p.run()
    assert sorted(one.to for one in p.handset.got if "is ready" in one.text) == [PHONE, "+16085550177"]
    assert await p.do(lambda tx: tx.fetchval("select count(*) from messages where to_sealed is not null")) == 0


async def test_a_clinician_may_not_text_who_said_stop_or_too_often_or_nobody(p: Post) -> None:
    visit, person = await p.appoint(phone="", email="amy@example.org")
    with pytest.raises(Conflict, match="message-no-number"):
        await p.do(lambda tx: p.messages.send_direct(tx, visit, person, by=SYSTEM))
    await p.do(lambda tx: p.optouts.add(tx, "+16085550177", by="patient"))
    with pytest.raises(Conflict, match="message-opted-out"):
        await p.do(lambda tx: p.messages.send_direct(tx, visit, person, phone="+16085550177", by=SYSTEM))
    for _ in range(5):
        await p.do(lambda tx: p.messages.send_direct(tx, visit, person, phone=PHONE, by=SYSTEM))
    with pytest.raises(TooMany, match="message-direct-too-many"):
        await p.do(lambda tx: p.messages.send_direct(tx, visit, person, phone=PHONE, by=SYSTEM))


# ---------------------------------------------------------------------- a changed setting, a person's decision


async def test_a_changed_setting_plans_what_is_pending_anew_in_portions(p: Post) -> None:
    visits = [(await p.appoint(timedelta(days=3, minutes=n), csn=f"n{n}"))[0] for n in range(8)]
    await p.run()
    await p.do(lambda tx: p.office.policy(tx, p.connection, reminders=(120, 60)))
    await p.do(lambda tx: p.messages.replan(tx, p.connection))
    assert await p.messages.due_to_replan(p.db, TenantId(p.tenant.__class__(int=0)), 10) == [p.tenant]
    assert await p.messages.replan_due(p.db, p.tenant) == 8
    assert await p.messages.replan_due(p.db, p.tenant) == 0
    for visit in visits:
        found = sorted((m.purpose.value, m.minutes, m.state.value) for m in await p.all(visit))
        assert found == [
            ("reminder", 60, "planned"),
            ("reminder", 120, "planned"),
            ("reminder", 1440, "withdrawn"),
            ("scheduled", 0, "accepted"),
        ]
    assert len(p.handset.got) == 8


async def test_a_person_says_that_an_unknown_one_arrived_or_gives_it_up(p: Post) -> None:
    p.handset.answers.extend([OutsideFailed("t", "no", phase="test")] * 2)
    first, _ = await p.appoint(csn="1")
    second, _ = await p.appoint(csn="2")
    await p.run()
    one, two = (await p.all(first))[0], (await p.all(second))[0]
    await p.do(lambda tx: p.outcomes.arrived(tx, one.id, by=SYSTEM))
    await p.do(lambda tx: p.outcomes.give_up(tx, two.id, by=SYSTEM))
    assert [(await p.all(v))[0].state for v in (first, second)] == [S.DELIVERED, S.FAILED]
    assert await p.do(p.outcomes.open) == []
    with pytest.raises(Conflict, match="message-not-open"):
        await p.do(lambda tx: p.outcomes.arrived(tx, one.id, by=SYSTEM))


async def test_the_number_goes_when_the_time_is_over_though_nobody_ended_the_visit(p: Post) -> None:
    visit, _ = await p.appoint(-timedelta(hours=2))
    later, _ = await p.appoint(timedelta(hours=1), csn="2")
    assert await p.messages.forgetting.forget(p.db, p.tenant) == 1
    assert (await p.contacts(visit), await p.contacts(later)) == (0, 1)
    assert (await p.events(visit))[-1].body == {"why": "time"}
    acts = await p.do(lambda tx: tx.fetch("select action from audit_entries"))
    assert "contact.erased" in {row["action"] for row in acts}


async def test_a_worker_that_vanished_before_the_mark_sends_it_and_one_that_vanished_after_it_does_not(p: Post) -> None:
    first, _ = await p.appoint(csn="1")
    second, _ = await p.appoint(csn="2")
    marked = (await p.all(second))[0].id

    async def vanish(tx: object) -> None:
        await tx.execute("update effects set state = 'unknown', ended_at = now(), code = 'effect-worker-lost' where run_at <= now()")  # type: ignore[attr-defined]
        await tx.execute("update messages set state = 'sending', sent_at = now(), turn = 1 where id = $1", marked)  # type: ignore[attr-defined]

    await p.do(vanish)
    assert await p.outcomes.whose_lost(p.db, TenantId(p.tenant.__class__(int=0)), 10) == [p.tenant]
    assert await p.outcomes.find_lost(p.db, p.tenant) == 2
    await p.run()
    assert (await p.states(first))[0] == ("scheduled", "accepted")
    assert (await p.states(second))[0] == ("scheduled", "unknown")
    assert len(p.handset.got) == 1


def test_a_handset_needs_no_script() -> None:
    assert Handset().texts == []
