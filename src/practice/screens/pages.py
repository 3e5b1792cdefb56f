"""Rendering: jinja2 with everything escaped, and a policy that lets no inline script run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from practice.hospital import HOSPITAL
from practice.times import instant, local, seconds

HERE = Path(__file__).parents[1]
ASSETS = HERE / "assets"
POLICY = "default-src 'self'; frame-src *; form-action *; base-uri 'none'; object-src 'none'"
UNFRAMED = f"{POLICY}; frame-ancestors 'none'"  # as Microsoft's sign-in and meetings are

_env = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_env.filters["clock"] = lambda at, zone: local(at, zone).strftime("%H:%M")
_env.filters["day"] = lambda at, zone: local(at, zone).strftime("%a %-d %b %Y")
_env.filters["field"] = lambda at, zone: local(at, zone).strftime("%Y-%m-%dT%H:%M")
_env.filters["zone"] = lambda at, zone: local(at, zone).strftime("%Z")
_env.filters["until"] = lambda at, minutes: instant(seconds(at) + minutes * 60)
_env.filters["initials"] = lambda name: "".join(word[:1] for word in name.split(",")[0].split()[:2]).upper()


def _plain(value: Any) -> str:
    """A setting in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_env.filters["plain"] = _plain
filters = _env.filters  # screens add their own


def page(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """An HTML answer."""
    house = request.app[HOSPITAL]
    text = _env.get_template(template).render(at=house.at, settings=house.book.settings, path=request.path, **context)
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


def missing(request: web.Request, what: str) -> web.Response:
    """A page that says what is not there."""
    return page(request, "message.html", status=404, title="Not found", text=what)


def bad(request: web.Request, why: str) -> web.Response:
    """A page that says what was wrong with what was sent."""
    return page(request, "message.html", status=400, title="That did not work", text=why)
