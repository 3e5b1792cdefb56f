"""Texts by Azure Communication Services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from typing import Any, Final

from vestibule.adapters.carriers.asking import Misconfigured, Outside, ask_once, body_of, member, text_of, told
from vestibule.adapters.carriers.azure.codes import of_answer, of_recipient
from vestibule.adapters.carriers.azure.hooks import read_hook
from vestibule.adapters.carriers.azure.signing import question, signed
from vestibule.adapters.carriers.meaning import CHECK, MISCONFIGURED, SEND, busy, lost, no, not_signed_in, senseless
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer
from vestibule.messages.model import Accepted, Account, Outgoing, Refused
from vestibule.messages.ports import Hook, HookAnswer

VERSION: Final = "2021-03-07"  # of the SMS interface: the one every official library speaks
NUMBERS_VERSION: Final = "2022-12-01"
_ACCEPTED: Final = 202
_REFUSED: Final = 400  # and above
_TOO_MANY: Final = 429
_FAULT: Final = 500
_REFUSALS: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Azure:
    """The port `Carrier` for Azure Communication Services.

    Attributes:
        outside: the outbound door.
    """

    outside: Outside
    clock: Clock

    @property
    def answers_keywords(self) -> bool:
        """The network answers STOP and START of toll-free numbers, and nobody can keep it from doing so; short codes answer as set up."""
        return True

    async def send(self, account: Account, message: Outgoing) -> Accepted | Refused:
        """Send to one recipient, under our own id: the other side takes it once, however often it hears it."""
        try:
            ask = question(account, "POST", "/sms", phase=SEND, version=VERSION, body=self._body(message))
            ask, signature = signed(account, ask, self.clock.now())
            answer = await ask_once(self.outside, ask, self.clock, bearer=signature)
        except Misconfigured:
            return MISCONFIGURED.refused()
        return _judged(answer)

    def read_hook(self, account: Account, hook: Hook) -> HookAnswer:
        """Event Grid's deliveries, and its handshakes."""
        return read_hook(account, hook)

    async def check(self, account: Account) -> None:
        """List one number of the resource."""
        try:
            ask = question(account, "GET", "/phoneNumbers", phase=CHECK, version=NUMBERS_VERSION, query={"top": "1"})
            ask, signature = signed(account, ask, self.clock.now())
            answer = await ask_once(self.outside, ask, self.clock, bearer=signature)
        except Misconfigured:
            raise not_signed_in(MISCONFIGURED) from None
        if answer.status in _REFUSALS:
            raise not_signed_in(of_answer(answer.status, ""))
        told(answer, CHECK)

    def _body(self, message: Outgoing) -> dict[str, Any]:
        first = format_datetime(self.clock.now().astimezone(UTC), usegmt=True)
        recipient = {"to": message.to, "repeatabilityRequestId": str(message.id), "repeatabilityFirstSent": first}
        options = {"enableDeliveryReport": True, "tag": str(message.id)}
        return {"from": message.sender.address, "smsRecipients": [recipient], "message": message.text, "smsSendOptions": options}


def _judged(answer: Answer) -> Accepted | Refused:
    """The request's own fate, then the recipient's."""
    body = body_of(answer)
    if not answer.success:
        return no(of_answer(answer.status, text_of(member(body, "error"), "message", 2000)))
    results = member(body, "value")
    if not isinstance(results, list) or len(results) != 1:
        raise senseless()
    one, status = results[0], member(results[0], "httpStatusCode")
    if member(one, "successful") is True and text_of(one, "messageId"):
        return Accepted(text_of(one, "messageId"))
    if member(one, "successful") is not False or isinstance(status, bool) or not isinstance(status, int) or status < _REFUSED:
        raise senseless()
    if status == _TOO_MANY:
        raise busy(None)
    if status >= _FAULT:
        raise lost()
    return no(of_recipient(status, text_of(one, "errorMessage", 2000)))
