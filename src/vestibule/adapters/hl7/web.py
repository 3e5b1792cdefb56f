"""HL7 over HTTPS: the same inbox by POST, in this process because only so is the client's certificate seen.

As the HL7-over-HTTP draft of the HAPI project has it: an acknowledgement, also a negative one, is an answer with status 200; any other
status means that the transport failed, and has no HL7 in it. A sender may be set to want 400 and 500 for AR and AE instead.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from vestibule.adapters.hl7.answering import problem_of, telling
from vestibule.adapters.hl7.charsets import settle
from vestibule.adapters.hl7.desk import Desk
from vestibule.adapters.hl7.proving import Claim, Signers
from vestibule.adapters.hl7.tls import shown_key
from vestibule.errors import BadInput, NotAllowed, NotFound, NotSignedIn, TooLarge, Unavailable, VestibuleError
from vestibule.feed.model import Sender, Verdict, Via
from vestibule.feed.ports import Senders
from vestibule.kit.origins import is_loopback_host
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import exposition
from vestibule.protocols.hl7v2 import Header, header

PATH: Final = "/hl7"
TYPES: Final = ("x-application/hl7-v2+er7", "application/hl7-v2+er7", "text/plain")
_CHUNK: Final = 65_536
_PHASE: Final = "feed.take"
_STATUS: Final = {b"AE": 500, b"CE": 500, b"AR": 400, b"CR": 400}
_NAME: Final = {"Server": "Vestibule"}
_CHARSETS: Final = {"utf-16-le": "utf-16", "utf-16-be": "utf-16"}


class Twin:
    """The HTTP side of the listener. `signers` and `healthy` are set from outside."""

    def __init__(self, desk: Desk, senders: Senders, *, metrics_token: str, healthy: Callable[[], bool]) -> None:
        """Say what stands behind it.

        Args:
            desk: where messages go.
            senders: who may send.
            metrics_token: who shows it may read the metrics from elsewhere.
            healthy: what `/health` answers.
        """
        self.signers = Signers(())
        self._desk = desk
        self._senders = senders
        self._metrics_token = metrics_token
        self._healthy = healthy
        # aiohttp closes who has not sent a whole head this long after connecting, or after its last answer.
        self._server = web.Server(
            self._handle,
            keepalive_timeout=desk.limits.patience,
            access_log=None,
            max_field_size=_CHUNK,
            auto_decompress=False,
            lingering_time=1.0,
        )

    def make(self) -> RequestHandler:
        """A protocol for one connection."""
        return self._server()

    @property
    def connections(self) -> list[str]:
        """Addresses of those that are open."""
        transports = (handler.transport for handler in self._server.connections)
        return [str((transport.get_extra_info("peername") or ("",))[0]).removeprefix("::ffff:") for transport in transports if transport]

    async def stop(self) -> None:
        """Let what is being answered be answered, then close."""
        self._server.pre_shutdown()
        await self._server.shutdown(2.0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        routes: dict[tuple[str, str], Callable[[web.BaseRequest], Awaitable[web.Response]]] = {
            ("POST", PATH): self._take,
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
        }
        try:
            return await routes.get((request.method, request.path), _nowhere)(request)
        except VestibuleError as error:
            return _failed(error)
        except (ConnectionError, web.HTTPException):
            raise
        except Exception:  # noqa: BLE001  whatever it is, the sender learns that its message was not taken, and nothing else
            log.exception("feed-request-failed")
            return _failed(Unavailable("unexpected", "Something went wrong on our side.", phase=_PHASE))

    async def _take(self, request: web.BaseRequest) -> web.Response:
        """Who sends first, then what."""
        sender, claim = await self._prove(request)
        if request.content_type not in TYPES or request.headers.get("Content-Encoding", "identity") != "identity":
            raise BadInput("hl7-content-type", f"The content type must be one of {', '.join(TYPES)}, not compressed.", phase=_PHASE)
        body = await self._read(request)
        if claim is not None:
            self._believe(claim, body, request, sender)
        return await self._answer(body, request, sender, Via.SIGNED if claim else Via.HTTPS)

    async def _prove(self, request: web.BaseRequest) -> tuple[Sender, Claim | None]:
        tls = request.transport.get_extra_info("ssl_object") if request.transport else None
        key, claim = shown_key(tls if isinstance(tls, ssl.SSLObject) or hasattr(tls, "getpeercert") else None), None
        if not key:
            claim = self.signers.claim(request.headers)
            if claim is None:
                self._refuse("no-proof", request, None)
            key = claim.signer.key_hash
        sender = await self._senders.by_key(key)
        if sender is None:
            self._refuse("unknown-key", request, None)
        return sender, claim

    def _refuse(self, reason: str, request: web.BaseRequest, sender: Sender | None) -> NoReturn:
        self._desk.refusals.refused(reason, str(request.remote or ""), sender)
        sentence = "Show a client certificate that was uploaded for the connection, or sign the body with its key."
        raise (NotSignedIn if reason == "no-proof" else NotAllowed)("feed-sender-unknown", sentence, phase=_PHASE)

    def _believe(self, claim: Claim, body: bytes, request: web.BaseRequest, sender: Sender) -> None:
        try:
            claim.prove(body)
        except BadInput as error:
            self._desk.refusals.refused(error.code, str(request.remote or ""), sender)
            raise

    async def _read(self, request: web.BaseRequest) -> bytes:
        """The body, as long as it is not too large and comes fast enough."""
        limits, body = self._desk.limits, bytearray()
        began = asyncio.get_running_loop().time()
        if (request.content_length or 0) > limits.message_bytes:
            raise TooLarge("hl7-too-large", "The message is larger than is taken here.", phase=_PHASE)
        try:
            while True:
                async with asyncio.timeout_at(began + limits.allowed(len(body))):
                    chunk = await request.content.readany()
                if not chunk:
                    return bytes(body)
                body += chunk
                if len(body) > limits.message_bytes:
                    raise TooLarge("hl7-too-large", "The message is larger than is taken here.", phase=_PHASE)
        except TimeoutError as error:
            raise BadInput("body-too-slow", "The message did not come in time.", phase=_PHASE) from error

    async def _answer(self, body: bytes, request: web.BaseRequest, sender: Sender, via: Via) -> web.Response:
        desk = self._desk
        try:
            body = settle(body, request.charset or "")
        except BadInput:
            head = header(body)
            desk.count(via, "refused")
            return _response(head, desk.answers.refusal(head, "hl7-charset"), request, sender)
        head = header(body)
        problem = problem_of(head)
        if problem:
            desk.count(via, "refused")
            return _response(head, desk.answers.refusal(head, problem), request, sender)
        try:
            verdict = await self._ask(body, head, sender, via)
        except VestibuleError as error:
            desk.count(via, "failed")
            if error.code in {"group-closed", "group-full", "feed-waiting"}:
                raise
            return _response(head, desk.answers.failure(head, error), request, sender)
        desk.count(via, verdict)
        return _response(head, desk.answers.verdict(head, verdict), request, sender)

    async def _ask(self, body: bytes, head: Header, sender: Sender, via: Via) -> Verdict:
        future = self._desk.take(body, head, sender, via)
        done, _ = await asyncio.wait([future], timeout=self._desk.limits.hold)
        if not done:  # it may still be stored; it was not acknowledged, so it will be sent again
            raise Unavailable("feed-waiting", "The message waits for the database; send it again.", phase=_PHASE, retry_after=30)
        return future.result()

    async def _health(self, _: web.BaseRequest) -> web.Response:
        good = self._healthy()
        return web.Response(status=200 if good else 503, text="ready\n" if good else "the database is away\n")

    async def _metrics(self, request: web.BaseRequest) -> web.Response:
        said = request.headers.get("Authorization", "")
        if self._metrics_token:
            if not hmac.compare_digest(said.encode(), f"Bearer {self._metrics_token}".encode()):
                raise NotSignedIn("metrics-token-missing", "A valid bearer token is needed.", phase=_PHASE)
        elif not is_loopback_host(str(request.remote or "")):
            raise NotAllowed("metrics-loopback-only", "Set a metrics token to ask from elsewhere.", phase=_PHASE)
        return web.Response(body=exposition(), content_type="text/plain", charset="utf-8")


def _response(head: Header, messages: list[bytes], request: web.BaseRequest, sender: Sender) -> web.Response:
    """The acknowledgement in the sender's own content type; no body where it wants none."""
    body = telling(messages)
    charset = _CHARSETS.get(head.codec, head.codec.replace("_", "-"))
    status = 200 if not sender.http_status else next((s for code, s in _STATUS.items() if _msa_1(body, head) == code), 200)
    return web.Response(status=status, body=body, headers={**_NAME, "Content-Type": f"{request.content_type}; charset={charset}"})


def _msa_1(body: bytes, head: Header) -> bytes:
    """MSA-1 of an acknowledgement of ours."""
    text = body.decode(head.codec, "replace")
    _, _, rest = text.partition("\rMSA")
    return rest[1:3].encode("ascii", "replace")


async def _nowhere(_: web.BaseRequest) -> web.Response:
    raise NotFound("hl7-not-here", f"Messages are taken by POST at {PATH}.", phase=_PHASE)


def _failed(error: VestibuleError) -> web.Response:
    """The transport's own failure: no HL7 in it."""
    headers = _NAME | ({"Retry-After": f"{error.retry_after:.0f}"} if error.retry_after else {})
    return web.Response(status=error.status, text=f"{error.sentence} ({error.code})\n", headers=headers)
