"""Where requests and credentials may go: addresses, redirects, origins. No packet leaves loopback: the tests say what names mean."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from structlog.testing import capture_logs

from support.raw_server import RawServer, ok, raw_server, redirect
from vestibule.errors import NotAllowed, VestibuleError
from vestibule.kit.exchange import Ask
from vestibule.platform.http import Call, Credentials, Http
from vestibule.platform.telemetry.logs import configure

SECRET = "Bearer t0p-s3cret"


class Names:
    """A name service of our own; every name means loopback unless said otherwise, and the answers may change."""

    def __init__(self) -> None:
        self.says: dict[str, list[Sequence[str]]] = {}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.says.get(host, [["127.0.0.1"]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
async def http(names: Names) -> AsyncIterator[Http]:
    door = Http(allow_loopback_http=True, lookup=names)
    yield door
    await door.close()


@pytest.fixture
async def strict(names: Names) -> AsyncIterator[Http]:
    """As in production: no loopback, no plain http."""
    door = Http(lookup=names)
    yield door
    await door.close()


async def refusal(http: Http, url: str, *, redirects: int = 0, bearer: Credentials | None = None) -> str:
    with pytest.raises(VestibuleError) as raised:
        await http.perform(Ask("GET", url, "test.phase"), redirects=redirects, bearer=bearer, timeout=3)
    assert raised.value.phase == "test.phase"
    return raised.value.code


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.8"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["0.0.0.0"],
        ["93.184.216.34", "127.0.0.1"],  # one good address does not excuse a bad one
    ],
)
async def test_a_name_that_leads_inside_is_refused_before_any_connection(strict: Http, names: Names, addresses: list[str]) -> None:
    async with raw_server(ok()) as server:
        names.says["ehr.example"] = [addresses]
        assert await refusal(strict, f"https://ehr.example:{server.port}/FHIR") == "outside-refused-address"
        assert server.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.1.2.3", "[::ffff:7f00:1]", "0.0.0.0"])
async def test_a_number_that_leads_inside_is_refused_without_any_look_up(strict: Http, names: Names, host: str) -> None:
    assert await refusal(strict, f"https://{host}/FHIR") == "outside-refused-address"
    assert names.asked == []


async def test_a_name_that_changes_its_mind_is_judged_every_time(http: Http, names: Names) -> None:
    """DNS rebinding: the first answer is allowed, the second is not. The connection goes to what was judged."""
    names.says["ehr.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    async with raw_server(ok(b"{}", "Connection: close")) as server:
        assert (await http.perform(Ask("GET", server.at("ehr.example"), "p"))).status == 200
        assert names.asked == ["ehr.example"]  # looked up once: nothing between judging and connecting
        assert await refusal(http, server.at("ehr.example")) == "outside-refused-address"
        assert server.connections == 1


@pytest.mark.parametrize("url", ["http://ehr.example/FHIR", "http://127.0.0.1/FHIR"])
async def test_plain_http_is_refused(strict: Http, url: str) -> None:
    assert await refusal(strict, url) == "outside-insecure"


async def test_the_loopback_setting_does_not_open_plain_http_to_the_world(http: Http, names: Names) -> None:
    names.says["ehr.example"] = [["93.184.216.34"]]
    assert await refusal(http, "http://ehr.example/FHIR") == "outside-insecure"
    assert await refusal(http, "http://93.184.216.34/FHIR") == "outside-insecure"
    names.says["ehr.example"] = [["10.0.0.1"]]
    assert await refusal(http, "http://ehr.example/FHIR") == "outside-refused-address"


@pytest.mark.parametrize("url", ["https://user@ehr.example/", "https://2130706433/", "https://ehr.example\\@evil/", "ftp://ehr.example/"])
async def test_an_odd_url_is_refused_without_any_look_up(http: Http, names: Names, url: str) -> None:
    assert await refusal(http, url) == "outside-bad-url"
    assert names.asked == []


async def test_an_unknown_name_is_unreachable(http: Http, names: Names) -> None:
    names.says["nowhere.example"] = [[]]
    assert await refusal(http, "https://nowhere.example/") == "outside-unreachable"


async def test_a_redirect_is_an_answer_unless_somebody_wants_it_followed(http: Http) -> None:
    async with raw_server(ok()) as other, raw_server(redirect("/elsewhere")) as server:
        answer = await http.perform(Ask("GET", server.origin, "p"))
        assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
        assert other.connections == 0


async def test_a_redirect_to_another_origin_carries_nothing_that_could_be_a_secret(http: Http) -> None:
    async with raw_server(ok()) as evil, raw_server(redirect(evil.at("evil.example"))) as server:
        headers = {"Authorization": "Basic c2VjcmV0", "Epic-Client-ID": "secret", "X-Api-Key": "secret", "Accept": "application/json"}
        ask = Ask("GET", server.origin + "/FHIR", "p", headers)
        answer = await http.perform(ask, redirects=1, bearer=Credentials(server.origin, SECRET))
        assert answer.url.startswith(evil.at("evil.example"))
    assert server.heard[0].headers["authorization"] == SECRET
    got = evil.heard[0].headers
    assert set(got) == {"host", "accept", "accept-encoding", "user-agent"}


async def test_credentials_come_back_only_with_their_origin(http: Http) -> None:
    """A -> B -> A: the header the caller gave is gone after B, the Credentials are attached by origin alone."""
    back: list[RawServer] = []

    async def away(_heard: object, writer: object) -> None:
        writer.write(redirect(back[0].origin + "/final"))  # type: ignore[attr-defined]

    async def first(heard: object, writer: object) -> None:
        line = heard.line  # type: ignore[attr-defined]
        writer.write(ok() if "final" in line else redirect(b_origin))  # type: ignore[attr-defined]

    async with raw_server(away) as b, raw_server(first) as a:
        b_origin = b.origin
        back.append(a)
        ask = Ask("GET", a.origin, "p", {"X-Secret": "s"})
        await http.perform(ask, redirects=2, bearer=Credentials(a.origin, SECRET))
    assert "authorization" not in b.heard[0].headers
    assert a.heard[1].headers["authorization"] == SECRET
    assert "x-secret" not in a.heard[1].headers


@pytest.mark.parametrize(
    "vouched",
    [
        "http://127.0.0.1:{other}",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1.evil.example:{port}",
        "http://127.0.0.2:{port}",
    ],
)
async def test_credentials_of_another_origin_are_not_sent(http: Http, vouched: str) -> None:
    async with raw_server(ok()) as server:
        origin = vouched.format(port=server.port, other=server.port - 1)
        await http.perform(Ask("GET", server.origin + "/x", "p"), bearer=Credentials(origin, SECRET))
    assert "authorization" not in server.heard[0].headers


@pytest.mark.parametrize("spelling", ["http://EHR.Example.:{port}", "http://ehr.example:{port}/any/path?x"])
async def test_credentials_know_their_origin_in_any_spelling(http: Http, spelling: str) -> None:
    async with raw_server(ok()) as server:
        await http.perform(Ask("GET", server.at("ehr.example") + "/x", "p"), bearer=Credentials(spelling.format(port=server.port), SECRET))
    assert server.heard[0].headers["authorization"] == SECRET


async def test_a_secret_with_a_line_break_is_not_sent(http: Http) -> None:
    async with raw_server(ok()) as server:
        bad = Credentials(server.origin, "Bearer a\r\nX-Evil: 1")
        assert await refusal(http, server.origin, bearer=bad) == "outside-bad-header"
    assert server.connections == 0


async def test_every_hop_is_judged(http: Http, names: Names) -> None:
    names.says["inside.example"] = [["169.254.169.254"]]
    for location in ("https://inside.example/latest/meta-data", "https://169.254.169.254/", "https://10.0.0.1/"):
        async with raw_server(redirect(location)) as server:
            assert await refusal(http, server.origin, redirects=3) == "outside-refused-address"


@pytest.mark.parametrize(
    "location", ["https://user@evil.example/", "javascript:alert(1)", "http://2130706433/", "ftp://x/", "//[", "http://"]
)
async def test_a_redirect_to_nonsense_is_an_error(http: Http, location: str) -> None:
    async with raw_server(redirect(location)) as server:
        assert await refusal(http, server.origin, redirects=3) == "outside-redirect"


async def test_a_redirect_loop_ends(http: Http) -> None:
    async with raw_server(redirect("/again")) as server:
        assert await refusal(http, server.origin, redirects=4) == "outside-redirect"
        assert len(server.heard) == 5


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_post_is_never_redirected(http: Http, status: int) -> None:
    """A 307 from a token endpoint would carry the code and our assertion to whoever it names."""
    async with raw_server(ok()) as evil, raw_server(redirect(evil.origin, status)) as server:
        with pytest.raises(VestibuleError) as raised:
            await http.perform(Ask("POST", server.origin, "p", body=b"code=secret"), redirects=3)
        assert raised.value.code == "outside-redirect"
        assert evil.connections == 0


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The log as it is really written, after its own redaction."""
    stream = io.StringIO()
    configure("info", stream=stream)
    yield stream
    configure("warning")


