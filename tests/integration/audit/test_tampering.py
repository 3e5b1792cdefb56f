"""Whoever changes the audit behind the program's back is found out, wherever and however they do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.audit import SYSTEM, Actor, Audit, Check, Harm
from vestibule.platform.audit.model import Entry, chain_hash, content_hash
from vestibule.platform.audit.store import written
from vestibule.platform.db import Database

LENGTH = 12
Owner = asyncpg.Connection


@pytest.fixture
async def audit(db: Database, tenant: TenantId, owner: Owner) -> Audit:
    """A chain of twelve, whose guards an intruder with the owner's rights has taken away."""
    made = Audit()
    for number in range(LENGTH // 2):
        async with db.tenant(tenant) as tx:
            made.note(tx, "thing.made", by=Actor("staff", f"m{number}"), about=("thing", number), detail={"a": "1", "b": "2"})
            made.note(tx, "thing.kept", by=SYSTEM)
    await owner.execute("alter table audit_entries disable trigger all")
    return made


async def run(owner: Owner, sql: str, tenant: TenantId) -> None:
    """One statement of the intruder's; `$1` is the organisation."""
    await owner.execute(sql.replace("$1", f"'{tenant}'"))


async def rehash(owner: Owner, tenant: TenantId, start: int) -> None:
    """Make every hash from an entry on fit again, the head's too: what a patient intruder does."""
    last = await owner.fetchval("select hash from audit_entries where tenant_id = $1 and seq = $2", tenant, start - 1) or bytes(32)
    rows = await owner.fetch("select * from audit_entries where tenant_id = $1 and seq >= $2 order by seq", tenant, start)
    for row in rows:
        mine = chain_hash(bytes(last), tenant, row["seq"], content_hash(written(row).entry))
        sql = "update audit_entries set previous = $3, hash = $4 where tenant_id = $1 and seq = $2"
        await owner.execute(sql, tenant, row["seq"], last, mine)
        last = mine
    await owner.execute("update audit_heads set seq = $2, hash = $3 where tenant_id = $1", tenant, rows[-1]["seq"], last)


async def test_an_untouched_chain_is_intact(db: Database, tenant: TenantId, audit: Audit) -> None:
    check = await audit.verify(db, tenant)
    async with db.tenant(tenant) as tx:
        head = await audit.head(tx)
    assert (check.flaw, check.at) == (None, head)
    assert head.seq == LENGTH


async def test_an_organisation_without_entries_is_intact(db: Database) -> None:
    check = await Audit().verify(db, TenantId(new_id()))
    assert (check.flaw, check.at.seq) == (None, 0)


WHERE = "where tenant_id = $1 and seq"
KEYLESS = "alter table audit_entries drop constraint audit_entries_pkey"
UNCHECKED = "alter table audit_entries drop constraint audit_entries_seq_check"
FORGED = "at, '', '', '', '', '', 'x', '', '', outcome, '{}', hash, hash from audit_entries"
CASES: list[tuple[str, str, int, Harm]] = [
    ("an action", f"update audit_entries set action = 'x' {WHERE} = 5", 5, Harm.CHANGED),
    ("the first action", f"update audit_entries set action = 'x' {WHERE} = 1", 1, Harm.CHANGED),
    ("the last action", f"update audit_entries set action = 'x' {WHERE} = 12", 12, Harm.CHANGED),
    ("a microsecond", f"update audit_entries set at = at + interval '1 microsecond' {WHERE} = 5", 5, Harm.CHANGED),
    ("the end of time", f"update audit_entries set at = 'infinity' {WHERE} = 5", 5, Harm.CHANGED),
    ("who", f"update audit_entries set actor_id = 'somebody' {WHERE} = 5", 5, Harm.CHANGED),
    ("a text moved to its neighbour", f"update audit_entries set actor_id = '', actor_session = actor_id {WHERE} = 5", 5, Harm.CHANGED),
    ("the outcome", f"update audit_entries set outcome = 'failed' {WHERE} = 5", 5, Harm.CHANGED),
    ("a detail", f'update audit_entries set detail = detail || \'{{"a": "3"}}\' {WHERE} = 5', 5, Harm.CHANGED),
    ("a detail more", f'update audit_entries set detail = detail || \'{{"c": "3"}}\' {WHERE} = 5', 5, Harm.CHANGED),
    ("details that are none", f"update audit_entries set detail = '[1, null]' {WHERE} = 5", 5, Harm.CHANGED),
    ("a detail that is a number", f'update audit_entries set detail = \'{{"a": 1, "b": "2"}}\' {WHERE} = 5', 5, Harm.CHANGED),
    ("a hash", f"update audit_entries set hash = previous {WHERE} = 5", 5, Harm.CHANGED),
    ("the hash before", f"update audit_entries set previous = hash {WHERE} = 5", 5, Harm.CHANGED),
    ("one taken out", f"delete from audit_entries {WHERE} = 5", 5, Harm.MISSING),
    ("the first taken out", f"delete from audit_entries {WHERE} = 1", 1, Harm.MISSING),
    ("the middle taken out", f"delete from audit_entries {WHERE} between 4 and 7", 4, Harm.MISSING),
    ("the tail cut off", f"delete from audit_entries {WHERE} > 9", 10, Harm.TRUNCATED),
    ("everything cut off", "delete from audit_entries where tenant_id = $1", 1, Harm.TRUNCATED),
    (
        "one taken out and the rest moved up",
        f"{KEYLESS}; delete from audit_entries {WHERE} = 5; update audit_entries set seq = seq - 1 {WHERE} > 5",
        5,
        Harm.CHANGED,
    ),
    (
        "two swapped",
        f"{KEYLESS}; update audit_entries set seq = 11 - seq {WHERE} between 5 and 6",
        5,
        Harm.CHANGED,
    ),
    (
        "one added at the end",
        f"insert into audit_entries select tenant_id, 13, {FORGED} {WHERE} = 12",
        13,
        Harm.INSERTED,
    ),
    ("the head taken away", "delete from audit_heads where tenant_id = $1", 12, Harm.HEADLESS),
    ("the head set back", "update audit_heads set seq = 9 where tenant_id = $1", 10, Harm.INSERTED),
    ("the head's hash", "update audit_heads set hash = sha256(hash) where tenant_id = $1", 12, Harm.REPLACED),
    (
        "one twice",
        f"{KEYLESS}; insert into audit_entries select * from audit_entries {WHERE} = 5",
        5,
        Harm.INSERTED,
    ),
    (
        "one added before all",
        f"{UNCHECKED}; insert into audit_entries select tenant_id, 0, {FORGED} {WHERE} = 12",
        0,
        Harm.INSERTED,
    ),
]


@pytest.mark.parametrize(("sql", "seq", "what"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_what_was_done_is_named(db: Database, tenant: TenantId, owner: Owner, audit: Audit, sql: str, seq: int, what: Harm) -> None:
    await run(owner, sql, tenant)
    flaw = (await audit.verify(db, tenant)).flaw
    assert flaw is not None
    assert (flaw.seq, flaw.what) == (seq, what)


async def test_an_entry_forged_with_its_own_right_hash_is_betrayed_by_the_next(
    db: Database, tenant: TenantId, owner: Owner, audit: Audit
) -> None:
    row = await owner.fetchrow("select * from audit_entries where tenant_id = $1 and seq = 5", tenant)
    assert row is not None
    forged = Entry(row["at"], Actor("staff", "somebody else"), "thing.made")
    mine = chain_hash(bytes(row["previous"]), tenant, 5, content_hash(forged))
    await owner.execute(
        "update audit_entries set actor_kind = 'staff', actor_id = 'somebody else', action = 'thing.made', about_kind = '', about_id = '', "
        "detail = '{}', hash = $2 where tenant_id = $1 and seq = 5",
        tenant,
        mine,
    )
    flaw = (await audit.verify(db, tenant)).flaw
    assert flaw is not None
    assert (flaw.seq, flaw.what) == (5, Harm.REPLACED)


async def test_an_entry_from_another_organisation_does_not_fit(
    db: Database, tenant: TenantId, other_tenant: TenantId, owner: Owner, audit: Audit
) -> None:
    await run(owner, f"update audit_entries set tenant_id = '{other_tenant}' where tenant_id = $1", tenant)
    await run(owner, f"update audit_heads set tenant_id = '{other_tenant}' where tenant_id = $1", tenant)
    flaw = (await audit.verify(db, other_tenant)).flaw
    assert flaw is not None
    assert (flaw.seq, flaw.what) == (1, Harm.CHANGED)


Wrong = Callable[[Owner, TenantId], Awaitable[None]]


async def cut(owner: Owner, tenant: TenantId) -> None:
    """Cut the tail off, and set the head back so that it fits."""
    await run(owner, f"delete from audit_entries {WHERE} > 9", tenant)
    sql = "update audit_heads h set seq = 9, hash = e.hash from audit_entries e where e.tenant_id = h.tenant_id and e.seq = 9"
    await owner.execute(sql)


async def write_anew(owner: Owner, tenant: TenantId) -> None:
    """Change one and hash everything from there on again."""
    await run(owner, f"update audit_entries set action = 'x' {WHERE} = 5", tenant)
    await rehash(owner, tenant, 5)


@pytest.mark.parametrize("harm", [cut, write_anew])
async def test_only_a_head_kept_elsewhere_betrays_who_makes_everything_fit(
    db: Database, tenant: TenantId, owner: Owner, audit: Audit, harm: Wrong
) -> None:
    async with db.tenant(tenant) as tx:
        kept = await audit.head(tx)
    assert (await audit.verify(db, tenant, sought={kept.hash})).found == {kept.hash: LENGTH}
    await harm(owner, tenant)
    check = await audit.verify(db, tenant, sought={kept.hash})
    assert (check.flaw, check.found) == (None, {})


async def test_an_old_head_is_met_on_the_way_when_more_has_been_written(db: Database, tenant: TenantId, audit: Audit) -> None:
    async with db.tenant(tenant) as tx:
        kept = await audit.head(tx)
        audit.note(tx, "thing.made", by=SYSTEM)
    check = await audit.verify(db, tenant, sought={kept.hash})
    assert (check.flaw, check.at.seq, check.found) == (None, LENGTH + 1, {kept.hash: LENGTH})


async def test_while_others_write_the_chain_is_whole_at_every_moment(
    db: Database, tenant: TenantId, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.platform.audit.service._BATCH", 7)

    async def write() -> None:
        for _ in range(40):
            async with db.tenant(tenant) as tx:
                audit.note(tx, "thing.made", by=SYSTEM)

    async def verify() -> list[Check]:
        return [await audit.verify(db, tenant) for _ in range(10)]

    *_, checks = await asyncio.gather(write(), write(), verify())
    assert [check.flaw for check in checks] == [None] * 10
    assert (await audit.verify(db, tenant)).at.seq == LENGTH + 80


COLUMNS = ("actor_kind", "actor_id", "actor_session", "actor_address", "reference", "action", "about_kind", "about_id")
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
wrongs = st.one_of(
    st.tuples(st.just("text"), st.integers(1, LENGTH), st.sampled_from(COLUMNS), texts),
    st.tuples(st.just("hash"), st.integers(1, LENGTH), st.sampled_from(("previous", "hash")), st.binary(min_size=32, max_size=32)),
    st.tuples(st.just("delete"), st.integers(1, LENGTH), st.integers(1, LENGTH), st.none()),
    st.tuples(st.just("swap"), st.integers(1, LENGTH), st.integers(1, LENGTH), st.none()),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wrong=wrongs)
async def test_no_single_change_goes_unseen(
    db: Database, tenant: TenantId, owner: Owner, audit: Audit, wrong: tuple[str, int, object, object]
) -> None:
    kind, seq, what, value = wrong
    await owner.execute("create temp table if not exists kept_entries as select * from audit_entries")
    before = await owner.fetch("select * from audit_entries where tenant_id = $1 order by seq", tenant)
    if kind == "delete":
        low, high = sorted((seq, int(str(what))))
        await owner.execute("delete from audit_entries where tenant_id = $1 and seq between $2 and $3", tenant, low, high)
    elif kind == "swap":
        for a, b in ((seq, 1000), (int(str(what)), seq), (1000, int(str(what)))):
            await owner.execute("update audit_entries set seq = $3 where tenant_id = $1 and seq = $2", tenant, a, b)
    elif (kind == "text" and not (what == "action" and value == "")) or kind == "hash":
        await owner.execute(f"update audit_entries set {what} = $3 where tenant_id = $1 and seq = $2", tenant, seq, value)
    after = await owner.fetch("select * from audit_entries where tenant_id = $1 order by seq", tenant)
    flaw = (await audit.verify(db, tenant)).flaw
    await owner.execute("delete from audit_entries; insert into audit_entries select * from kept_entries")
    assert (flaw is None) == (before == after)
    if flaw is not None:
        changed = [n for n, (was, now) in enumerate(zip(before, [*after, *[None] * LENGTH], strict=False), 1) if was != now]
        assert flaw.seq == changed[0]
