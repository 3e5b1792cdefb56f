"""What the web application needs to know; `wiring/` fills it from the settings, tests fill it by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from vestibule.errors import VestibuleError
from vestibule.platform.web.limits import RATES, Rate

WEB = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of proving a session's cookie.

    Attributes:
        principal: who is asking; None when the cookie is missing, wrong or over.
        frame_origins: who may frame this session's pages, the page that says it is over included.
        claimed: whose session it is that was not proved.
    """

    principal: Any | None = None
    frame_origins: tuple[str, ...] = ()
    claimed: Any | None = None


# (session id from the path, the value of its cookie or None) -> Proof. Identity gives it; platform knows no roles.
Prover = Callable[[UUID, str | None], Awaitable[Proof]]


# (a bearer token) -> the Caller it proves, or None.
TokenProver = Callable[[str], Awaitable[Any | None]]


async def no_caller(_token: str) -> None:
    """Prove no program: what holds until wiring names the real prover."""


@dataclass(frozen=True, slots=True)
class NavItem:
    """A line of the portal's menu.

    Attributes:
        path: below `/s/{session}/`, e.g. `connections`.
        label: English; translated when shown.
        roles: who sees it; empty means every member.
        icon: a symbol of `assets/icons.svg`.
    """

    path: str
    label: str
    roles: frozenset[str] = frozenset()
    icon: str = ""


# (the request's scope, the refusal) -> what is to happen besides the answer: it is written into the audit.
OnRefusal = Callable[[Any, VestibuleError], Awaitable[None]]


async def no_word(_scope: Any, _refusal: VestibuleError) -> None:
    """Tell nobody of refusals: what holds until wiring names the audit."""


async def nobody(_sid: UUID, _value: str | None) -> Proof:
    """Prove nobody: what holds until wiring names the real prover."""
    return Proof()


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the web application behaves.

    Attributes:
        origin: scheme, host and port under which browsers reach us, e.g. `https://visits.alder.example`. The Host header is never believed.
        prove: turns a session id and cookie into a Principal.
        glance: the same for what a page asks by itself, which is no use of the session; None: as `prove`.
        prove_token: turns a bearer token into a Caller.
        on_refusal: is told when somebody may not do what they ask.
        nav: the portal's menu, in order.
        beside: what else staff may open from a visit's pages, below `/s/{session}/`; for another visit than their own its id follows.
        templates: folders holding Jinja templates, searched in order after our own.
        assets: name in the URL -> folder, e.g. `{"room": .../adapters/meetings/room/assets}`; `web` is always there.
        trusted_proxies: networks whose X-Forwarded-For is believed.
        metrics_token: bearer token for /metrics; empty means loopback only.
        regions: other regions' names and the addresses of their sign-in.
        cells_token: what the cells of other regions show; empty means there are none.
        around: put between the front and the routes: what a request for another region's cell meets.
        rates: token buckets by path prefix; empty switches them off (benchmarks).
        max_body: bytes of a request body.
        larger: the same for paths that begin so, where more may come: Microsoft sends many notifications at once.
        support_phone: shown on error pages when no tenant is known.
    """

    origin: str
    prove: Prover = nobody
    glance: Prover | None = None
    prove_token: TokenProver = no_caller
    on_refusal: OnRefusal = no_word
    nav: Sequence[NavItem] = ()
    beside: Sequence[NavItem] = ()
    templates: Sequence[Path] = ()
    assets: Mapping[str, Path] = field(default_factory=dict)
    trusted_proxies: tuple[str, ...] = ()
    metrics_token: str = field(default="", repr=False)
    regions: Sequence[tuple[str, str]] = ()
    cells_token: str = field(default="", repr=False)
    around: Callable[[Any], Any] | None = None
    rates: Mapping[str, Rate] = field(default_factory=lambda: RATES)
    max_body: int = 256_000
    larger: Mapping[str, int] = field(default_factory=lambda: {"/meetings/teams/": 1_000_000})
    support_phone: str = ""

    @property
    def secure(self) -> bool:
        """True when browsers reach us over https."""
        return self.origin.startswith("https://")

    @property
    def socket_origin(self) -> str:
        """Our origin as WebSockets write it; older Safari does not count it under 'self'."""
        parts = urlsplit(self.origin)
        return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
