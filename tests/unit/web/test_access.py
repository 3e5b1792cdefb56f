"""Default deny, parameters by name, and the one shape of everything that goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from html import unescape
from typing import Any, Protocol
from uuid import UUID

import msgspec
import pytest
from litestar import Controller, Litestar, Request, get, post
from litestar.connection import ASGIConnection
from litestar.testing import AsyncTestClient

from vestibule import errors
from vestibule.identity.model import Principal, Role
from vestibule.kit.ids import SessionId, TenantId, new_id
from vestibule.platform.health.routes import ROUTES as HEALTH_ROUTES
from vestibule.platform.web.access import Access, guard
from vestibule.platform.web.app import access_table, build_app
from vestibule.platform.web.config import Proof, WebConfig
from vestibule.platform.web.cookies import Cookie, parse, set_cookie

ORIGIN = "http://testserver.local"
SID, OTHER = UUID(int=1), UUID(int=2)
CANARY = "Zebulon Quistgaard-Canary"
FRAMES = ("https://ehr.example",)


async def prove(sid: UUID, value: str | None) -> Proof:
    """Whoever shows `<role>-<number of the session>` is that."""
    role, _, number = (value or "").partition("-")
    if number != str(sid.int):
        return Proof(None, FRAMES)
    return Proof(Principal(SessionId(sid), TenantId(new_id()), Role(role), framed=True), FRAMES)


class Greeter(Protocol):
    """A service known only by its protocol."""

    def greet(self) -> str: ...


class Hello:
    def greet(self) -> str:
        return "hello"


class Move(msgspec.Struct):
    to: str
    times: int = 1


@get("/s/{sid:uuid}/me", access=Access.session())
async def me(principal: Principal, sid: UUID, greeter: Greeter, times: int = 1) -> dict[str, Any]:
    return {"role": principal.role, "same": sid == principal.session, "said": [greeter.greet()] * times}


@post("/s/{sid:uuid}/move", access=Access.session(Role.CLINICIAN), status_code=200)
async def move(data: Move) -> dict[str, Any]:
    return {"to": data.to, "times": data.times}


@get("/raise/{kind:str}", access=Access.PUBLIC)
async def fail(kind: str) -> None:
    if kind == "ours":
        raise ValueError(CANARY)
    raise getattr(errors, kind)("some-code", "Something calm.", phase="test.phase", retry_after=2.2)


@get("/cookies", access=Access.PUBLIC)
async def two_cookies(request: Request[Any, Any, Any]) -> None:
    set_cookie(request, Cookie("a", "1", "/"))
    set_cookie(request, Cookie("b", "2", "/x/", max_age=5))


@get("/nobody-said", status_code=200)
async def undeclared() -> str:
    return "open"


class Grouped(Controller):
    path = "/grouped"
    opt = {"access": Access.PUBLIC}  # noqa: RUF012  Litestar's own style

    @get("/{name:str}")
    async def named(self, name: str, greeter: Greeter) -> str:
        return f"{greeter.greet()} {name}"


@pytest.fixture
def app() -> Litestar:
    routes = [me, move, fail, two_cookies, Grouped, *HEALTH_ROUTES]
    return build_app(routes=routes, services={"greeter": Hello(), "pulse": None}, config=WebConfig(origin=ORIGIN, prove=prove))


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(app) as asking:
        yield asking


def as_(role: str, number: int = 1) -> dict[str, str]:
    return {"cookie": f"v_{UUID(int=number).hex}={role}-{number}", "origin": ORIGIN}


def test_an_application_with_a_route_that_says_nothing_does_not_start() -> None:
    with pytest.raises(RuntimeError, match="GET /nobody-said"):
        build_app(routes=[me, undeclared], services={"greeter": Hello()}, config=WebConfig(origin=ORIGIN))


def test_a_session_route_without_a_session_in_its_path_does_not_start() -> None:
    @get("/elsewhere", access=Access.session())
    async def misplaced() -> str:
        return ""

    with pytest.raises(RuntimeError, match="/elsewhere"):
        build_app(routes=[misplaced], services={}, config=WebConfig(origin=ORIGIN))


async def test_the_guard_refuses_what_got_past_the_start() -> None:
    connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection({"type": "http", "headers": []})  # type: ignore[typeddict-item]
    with pytest.raises(errors.NotAllowed, match="route-without-access"):
        await guard(connection, undeclared)


async def test_every_session_route_is_closed_to_everybody_without_that_session(app: Litestar, client: AsyncTestClient[Litestar]) -> None:
    closed = [(methods, path) for methods, path, who in access_table(app) if who.startswith("session")]
    assert closed
    for methods, path in closed:
        for cookie in ({}, as_("clinician", 2), {"cookie": f"v_{SID.hex}=clinician-2"}, {"cookie": "v_=; ;;"}):
            reply = await client.request(methods, path.replace("{sid}", str(SID)), headers={"origin": ORIGIN, **cookie})
            assert reply.status_code == 401, (methods, path, cookie)


def test_what_is_open_to_anyone_is_on_this_list(app: Litestar) -> None:
    ours = {path for _, path, who in access_table(app) if who == "anyone"}
    assert ours == {
        "/assets/{path}",
        "/cookies",
        "/favicon.ico",
        "/grouped/{name}",
        "/health/live",
        "/health/ready",
        "/raise/{kind}",
        "/robots.txt",
    }


@pytest.mark.parametrize(("role", "status"), [("clinician", 200), ("patient", 403), ("guest", 403), ("operator", 403)])
async def test_a_route_is_for_its_roles(client: AsyncTestClient[Litestar], role: str, status: int) -> None:
    reply = await client.post(f"/s/{SID}/move", json={"to": "room"}, headers=as_(role))
    assert reply.status_code == status


async def test_parameters_come_by_their_names(client: AsyncTestClient[Litestar]) -> None:
    reply = await client.get(f"/s/{SID}/me?times=2", headers=as_("patient"))
    assert reply.json() == {"role": "patient", "same": True, "said": ["hello", "hello"]}
    assert (await client.get("/grouped/you")).text == "hello you"


async def test_a_session_named_in_another_spelling_is_another_path_and_gets_no_cookie(client: AsyncTestClient[Litestar]) -> None:
    assert (await client.get(f"/s/{SID.hex}x/me", headers=as_("patient"))).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"to": 5}',
        b'{"times": 1}',
        b'{"to": "x", "times": "y"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
async def test_a_broken_body_is_a_calm_400(client: AsyncTestClient[Litestar], body: bytes) -> None:
    reply = await client.post(f"/s/{SID}/move", content=body, headers={**as_("clinician"), "content-type": "application/json"})
    assert reply.status_code == 400
    assert reply.json()["code"] == "request-invalid"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("BadInput", 400),
        ("NotSignedIn", 401),
        ("NotAllowed", 403),
        ("NotFound", 404),
        ("Conflict", 409),
        ("Gone", 410),
        ("TooLarge", 413),
        ("TooMany", 429),
        ("OutsideFailed", 502),
        ("Unavailable", 503),
    ],
)
async def test_a_problem_has_one_shape_for_programs_and_one_for_people(client: AsyncTestClient[Litestar], kind: str, status: int) -> None:
    reply = await client.get(f"/raise/{kind}", headers={"accept": "application/json"})
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["retry-after"] == "3"
    problem = reply.json()
    assert problem.pop("title")
    assert problem == {
        "type": "urn:vestibule:problem:some-code",
        "status": status,
        "detail": "Something calm.",
        "code": "some-code",
        "phase": "test.phase",
        "reference": reply.headers["x-reference"],
        "permanent": status not in {429, 502, 503},
    }
    page = await client.get(f"/raise/{kind}", headers={"accept": "text/html,*/*;q=0.8"})
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    for shown in ("Something calm.", "some-code", page.headers["x-reference"]):
        assert shown in unescape(page.text)


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
async def test_nobody_sees_the_inside_of_a_mistake_of_ours(client: AsyncTestClient[Litestar], accept: str) -> None:
    reply = await client.get("/raise/ours", headers={"accept": accept})
    assert reply.status_code == 500
    for inside in (CANARY, "ValueError", "Traceback", ".py", "line "):
        assert inside not in reply.text
    assert reply.headers["x-reference"] in reply.text


async def test_a_reference_is_never_given_twice(client: AsyncTestClient[Litestar]) -> None:
    references = {(await client.get("/health/live")).headers["x-reference"] for _ in range(50)}
    assert len(references) == 50


async def test_a_page_that_has_expired_in_its_frame_may_still_be_shown_there(client: AsyncTestClient[Litestar]) -> None:
    reply = await client.get(f"/s/{SID}/me", headers={"sec-fetch-dest": "iframe"})
    assert reply.status_code == 401
    assert "frame-ancestors 'self' https://ehr.example" in reply.headers["content-security-policy"]
    assert "x-frame-options" not in reply.headers


async def test_pages_for_anyone_are_framed_by_nobody(client: AsyncTestClient[Litestar]) -> None:
    reply = await client.get("/nowhere", headers={"accept": "text/html"})
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-frame-options"] == "DENY"


async def test_any_number_of_cookies_go_out_with_any_answer(client: AsyncTestClient[Litestar]) -> None:
    reply = await client.get("/cookies")
    assert reply.headers.get_list("set-cookie") == [
        "a=1; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
        "b=2; Path=/x/; Max-Age=5; HttpOnly; Secure; SameSite=None; Partitioned",
    ]


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("a=1; a=2", {"a": "1"}),
        ("a==x=", {"a": "=x="}),
        ("a; =b; ;", {"": "b"}),
    ],
)
def test_a_cookie_header_is_read(header: str, cookies: dict[str, str]) -> None:
    assert parse(header) == cookies


async def test_every_answer_carries_the_headers_even_when_no_route_was_found(client: AsyncTestClient[Litestar]) -> None:
    for path in ("/", "/nowhere", "/health/live", "/assets/nothing.js", f"/s/{SID}/me", "/raise/ours"):
        reply = await client.get(path)
        for name in (
            "content-security-policy",
            "permissions-policy",
            "referrer-policy",
            "x-content-type-options",
            "x-reference",
            "cache-control",
        ):
            assert name in reply.headers, (path, name)


async def test_assets_are_kept_for_ever_under_their_version_and_asked_again_without(
    app: Litestar, client: AsyncTestClient[Litestar]
) -> None:
    url = app.state.assets.url("web/vestibule.css")
    kept = await client.get(url)
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-encoding"] == "gzip"
    plain = await client.get("/assets/web/vestibule.css")
    assert plain.headers["cache-control"] == "no-cache"
    again = await client.get("/assets/web/vestibule.css", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    old = await client.get(url.replace(app.state.assets.version, "0123456789"))
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["../app.py", "..%2fapp.py", "web/../../app.py", "web/", "web", "", "//etc/passwd", "%00"])
async def test_nothing_but_assets_can_be_read_as_an_asset(client: AsyncTestClient[Litestar], path: str) -> None:
    assert (await client.get(f"/assets/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("token", "header", "status"), [("", "", 200), ("secret", "", 401), ("secret", "Bearer wrong", 401), ("secret", "Bearer secret", 200)]
)
async def test_metrics_are_for_this_machine_or_for_the_token(token: str, header: str, status: int) -> None:
    app = build_app(routes=HEALTH_ROUTES, services={"pulse": None}, config=WebConfig(origin=ORIGIN, metrics_token=token))
    async with AsyncTestClient(app) as client:
        reply = await client.get("/metrics", headers={"authorization": header})
    assert reply.status_code == status
    assert ("vestibule_http_requests_total" in reply.text) == (status == 200)


async def test_metrics_without_a_token_are_closed_to_other_machines() -> None:
    config = WebConfig(origin=ORIGIN, trusted_proxies=("127.0.0.0/8",))
    async with AsyncTestClient(build_app(routes=HEALTH_ROUTES, services={"pulse": None}, config=config)) as client:
        assert (await client.get("/metrics", headers={"x-forwarded-for": "192.0.2.1"})).status_code == 403


async def test_the_metrics_name_routes_never_paths(client: AsyncTestClient[Litestar]) -> None:
    await client.get(f"/grouped/{CANARY}")
    await client.get(f"/nowhere/{CANARY}")
    text = (await client.get("/metrics")).text
    assert 'route="/grouped/{name}"' in text
    assert "Canary" not in text


def test_the_table_of_access_is_readable(app: Litestar) -> None:
    assert ("POST", "/s/{sid}/move", "session: clinician") in access_table(app)
    assert json.dumps(access_table(app))
