"""Pages: Jinja templates on one layout, with our own assets and nobody else's.

    return page(request, "visits/console.html", visit=visit)

Every template extends `layout.html` and may use `_()`, `ngettext()`, `asset("room/room.js")`, `reference`, `principal`.
"""

from __future__ import annotations

from typing import Any

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from litestar.response import Response

from vestibule.platform.web import i18n
from vestibule.platform.web.assets import Assets
from vestibule.platform.web.config import WEB, WebConfig


class _Compiled(BytecodeCache):
    """What templates were compiled to, for every application of the process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill in what is known of this very text."""
        if kept := self._kept.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Remember it."""
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class Pages:
    """Renders templates; one for the application."""

    def __init__(self, config: WebConfig, assets: Assets) -> None:
        self._support_phone = config.support_phone
        self._items = config.nav
        self._env = Environment(
            loader=FileSystemLoader([WEB / "templates", *config.templates]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
            bytecode_cache=_COMPILED,
        )
        self._env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
        self._env.globals["asset"] = assets.url
        self._env.globals["beside"] = list(config.beside)
        self._env.globals["regions"] = list(config.regions)

    def render(self, request: Any, template: str, **context: Any) -> str:
        """The page as text."""
        state = request.scope["state"]
        language = i18n.language()
        facts = {
            "language": language.replace("_", "-"),
            "direction": i18n.direction(language),
            "reference": state["reference"],
            "principal": state.get("principal"),
            "nav": self._nav(state.get("principal")),
            "support_phone": state.get("support_phone", self._support_phone),
            "brand": state.get("brand", "Vestibule"),
        }
        return self._env.get_template(template).render({**facts, **context})

    def _nav(self, who: Any) -> list[tuple[str, str, str]]:
        """The menu as this person sees it: (address, words, icon); nothing for who is no member of staff."""
        if getattr(who, "member", None) is None:
            return []
        mine = [item for item in self._items if not item.roles or item.roles & who.roles]
        return [(f"/s/{who.session}/{item.path}", i18n.gettext(item.label), item.icon) for item in mine]


def page(request: Any, template: str, *, status: int = 200, **context: Any) -> Response[Any]:
    """Answer with a rendered template."""
    content = request.app.state.pages.render(request, template, **context)
    return Response(content, status_code=status, media_type="text/html", headers={"content-language": i18n.language().replace("_", "-")})


def staff_page(request: Any, principal: Any, template: str, **context: Any) -> Response[Any]:
    """The same for whoever works here: without the telephone that patients are given, and with the base of the session's addresses."""
    return page(request, template, support_phone="", base=f"/s/{principal.session}", **context)


def see_other(path: str) -> Response[Any]:
    """Send the browser on, with GET (303)."""
    return Response(b"", status_code=303, media_type="text/plain", headers={"location": path})
