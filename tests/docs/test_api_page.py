"""The page about the API lists what the routes are, and no route is without a description."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from architecture.source import ROOT
from vestibule.api.operations import Operation
from vestibule.api.routes import OPERATIONS


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api_page", ROOT / "bin" / "api_page.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_as_the_routes_are() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert page == writer().written(page), "run bin/api_page.py"


def test_every_route_describes_itself_under_a_name_of_its_own() -> None:
    names = [route.opt["api"].name for route in OPERATIONS if isinstance(route.opt.get("api"), Operation)]
    assert len(names) == len(OPERATIONS) == len(set(names))
