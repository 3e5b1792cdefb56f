"""Texts by Twilio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from vestibule.adapters.carriers.asking import Misconfigured, Outside, ask_once, body_of, text_of, told
from vestibule.adapters.carriers.meaning import CHECK, MISCONFIGURED, SEND, SUSPENDED, no, not_signed_in, senseless
from vestibule.adapters.carriers.twilio.account import base_of, credentials
from vestibule.adapters.carriers.twilio.codes import of_answer
from vestibule.adapters.carriers.twilio.hooks import OURS, read_hook
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer, Ask
from vestibule.messages.model import Accepted, Account, Outgoing, Refused
from vestibule.messages.ports import Hook, HookAnswer

FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
# Connection overrides: a receipt that we could not take is told again. A fragment is neither sent nor signed.
_AGAIN: Final = "#rc=4&rp=ct,rt,5xx"
_REFUSALS: Final = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True)
class Twilio:
    """The port `Carrier` for Twilio.

    Attributes:
        outside: the outbound door.
    """

    outside: Outside
    clock: Clock

    @property
    def answers_keywords(self) -> bool:
        """Twilio answers STOP, START and HELP itself unless that was switched off at its support."""
        return True

    async def send(self, account: Account, message: Outgoing) -> Accepted | Refused:
        """Create the message."""
        try:
            url = f"{base_of(account)}/Messages.json"
            ask = Ask("POST", url, SEND, FORM, urlencode(_fields(account, message)).encode())
            answer = await ask_once(self.outside, ask, self.clock, bearer=credentials(account, url))
        except Misconfigured:
            return MISCONFIGURED.refused()
        return _judged(answer, message)

    def read_hook(self, account: Account, hook: Hook) -> HookAnswer:
        """Its receipts and incoming texts."""
        return read_hook(account, hook)

    async def check(self, account: Account) -> None:
        """Read the account."""
        try:
            url = f"{base_of(account)}.json"
            answer = await ask_once(self.outside, Ask("GET", url, CHECK), self.clock, bearer=credentials(account, url))
        except Misconfigured:
            raise not_signed_in(MISCONFIGURED) from None
        if answer.status in _REFUSALS:
            raise not_signed_in(of_answer(text_of(body_of(answer), "code"), answer.status))
        if text_of(told(answer, CHECK), "status") in {"suspended", "closed"}:
            raise not_signed_in(SUSPENDED)


def _fields(account: Account, message: Outgoing) -> dict[str, str]:
    fields = {"To": message.to, "From": message.sender.address, "Body": message.text}
    service = str(account.settings.get("messaging_service_sid", ""))
    if service:
        fields["MessagingServiceSid"] = service
    if message.hook_url:
        mark = "&" if urlsplit(message.hook_url).query else "?"
        fields["StatusCallback"] = f"{message.hook_url}{mark}{urlencode({OURS: str(message.id)})}{_AGAIN}"
    return fields


def _judged(answer: Answer, message: Outgoing) -> Accepted | Refused:
    """Yes with a name, or no with a code; anything else leaves it open."""
    body = body_of(answer)
    if answer.success:
        sid, code = text_of(body, "sid"), text_of(body, "error_code")
        if not sid:
            raise senseless()
        if text_of(body, "status") in {"failed", "undelivered"}:
            return no(of_answer(code, 0))
        return Accepted(sid, final=not message.hook_url)
    return no(of_answer(text_of(body, "code"), answer.status))