async def test_a_log_line_says_where_and_how_and_never_what_or_whom(http: Http, written: io.StringIO) -> None:
    told: list[Call] = []
    http._on_call = told.append
    async with raw_server(ok(b'{"name":"CANARY"}', "X-Answer: CANARY")) as server:
        ask = Ask("GET", server.origin + "/R4/Patient/CANARY-1?name=CANARY", "read.patient", {"Authorization": "CANARY"}, b"CANARY")
        await http.perform(ask)
    assert "CANARY" not in written.getvalue() + repr(told)
    (line,) = map(json.loads, written.getvalue().splitlines())
    assert line["route"] == "/R4/Patient/{id}"
    assert (line["event"], line["method"], line["origin"], line["status"], line["phase"]) == (
        "outside",
        "GET",
        server.origin,
        200,
        "read.patient",
    )
    assert line["ms"] >= 0
    assert (told[0].status, told[0].code) == (200, "")


async def test_a_refusal_is_written_down_too(strict: Http) -> None:
    with capture_logs() as lines, pytest.raises(NotAllowed):
        await strict.perform(Ask("GET", "https://127.0.0.1/secret-path-1234", "p"))
    assert (lines[0]["code"], lines[0]["log_level"]) == ("outside-refused-address", "warning")


def test_credentials_do_not_show_their_secret() -> None:
    assert SECRET not in repr(Credentials("https://ehr.example", SECRET))
