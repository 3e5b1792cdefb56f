"""What the Twilio-like carrier tells its customers: signed webhooks, tried again as the URL's fragment says, and TwiML read back."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urldefrag, urlencode
from uuid import uuid4
from xml.parsers import expat

from practice.carriers.exchange import Exchange
from practice.carriers.hooks import Reply
from practice.carriers.model import TwilioAccount

AGENT = "PracticeProxy/1.1"
_MOST_TRIES = 5
_CLIENT_ERROR, _SERVER_ERROR = 4, 5  # the hundreds of a status


def sign(token: str, url: str, params: Mapping[str, str]) -> str:
    """HMAC-SHA1 over the URL and the parameters in the order of their names, as documented for X-Twilio-Signature."""
    text = url + "".join(f"{name}{params[name]}" for name in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass(frozen=True)
class Insistence:
    """Connection overrides in a URL's fragment: how often to try again (`rc`), and after what (`rp`)."""

    again: int
    after: frozenset[str]

    @classmethod
    def read(cls, fragment: str) -> Insistence:
        """One more try after a failed connection, unless the fragment says otherwise."""
        said = parse_qs(fragment)
        count = said.get("rc", ["1"])[0]
        after = frozenset(said.get("rp", ["ct"])[0].split(","))
        return cls(min(int(count), _MOST_TRIES) if count.isdecimal() else 1, after)

    def wants(self, reply: Reply) -> bool:
        """Whether an answer is one after which to try again."""
        if reply.good or reply.why == "elsewhere":
            return False
        kind = {0: {"connect": "ct", "timeout": "rt"}.get(reply.why, ""), _CLIENT_ERROR: "4xx", _SERVER_ERROR: "5xx"}
        return "all" in self.after or kind.get(reply.status // 100, "") in self.after


async def post(
    exchange: Exchange, account: TwilioAccount, url: str, params: Mapping[str, str], *, method: str = "POST", token: str = ""
) -> Reply:
    """Call a webhook until it is taken or the tries are used up. `token` signs instead of the account's: a forgery."""
    where, fragment = urldefrag(url)
    insistence = Insistence.read(fragment)
    body: bytes | None = urlencode(params).encode()
    if method == "GET":
        where, body = f"{where}{'&' if '?' in where else '?'}{urlencode(params)}", None
    headers = {
        "X-Twilio-Signature": sign(token or account.token, where, params if body is not None else {}),
        "I-Twilio-Idempotency-Token": str(uuid4()),  # the same one when it is tried again
        "User-Agent": AGENT,
        "Accept": "*/*",
        **({"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"} if body is not None else {}),
    }
    reply = await exchange.hooks.call(method, where, body, headers)
    for _ in range(insistence.again):
        if not insistence.wants(reply):
            break
        await asyncio.sleep(account.retry_seconds)
        reply = await exchange.hooks.call(method, where, body, headers)
    return reply


class _Twiml:
    """Collects the texts of `Response/Message` and `Response/Message/Body`."""

    def __init__(self) -> None:
        self.root = ""
        self.found: list[str] = []
        self._path: list[str] = []

    def start(self, name: str, _: Mapping[str, str]) -> None:
        """An element begins."""
        self.root = self.root or name
        self._path.append(name)
        if self._path == ["Response", "Message"]:
            self.found.append("")

    def end(self, _: str) -> None:
        """An element ends."""
        self._path.pop()

    def text(self, data: str) -> None:
        """Something stands in an element."""
        if self._path in (["Response", "Message"], ["Response", "Message", "Body"]):
            self.found[-1] += data


def read_twiml(body: bytes) -> list[str] | None:
    """The texts that a TwiML answer wants sent; None when it is not TwiML."""
    reader, parser = _Twiml(), expat.ParserCreate()
    # A document type could define entities without end; none is needed.
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError):
        return None
    return [one.strip() for one in reader.found if one.strip()] if reader.root == "Response" else None


def _no_doctype(*_: object) -> None:
    raise ValueError("a document type is not taken")
