"""The house stands: nobody imports upwards, nobody reaches inside, the judge shares no code with the judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from architecture.floors import circles, climbs, crosses, reaches_inside, room_graph
from architecture.source import Module, assert_none, modules


def complaints(rule: Callable[[Module], Iterable[str]], package: str = "vestibule") -> list[str]:
    return [line for module in modules(package) for line in rule(module)]


def test_nobody_imports_from_a_floor_above() -> None:
    assert_none(complaints(climbs))


def test_nobody_reaches_inside_another_feature() -> None:
    assert_none(complaints(reaches_inside))


@pytest.mark.parametrize("package", ["vestibule", "practice"])
def test_product_and_practice_hospital_share_no_code(package: str) -> None:
    assert_none(complaints(crosses, package))


def test_the_graph_of_rooms_has_no_circle() -> None:
    assert circles(room_graph(modules("vestibule"))) == []


def test_there_is_something_to_judge() -> None:
    assert len(modules("vestibule")) > 50
    assert len(modules("practice")) > 10


BAD_CLIMBS = [
    ("vestibule.kit.ids", "from vestibule.platform.db import Database"),
    ("vestibule.kit.ids", "import vestibule.protocols.jose"),
    ("vestibule.platform.web.app", "from vestibule.identity.model import Principal"),
    ("vestibule.platform.web.app", "def f():\n    from vestibule.identity.model import Principal"),
    ("vestibule.platform.web.app", "import importlib\nimportlib.import_module('vestibule.visits.service')"),
    ("vestibule.visits.service", "from vestibule.adapters.meetings import room"),
    ("vestibule.visits.service", "from vestibule.launch.service import Launches"),
    ("vestibule.visits.service", "from vestibule.wiring import build"),
    ("vestibule.visits.service", "from vestibule import wiring"),
    ("vestibule.visits.service", "from vestibule.settings import load"),
    ("vestibule.launch.service", "from vestibule.writeback.service import WriteBack"),
    ("vestibule.launch.service", "from ..writeback import service"),
    ("vestibule.tenancy.service", "from vestibule.visits.model import Visit"),
    ("vestibule.visits.model", "from vestibule.somewhere_new import x"),
]
GOOD = [
    ("vestibule.visits.service", "from vestibule.identity.service import Identity\nfrom . import store\nfrom vestibule.errors import Gone"),
    ("vestibule.launch.routes", "from vestibule.visits.service import Visits\nfrom vestibule.tenancy.model import Tenant"),
    ("vestibule.wiring", "from vestibule.adapters.ehr import epic\nfrom vestibule.visits import store"),
    ("vestibule.adapters.ehr.epic.status", "from vestibule.writeback.ports import StatusApi\nfrom vestibule.platform.http import Http"),
    ("vestibule.platform.db.pool", "from vestibule.kit.clock import Clock\nimport asyncpg"),
]


@pytest.mark.parametrize(("name", "text"), BAD_CLIMBS)
def test_the_rule_about_floors_can_fail(name: str, text: str) -> None:
    assert list(climbs(Module.of(name, text)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vestibule.launch.service", "from vestibule.visits.store import Store"),
        ("vestibule.launch.service", "from vestibule.visits import store"),
        ("vestibule.launch.service", "import vestibule.visits.routes"),
        ("vestibule.visits.service", "from vestibule.identity.cache import Cache"),
        ("vestibule.adapters.ehr.epic.status", "from vestibule.visits.service import Visits"),
        ("vestibule.adapters.ehr.epic.status", "from vestibule.writeback import service"),
    ],
)
def test_the_rule_about_insides_can_fail(name: str, text: str) -> None:
    assert list(reaches_inside(Module.of(name, text)))


@pytest.mark.parametrize(("name", "text"), GOOD)
def test_the_rules_let_good_code_pass(name: str, text: str) -> None:
    module = Module.of(name, text)
    assert [*climbs(module), *reaches_inside(module), *crosses(module)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("vestibule.demo", "import practice"), ("practice.app", "from vestibule.kit.ids import new_id"), ("practice.app", "import vestibule")],
)
def test_the_rule_about_sharing_can_fail(name: str, text: str) -> None:
    assert list(crosses(Module.of(name, text)))


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
