"""One door each for the environment, time, the outside, the database and chance; SQL in stores; pure things pure."""

from __future__ import annotations

import pytest

from architecture.doors import (
    CHANCE,
    DATABASE,
    DOORS,
    ENVIRONMENT,
    OUTBOUND,
    TIME,
    Door,
    impure,
    sql_outside_a_store,
    stores_without_tenant,
)
from architecture.source import Module, assert_none, modules


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.what)
def test_nobody_goes_round_the_door(door: Door) -> None:
    assert_none(line for module in modules("vestibule") for line in door.forced(module))


def test_sql_stands_in_stores() -> None:
    assert_none(line for module in modules("vestibule") for line in sql_outside_a_store(module))


def test_every_store_asks_for_the_tenant_first() -> None:
    assert_none(line for module in modules("vestibule") for line in stores_without_tenant(module))


def test_kit_protocols_and_models_are_pure() -> None:
    assert_none(line for module in modules("vestibule") for line in impure(module))


ROUND_THE_DOOR = [
    (ENVIRONMENT, "import os\nx = os.environ['A']"),
    (ENVIRONMENT, "from os import environ"),
    (ENVIRONMENT, "from os import getenv as g\ng('A')"),
    (ENVIRONMENT, "import os as o\no.environ.get('A')"),
    (TIME, "import time\ntime.time()"),
    (TIME, "from time import monotonic"),
    (TIME, "import datetime\ndatetime.datetime.now()"),
    (TIME, "from datetime import datetime, UTC\ndatetime.now(UTC)"),
    (TIME, "import datetime as dt\nf = dt.date.today"),
    (OUTBOUND, "import aiohttp\naiohttp.ClientSession()"),
    (OUTBOUND, "from aiohttp import ClientSession"),
    (OUTBOUND, "import urllib.request\nurllib.request.urlopen('x')"),
    (OUTBOUND, "from urllib import request"),
    (OUTBOUND, "import asyncio\nasync def f():\n    await asyncio.open_connection('h', 1)"),
    (OUTBOUND, "import httpx\nhttpx.get('x')"),
    (DATABASE, "import asyncpg\nasyncpg.connect('x')"),
    (CHANCE, "import random\nrandom.random()"),
    (CHANCE, "from secrets import token_urlsafe"),
    (CHANCE, "import uuid\nuuid.uuid4()"),
    (CHANCE, "from uuid import uuid4"),
    (CHANCE, "import os\nos.urandom(4)"),
]


@pytest.mark.parametrize(("door", "text"), ROUND_THE_DOOR)
def test_each_rule_about_a_door_can_fail(door: Door, text: str) -> None:
    assert list(door.forced(Module.of("vestibule.visits.service", text)))


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.what)
def test_the_door_itself_may(door: Door) -> None:
    text = "\n".join(f"import {name.partition('.')[0]}\n{name}" for name in door.names)
    for name in door.open_to:
        assert list(door.forced(Module.of(name + "x" if name.endswith(".") else name, text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime, timedelta\ndef f(now: datetime) -> datetime:\n    return now + timedelta(1)",
        "import asyncio\nasync def f(loop):\n    return loop.time()",
        "import os.path\nos.path.join('a')",
        "import aiohttp\nfrom aiohttp import web",
        "from uuid import UUID",
    ],
)
def test_the_doors_do_not_stop_honest_code(text: str) -> None:
    assert [line for door in DOORS for line in door.forced(Module.of("vestibule.visits.service", text))] == []


@pytest.mark.parametrize(
    "sql",
    [
        "select id from visit where tenant_id = $1",
        "SELECT set_config('a', 'b', true)",
        "\n   insert into visit (id) values ($1)",
        "update visit set state = $1",
        "delete from visit",
        "with x as (select 1) select * from x",
        "with x as materialized (select 1) select * from x",
        "listen vestibule_event",
        "set role vestibule_app",
    ],
)
def test_the_rule_about_sql_can_fail(sql: str) -> None:
    text = f"async def f(tx):\n    await tx.execute({sql!r})"
    assert list(sql_outside_a_store(Module.of("vestibule.visits.service", text)))
    assert list(sql_outside_a_store(Module.of("vestibule.visits.store", text))) == []


@pytest.mark.parametrize("prose", ["Select a camera.", "Update your browser.", "Delete the link", "With you as soon as we can", "Listen"])
def test_the_rule_about_sql_knows_prose(prose: str) -> None:
    text = f'"""select x from y"""\nasync def f():\n    """Update a set b."""\n    return {prose!r}'
    assert list(sql_outside_a_store(Module.of("vestibule.visits.service", text))) == []


@pytest.mark.parametrize(
    "method",
    [
        "async def find(self, tx): ...",
        "async def find(self, tx, tenant): ...",
        "async def find(self): ...",
        "async def find(self, *, tenant): ...",
    ],
)
def test_the_rule_about_tenants_can_fail(method: str) -> None:
    assert list(stores_without_tenant(Module.of("vestibule.visits.store", f"class Store:\n    {method}")))


def test_the_rule_about_tenants_lets_good_stores_pass() -> None:
    methods = ("async def find(self, tenant, tx): ...", "async def whose(self, tx) -> TenantId: ...", "async def _x(self): ...")
    text = "class Store:\n" + "".join(f"    {method}\n" for method in methods) + "def pure(row): ..."
    assert list(stores_without_tenant(Module.of("vestibule.visits.store", text))) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vestibule.kit.clock", "import asyncio"),
        ("vestibule.protocols.smart.flow", "from aiohttp import web"),
        ("vestibule.visits.model", "import structlog"),
        ("vestibule.kit.redact", "from os import path"),
    ],
)
def test_the_rule_about_purity_can_fail(name: str, text: str) -> None:
    assert list(impure(Module.of(name, text)))
