"""How a text travels at the Twilio-like carrier: out to a phone with its receipts, in from a phone with its webhook."""

from __future__ import annotations

import asyncio
import secrets

from practice.carriers.exchange import Exchange
from practice.carriers.model import OwnedNumber, TwilioAccount
from practice.carriers.phones import fate
from practice.carriers.texts import Text, keyword, segments, toll_free
from practice.carriers.twilio.answers import VERSION
from practice.carriers.twilio.callbacks import post, read_twiml

_NO_MARKS = str.maketrans("", "", "-:T")
_FORGER = "not-the-token-of-this-account"
_WHY = {
    30003: "The handset cannot be reached",
    30004: "The recipient blocks texts",
    30005: "There is no such handset",
    30006: "A landline, or a network that cannot be reached",
    30007: "Taken for spam by the network",
    30008: "The network does not say why",
    30032: "The toll-free number is not verified",
    30034: "The number's traffic is not registered",
}
_ANSWERS = {
    "STOP": "You have been unsubscribed and will get no more texts from this number. Reply START to get them again.",
    "START": "You will get texts from this number again. Reply HELP for help, STOP to unsubscribe.",
    "HELP": "Reply STOP to unsubscribe. Message and data rates may apply.",
}
_NETWORK = {
    "STOP": 'NETWORK MSG: You replied with the word "stop", which blocks all texts from this number. Text back "unstop" to get them again.',
    "START": 'NETWORK MSG: You replied with "unstop" and will get texts from this number again.',
}


def sid(kind: str) -> str:
    """A new identifier of the vendor's shape."""
    return kind + secrets.token_hex(16)


async def carry_out(exchange: Exchange, account: TwilioAccount, text: Text) -> None:
    """Bring a text to its phone, and tell the customer."""
    phone = exchange.phone(text.to)
    code = fate(text, phone, exchange.owned(text.sender), verify=account.verification)
    exchange.journal.change(text, status="sent")
    early = not phone.has("disorder")
    if early:
        await _tell(exchange, account, text)
    if code:
        exchange.journal.change(text, status="undelivered", code=code, why=_WHY[code])
    else:
        exchange.show(text, status="delivered")
    if phone.has("slow"):
        await asyncio.sleep(phone.seconds)
    await _tell(exchange, account, text)
    if not early:
        await _tell(exchange, account, text, status="sent")


async def _tell(exchange: Exchange, account: TwilioAccount, text: Text, *, status: str = "") -> None:
    """Post a text's status to its callback, as often as the phone's troubles say."""
    phone = exchange.phone(text.to)
    if not text.hook or phone.has("lost"):
        return
    said = status or text.status
    params = {
        "AccountSid": text.account,
        "ApiVersion": VERSION,
        "From": text.sender,
        "MessageSid": text.id,
        "MessageStatus": said,
        "SmsSid": text.id,
        "SmsStatus": said,
        "To": text.to,
        **({"MessagingServiceSid": text.service} if text.service else {}),
        **({"ErrorCode": str(text.code)} if text.code and said == text.status else {}),
        **({"RawDlrDoneDate": text.updated.translate(_NO_MARKS)[2:12]} if said != "sent" else {}),
    }
    for _ in range(3 if phone.has("duplicate") else 1):
        await post(exchange, account, text.hook, params)
    if phone.has("forged"):
        await post(exchange, account, text.hook, {**params, "MessageStatus": "undelivered", "ErrorCode": "30007"}, token=_FORGER)


async def carry_in(exchange: Exchange, account: TwilioAccount, number: OwnedNumber, text: Text) -> None:
    """A text from a phone: the carrier's own keywords first, then the customer's webhook, then what that answers."""
    word = keyword(text.text)
    if word in {"STOP", "START"} and account.opt_out != "off":
        was = (number.number, text.sender) in exchange.journal.opted_out
        exchange.journal.opt(number.number, text.sender, out=word == "STOP")
        if (word == "STOP") != was:
            _answer(exchange, text, (_NETWORK if toll_free(number.number) else _ANSWERS)[word])
    elif word == "HELP" and account.opt_out != "off":
        _answer(exchange, text, _ANSWERS["HELP"])
    if not number.sms_url:
        exchange.journal.change(text, hook="no webhook")
        return
    phone, params = exchange.phone(text.sender), _incoming(account, text, word)
    if phone.has("forged"):
        forged = {**params, "Body": "START" if word == "STOP" else "STOP", "MessageSid": sid("SM")}
        await post(exchange, account, number.sms_url, forged, method=number.sms_method, token=_FORGER)
    reply = await post(exchange, account, number.sms_url, params, method=number.sms_method)
    for _ in range(2 if phone.has("duplicate") else 0):
        await post(exchange, account, number.sms_url, params, method=number.sms_method)
    exchange.journal.change(text, hook=f"webhook {reply.status or reply.why}")
    for words in (read_twiml(reply.body) or []) if reply.good else []:
        _answer(exchange, text, words)


def _incoming(account: TwilioAccount, text: Text, word: str) -> dict[str, str]:
    """The parameters of a webhook for an incoming text."""
    return {
        "AccountSid": text.account,
        "ApiVersion": VERSION,
        "Body": text.text,
        "From": text.sender,
        "FromCountry": "US" if text.sender.startswith("+1") else "",
        "MessageSid": text.id,
        "NumMedia": "0",
        "NumSegments": str(text.segments),
        "SmsMessageSid": text.id,
        "SmsSid": text.id,
        "SmsStatus": "received",
        "To": text.to,
        "ToCountry": "US" if text.to.startswith("+1") else "",
        **({"OptOutType": word} if word and account.opt_out == "advanced" else {}),
    }


def _answer(exchange: Exchange, text: Text, words: str) -> None:
    """Show an answer to a phone's text. What a customer answers to a STOP is blocked; the carrier's own word gets through."""
    own = words in {*_ANSWERS.values(), *_NETWORK.values()}
    answer = Text(
        id=sid("SM"),
        carrier="twilio",
        account=text.account,
        sender=text.to,
        to=text.sender,
        text=words,
        way="auto",
        segments=segments(words),
    )
    exchange.journal.accept(answer)
    if not own and (text.to, text.sender) in exchange.journal.opted_out:
        exchange.journal.change(answer, status="failed", code=21610, why="The recipient has unsubscribed")
    else:
        exchange.show(answer, status="delivered")


def receive(exchange: Exchange, number: OwnedNumber, sender: str, words: str) -> Text:
    """A phone texts a number of an account; what follows happens beside."""
    account = exchange.account(number.owner)
    text = Text(
        id=sid("SM"),
        carrier="twilio",
        account=number.owner,
        sender=sender,
        to=number.number,
        text=words,
        way="in",
        status="received",
        segments=segments(words),
    )
    exchange.journal.accept(text)
    if account is not None:
        exchange.soon(carry_in(exchange, account, number, text))
    return text
