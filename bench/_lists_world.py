"""Ten thousand organisations for bench/lists.py, made by the database itself.

Every organisation has 3 connections, 5 departments and the one person who belongs to all of them; every hundredth has 200 launches and 500
audit entries besides. The first is large: what is measured is its lists, so that there are deep pages everywhere.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg

ORGANISATIONS: Final = 10_000
LARGE: Final = {"connections": 300, "departments": 1_000, "members": 1_000, "tokens": 300, "launches": 5_000, "audit": 20_000}
ISSUER, SUBJECT = "https://sign-in.example", "the-person-everywhere"

_ID = "('0{kind}000000-0000-7000-8000-' || lpad(to_hex({n}), 12, '0'))::uuid"


def _id(kind: int, n: str) -> str:
    return _ID.format(kind=kind, n=n)


def organisation(number: int) -> UUID:
    """The id of an organisation."""
    return UUID(f"01000000-0000-7000-8000-{number:012x}")


_TENANT = _id(1, "t")
_ALL = f"generate_series(1, {ORGANISATIONS}) t"
_SOME = f"generate_series(100, {ORGANISATIONS}, 100) t"
_CONTENT = (
    "jsonb_build_object('name', name, 'vendor', vendor, 'environment', environment, 'iss', iss, 'fhir_version', 'R4', 'frame_ancestors', "
    "'[]'::jsonb, 'provider_client_id', provider_client_id, 'patient_client_id', '', 'backend_client_id', '', 'client_auth', client_auth, "
    "'authorize_url', '', 'token_url', '', 'join_early_minutes', 30, 'join_late_minutes', 240, 'profile', '{}'::jsonb, 'approver', null, "
    "'shared_with', '[]'::jsonb)"
)


def _connections(tenants: str, each: int, offset: int) -> str:
    """Two thirds in force, one third awaiting approval."""
    number = f"t * 1000 + c + {offset}"
    iss = f"'https://ehr-' || t || '-' || c + {offset} || '.example/api/FHIR/R4'"
    state = "case when c % 3 = 0 then 'awaiting' else 'approved' end"
    return (
        "insert into connections (tenant_id, id, name, vendor, environment, iss, provider_client_id, client_auth, join_early_minutes, "
        "join_late_minutes, serving, version, newest, newest_iss, newest_state, revision, changed_at) "
        f"select {_TENANT}, {_id(2, number)}, 'Record ' || lpad(c::text, 4, '0') || ' of ' || t, 'epic', "
        f"case when c % 2 = 0 then 'production' else 'test' end, {iss}, 'client-' || t, "
        f"'private_key_jwt', 30, 240, c % 3 <> 0, case when c % 3 = 0 then 0 else 1 end, 1, "
        f"{iss}, {state}, 1, now() "
        f"from {tenants}, generate_series(1, {each}) c"
    )


def _departments(tenants: str, each: int, offset: int) -> str:
    return (
        "insert into departments (tenant_id, id, name, zone, external) "
        f"select {_TENANT}, {_id(3, f't * 10000 + d + {offset}')}, 'Department ' || lpad(d::text, 5, '0'), 'America/Chicago', "
        f"(10500000 + d + {offset})::text from {tenants}, generate_series(1, {each}) d"
    )


def _launches(tenants: str, each: int) -> str:
    failed = "l % 7 = 0"
    return (
        "insert into launches (tenant_id, id, connection_id, kind, reference, launch_hash, started_at, expires_at, ended_at, "
        f"outcome, phase, code) select {_TENANT}, {_id(4, 't * 100000 + l')}, {_id(2, 't * 1000 + 1')}, "
        "case when l % 2 = 0 then 'provider' else 'patient' end, "
        "'R' || lpad(t::text, 5, '0') || '-' || l, sha256((t || '/' || l)::bytea), now() - l * interval '1 minute', now(), now(), "
        f"case when {failed} then 'failed' else 'joined' end, 'launch.token', case when {failed} then 'token-rejected' else '' end "
        f"from {tenants}, generate_series(1, {each}) l"
    )


def _audit(tenants: str, each: int) -> str:
    return (
        "insert into audit_entries "
        f"select {_TENANT}, a, now() - a * interval '1 minute', 'staff', {_id(5, 't * 10000 + a % 50')}::text, '', '192.0.2.7', "
        "'R' || t || '-' || a, case when a % 9 = 0 then 'connection.saved' else 'visit.joined' end, 'connection', "
        f"{_id(2, 't * 1000 + 1')}::text, 'success', '{{}}'::jsonb, sha256('b'), sha256('h') from {tenants}, generate_series(1, {each}) a"
    )


def _members(tenants: str, people: str, which: str, issuer_and_subject: str, name: str, roles: str) -> str:
    return (
        "insert into members (tenant_id, id, state, issuer, subject, name, email, roles, invited_at, joined_at) "
        f"select {_TENANT}, {_id(5, which)}, 'active', {issuer_and_subject}, {name}, 'p' || m || '@example.org', "
        f"array[{roles}], now(), now() from {tenants}, {people} m"
    )


_ORGANISATIONS: Final = (
    "insert into tenants (id, name, support_phone) "
    f"select {_TENANT}, 'Clinic ' || lpad(t::text, 5, '0') || ' of Northfield', '555-0134' from {_ALL}"
)
_VERSIONS: Final = (
    "insert into connection_versions (tenant_id, connection_id, number, revision, state, content, changed_at) "
    f"select tenant_id, id, 1, 1, newest_state, {_CONTENT}, now() from connections"
)
_TOKENS: Final = (
    "insert into api_tokens (tenant_id, id, name, roles, secret_hash, made_at, expires_at) "
    f"select {_TENANT}, {_id(6, 'p')}, 'Program ' || lpad(p::text, 5, '0'), array['auditor'], sha256(('p' || p)::bytea), now(), "
    f"now() + interval '1 year' from generate_series(1, 1) t, generate_series(1, {LARGE['tokens']}) p"
)
_ALL_ROLES: Final = "'administrator', 'approver', 'auditor', 'integration_engineer', 'reports_reader'"
_FIRST: Final = "generate_series(1, 1) t"
_STATEMENTS: Final = (
    _ORGANISATIONS,
    _connections(_ALL, 3, 0),
    _connections(_FIRST, LARGE["connections"], 10),
    _VERSIONS,
    _departments(_ALL, 5, 0),
    _departments(_FIRST, LARGE["departments"], 10),
    _members(_ALL, "generate_series(0, 0)", "t * 10000", f"'{ISSUER}', '{SUBJECT}'", "'Ana Everywhere'", _ALL_ROLES),
    _members(
        _FIRST,
        f"generate_series(1, {LARGE['members']})",
        "t * 10000 + m",
        f"'{ISSUER}', 'subject-' || m",
        "'Person ' || lpad(m::text, 5, '0')",
        "'clinician'",
    ),
    _TOKENS,
    _launches(_SOME, 200),
    _launches(_FIRST, LARGE["launches"]),
    _audit(_SOME, 500),
    _audit(_FIRST, LARGE["audit"]),
    "insert into audit_heads select tenant_id, max(seq), sha256('h') from audit_entries group by tenant_id",
    "analyze",
)


async def fill(url: str) -> None:
    """Everything, as the owner of the schema."""
    owner = await asyncpg.connect(url)
    try:
        for statement in _STATEMENTS:
            await owner.execute(statement, timeout=300)
    finally:
        await owner.close()
