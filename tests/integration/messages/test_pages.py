"""The pages about messages without a browser: who may see them, and what they do with what nobody meant to send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from support.house import House, house
from support.sent_messages import sent
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import new_id
from vestibule.messages.desk import ROUTES
from vestibule.visits.model import PersonRole

ADMIN, AUDITOR, ENGINEER, APPROVER = StaffRole.ADMINISTRATOR, StaffRole.AUDITOR, StaffRole.INTEGRATION_ENGINEER, StaffRole.APPROVER
EVIL = '"><script>window.pwned=1</script>'


@pytest.fixture
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


def test_every_page_has_its_rule() -> None:
    assert len(ROUTES) >= 35


async def test_who_sees_what(h: House) -> None:
    admin, auditor, approver = [await h.staff({role}) for role in (ADMIN, AUDITOR, APPROVER)]
    for path, statuses in {
        "messages": (200, 200, 403),
        "messages/log": (200, 200, 403),
        "messages/report": (200, 200, 403),
        "messages/report.csv": (200, 200, 403),
        "messages/consent": (200, 403, 403),
        "messages/carriers": (200, 403, 403),
        "messages/carriers/new/twilio": (200, 403, 403),
        "messages/numbers": (200, 403, 403),
        "messages/numbers/new": (200, 403, 403),
        "messages/plans": (200, 403, 403),
        f"messages/plans/{h.connection.id}": (200, 403, 403),
        "messages/texts": (200, 403, 403),
        f"messages/texts/{h.connection.id}": (200, 403, 403),
        "messages/trial": (200, 403, 403),
    }.items():
        assert tuple([(await who.get(path))[0] for who in (admin, auditor, approver)]) == statuses, path


NOT_THERE = (
    "messages/carriers/{id}",
    "messages/numbers/{id}",
    "messages/numbers/orders/{id}",
    "messages/plans/{id}",
    "messages/texts/{id}",
    "messages/texts/{connection}/tlh/sms/reminder/home",
    "messages/texts/{connection}/en/pigeon/reminder/home",
    "messages/texts/{connection}/en/sms/reminder/moon",
)
NONSENSE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("messages/carriers/new/pigeon", {"name": "x"}),
    ("messages/carriers/new/twilio", {"name": EVIL, "user": EVIL, "endpoint": EVIL, "price": EVIL}),
    ("messages/carriers/new/smtp", {"name": "x", "endpoint": EVIL, "tls": EVIL}),
    ("messages/numbers/new", {"account": EVIL, "address": EVIL, "per_minute": "12"}),
    ("messages/numbers/order", {"account": EVIL, "country": EVIL, "kind": EVIL, "area_code": EVIL}),
    ("messages/plans/{connection}", {"amount": "-1", "unit": "60", "quiet_from": "25:00", "quiet_to": EVIL, "language": EVIL}),
    (
        "messages/plans/{connection}",
        {"amount": ["1", "\u0661"], "unit": ["60", "7"], "quiet_from": "21:00", "quiet_to": "08:00", "gap_minutes": "5", "language": "en"},
    ),
    ("messages/texts/{connection}/en/sms/reminder/home", {"text": EVIL + "{link}{organisation}{evil}"}),
    ("messages/texts/{connection}/en/email/reminder/home", {"text": "{link} {organisation}", "subject": EVIL + "{link}"}),
    ("messages/trial", {"connection": EVIL, "trial_address": EVIL}),
    ("messages/trial", {"connection": "{connection}", "trial_address": EVIL, "language": "en"}),
    ("messages/recipients", {"address": EVIL, "label": EVIL}),
)


async def test_what_is_not_there_is_not_found(h: House) -> None:
    admin = await h.staff({ADMIN})
    for path in NOT_THERE:
        assert (await admin.get(path.format(id=new_id(), connection=h.connection.id)))[0] == 404, path


async def test_nonsense_comes_back_beside_its_field_and_is_never_obeyed(h: House) -> None:
    admin, here = await h.staff({ADMIN}), str(h.connection.id)
    for path, fields in NONSENSE:
        filled = {name: value.replace("{connection}", here) if isinstance(value, str) else value for name, value in fields.items()}
        status, text = await admin.post_form(path.format(connection=here), filled)
        assert status == 400, path
        assert "<script>window.pwned" not in text


async def test_a_policy_that_somebody_else_saved_meanwhile_is_not_overwritten_unseen(h: House) -> None:
    admin, path = await h.staff({ADMIN}), f"messages/plans/{h.connection.id}"
    form = {
        "quiet_from": "21:00",
        "quiet_to": "08:00",
        "gap_minutes": "5",
        "language": "en",
        "channels": "sms",
        "revision": "0",
        "amount": "1",
        "unit": "60",
    }
    assert (await admin.post_form(path, form))[0] == 303
    status, text = await admin.post_form(path, {**form, "language": "es"})
    assert status == 409
    assert "Somebody else saved this" in text
    assert 'name="revision" value="1"' in text  # saving again puts it over theirs, knowingly
    assert (await admin.post_form(path, {**form, "language": "es", "revision": "1"}))[0] == 303


async def test_a_purchase_wants_its_price_read(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    twilio = {"name": "T", "user": "AC" + "0" * 32, "secret": "s", "endpoint": "http://127.0.0.1:9"}
    assert (await admin.post_form("messages/carriers/new/twilio", twilio))[0] == 303
    account = await owner.fetchval("select id from message_accounts")
    code = await owner.fetchval("select test_code from message_accounts")
    assert code  # nobody listens there, and the page says so
    status, where = await admin.post_form("messages/numbers/order", {"account": str(account), "kind": "local", "country": "US"})
    assert status == 303
    order = where.rpartition("/")[2]
    await owner.execute(
        "update message_number_orders set state = 'offered', offers = $1",
        '[{"offer": "o1", "number": "+16085550100", "monthly": "1.15", "currency": "USD"}]',
    )
    status, text = await admin.get(f"messages/numbers/orders/{order}")
    assert "+16085550100" in text
    assert "1.15 USD" in text
    assert (await admin.post_form(f"messages/numbers/orders/{order}", {"offer": "o1"}))[0] == 400
    assert await owner.fetchval("select state from message_number_orders") == "offered"
    assert (await admin.post_form(f"messages/numbers/orders/{order}", {"offer": "o1", "sure": "yes"}))[0] == 303
    assert await owner.fetchval("select state from message_number_orders") == "chosen"
    assert "It is charged" not in (await admin.get(f"messages/numbers/orders/{order}"))[1]


async def test_a_secret_is_never_shown_again(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    assert 'value="none"' in (await admin.get("messages/carriers/new/smtp"))[1], (
        "this machine may be reached without TLS, where it may be at all"
    )
    smtp = {"name": "Mail", "endpoint": "127.0.0.1:9", "user": "u", "secret": "canary-secret", "tls": "starttls"}
    assert (await admin.post_form("messages/carriers/new/smtp", smtp))[0] == 303
    account = await owner.fetchval("select id from message_accounts")
    status, text = await admin.get(f"messages/carriers/{account}")
    assert status == 200
    assert "canary-secret" not in text
    assert "One is stored" in text


async def test_the_report_is_a_file_with_an_end(h: House, owner: asyncpg.Connection) -> None:
    auditor = await h.staff({AUDITOR})
    assert (await auditor.get("messages/report.csv"))[1].splitlines()[-1] == "End of file,0 rows"
    status, text = await auditor.get(f"messages/report?days=8&status={EVIL}&sender=nobody&after=nowhere")
    assert status == 200
    assert "<script>window.pwned" not in text


async def test_a_person_says_what_became_of_a_message_whose_answer_was_lost(h: House, owner: asyncpg.Connection) -> None:
    admin, auditor = await h.staff({ADMIN}), await h.staff({AUDITOR})
    guest = await h.come(PersonRole.PATIENT)
    about = {"visit_id": guest.visit, "participant_id": guest.participant.id, "purpose": "reminder", "minutes": 60}
    now = [datetime.now(UTC) - timedelta(minutes=5)]
    [lost] = await sent(owner, h.tenant, h.connection.id, times=now, state="unknown", status=None, **about)
    [failed] = await sent(owner, h.tenant, h.connection.id, times=now, state="failed", status="spam", code="carrier-spam", **about)
    [planned] = await sent(owner, h.tenant, h.connection.id, times=now, state="planned", status=None, sent_at=None, **about)
    _, text = await admin.get("messages/log?show=attention")
    assert "2 messages did not go as planned" in text
    assert "It arrived" in text
    assert "1 hour before" in text
    assert "carrier-spam" in text
    assert "It arrived" not in (await auditor.get("messages/log"))[1]
    assert (await auditor.post_form(f"messages/log/{lost}/arrived"))[0] == 403
    for message, act in ((lost, "arrived"), (failed, "give-up"), (planned, "give-up")):
        assert (await admin.post_form(f"messages/log/{message}/{act}?show=attention"))[0] == 303, act
    rows = await owner.fetch("select id, state from messages")
    assert {row["id"]: row["state"] for row in rows} == {lost: "delivered", failed: "failed", planned: "withdrawn"}
    assert (await admin.post_form(f"messages/log/{lost}/arrived"))[0] == 409
    assert "Nothing needs your attention" in (await admin.get(f"messages/log?visit={guest.visit}"))[1]


async def test_a_changed_plan_is_planned_anew_and_the_page_says_how_much(h: House, owner: asyncpg.Connection) -> None:
    admin = await h.staff({ADMIN})
    guest = await h.come(PersonRole.PATIENT)
    about = {"visit_id": guest.visit, "participant_id": guest.participant.id, "state": "planned", "sent_at": None}
    await sent(owner, h.tenant, h.connection.id, times=[datetime.now(UTC)] * 12, **about)
    path = f"messages/plans/{h.connection.id}"
    assert "12 messages are planned for these appointments" in (await admin.get(path))[1]
    form = {"quiet_from": "21:00", "quiet_to": "08:00", "gap_minutes": "5", "language": "en", "channels": "sms", "revision": "0"}
    assert (await admin.post_form(path, form))[0] == 303
    assert await owner.fetchval("select count(*) from message_replans where connection_id = $1", h.connection.id) == 1
