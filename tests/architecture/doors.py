"""One door each: what may be done in one place only, and where that place is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from architecture.source import Module


@dataclass(frozen=True)
class Door:
    """Something only a few modules may reach.

    Attributes:
        names: dotted names; one that ends in a dot means everything under it.
        open_to: module (or package, with a dot at the end) -> why it may.
    """

    what: str
    names: tuple[str, ...]
    open_to: Mapping[str, str]

    def forced(self, module: Module) -> Iterator[str]:
        """Complaints about a module that goes round the door."""
        if self._may(module.name):
            return
        for node, name in module.names_used():
            if any(name == door or name.startswith(door if door.endswith(".") else door + ".") for door in self.names):
                yield module.at(node, f"{self.what}: {name}")

    def _may(self, name: str) -> bool:
        return any(name == door or (door.endswith(".") and (name + ".").startswith(door)) for door in self.open_to)


ENVIRONMENT = Door(
    "reads the environment",
    ("os.environ", "os.environb", "os.getenv", "os.putenv"),
    {"vestibule.settings": "the door itself"},
)
TIME = Door(
    "reads a clock",
    (
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.localtime",
        "time.gmtime",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
    ),
    {"vestibule.kit.clock": "the door itself", "vestibule.kit.ids": "UUID version 7 begins with the time"},
)
OUTBOUND = Door(
    "connects to the outside",
    (
        "aiohttp.ClientSession",
        "aiohttp.TCPConnector",
        "aiohttp.request",
        "asyncio.open_connection",
        "asyncio.open_unix_connection",
        "socket.create_connection",
        "http.client",
        "urllib.request",
        "urllib3",
        "httpx",
        "requests",
        "smtplib",
        "ftplib",
    ),
    {
        "vestibule.platform.http.": "the door itself",
        "vestibule.platform.mail.": "the door for mail",
        "vestibule.platform.web.serve": "knocks at its own port to know that it is open",
    },
)
DATABASE = Door(
    "speaks to the database",
    ("asyncpg.connect", "asyncpg.create_pool", "psycopg", "sqlite3", "sqlalchemy"),
    {"vestibule.platform.db.": "the door itself"},
)
CHANCE = Door(
    "throws dice",
    ("random", "secrets", "os.urandom", "uuid.uuid1", "uuid.uuid4"),
    {
        "vestibule.kit.ids": "the door itself",
        "vestibule.kit.secretbox": "a nonce for every sealed text",
        "vestibule.kit.backoff": "jitter needs no secrecy",
        "vestibule.protocols.jose.": "keys are made there",
    },
)
DOORS = (ENVIRONMENT, TIME, OUTBOUND, DATABASE, CHANCE)

_SQL = re.compile(
    r"^\s*(select\s.+\sfrom\s|select\s+\w+\(|insert\s+into\s|update\s+[\w.]+\s+(as\s+\w+\s+)?set\s|delete\s+from\s|with\s+(recursive\s+)?\w+\s+as\s+(materialized\s+)?\("
    r"|(create|alter|drop)\s+(table|index|role|function|policy|database|schema)\s|(listen|notify|set\s+role|truncate|grant|revoke)\s+\w)",
    re.IGNORECASE | re.DOTALL,
)
_SPEAKS_SQL = ("vestibule.platform.db.", "vestibule.platform.effects.", "vestibule.platform.audit.")


def is_store(module: Module) -> bool:
    """True for a feature's `store`, a file or a folder of files."""
    return ".store." in module.name + "."


def sql_outside_a_store(module: Module) -> Iterator[str]:
    """Texts that are SQL, in a module that is neither a store nor the database's own plumbing."""
    if is_store(module) or any((module.name + ".").startswith(door) for door in _SPEAKS_SQL):
        return
    docstrings = {id(node.body[0].value) for node in ast.walk(module.tree) if _has_docstring(node)}  # type: ignore[attr-defined]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings and _SQL.match(node.value):
            yield module.at(node, f"SQL outside a store: {node.value.strip()[:40]!r}")


def stores_without_tenant(module: Module) -> Iterator[str]:
    """Public methods of a store whose first argument is not the tenant, unless they find out which tenant it is."""
    if not is_store(module) or module.name.startswith("vestibule.platform."):
        return  # plumbing serves all tenants: the dispatcher's claims, the health's heartbeat
    if module.name == "vestibule.identity.arrivals.store":
        return  # nobody knows yet to which organisation whoever is signing in belongs
    for function in module.functions():
        if function.name.startswith("_") or not isinstance(function, ast.AsyncFunctionDef):
            continue
        arguments = [a.arg for a in function.args.posonlyargs + function.args.args if a.arg not in {"self", "cls"}]
        finds_tenants = function.returns is not None and "TenantId" in ast.unparse(function.returns)
        if arguments[:1] != ["tenant"] and not finds_tenants:
            yield module.at(function, f"{function.name} takes {arguments[:1] or 'nothing'} first, not the tenant")


_FRAMEWORKS = (
    "aiohttp",
    "asyncio",
    "asyncpg",
    "granian",
    "jinja2",
    "litestar",
    "logging",
    "os",
    "pathlib",
    "prometheus_client",
    "shutil",
    "socket",
    "ssl",
    "structlog",
    "subprocess",
    "tempfile",
    "threading",
    "uvloop",
)
_IMPURE_KIT = {
    "vestibule.kit.ids": {"os"},  # the door for randomness
    "vestibule.kit.secretbox": {"os"},
}


def impure(module: Module) -> Iterator[str]:
    """Frameworks, sockets, files or the operating system in what must stay pure: kit, protocols and every model."""
    parts = module.name.split(".")
    if not (parts[1:2] in (["kit"], ["protocols"]) or parts[-1] == "model"):
        return
    allowed = _IMPURE_KIT.get(module.name, set())
    for node, name in module.imports():
        first = name.partition(".")[0]
        if first in _FRAMEWORKS and first not in allowed:
            yield module.at(node, f"is to be pure and imports {name}")


def _has_docstring(node: ast.AST) -> bool:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return ast.get_docstring(node, clean=False) is not None
