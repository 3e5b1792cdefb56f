"""Messages of the Twilio-like carrier: create, fetch, list."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from practice.carriers.exchange import Exchange
from practice.carriers.model import OwnedNumber, TwilioAccount
from practice.carriers.texts import Text, possible, segments, toll_free
from practice.carriers.twilio.answers import VERSION, Refusal, account_of, message_json, page_of
from practice.carriers.twilio.carrying import carry_out, sid
from practice.hospital import hospital

_LONGEST = 1600
_LONGEST_WAIT = 36_000  # ValidityPeriod, seconds


async def create(request: web.Request) -> web.Response:
    """Take a text, or refuse it by its code."""
    account = account_of(request)
    exchange = hospital(request).exchange
    form = {name: str(value) for name, value in (await request.post()).items()}
    if exchange.a_second.admit(account.sid, exchange.now(), account.per_second):
        exchange.journal.refuse(form.get("From", account.service))
        raise Refusal(20429)
    sender = _sender(exchange, account, form)
    _check(exchange, account, sender, form)
    text = Text(
        id=sid("SM"),
        carrier="twilio",
        account=account.sid,
        sender=sender.number,
        to=form["To"],
        text=form["Body"],
        segments=segments(form["Body"]),
        status="accepted" if form.get("MessagingServiceSid") else "queued",
        key=request.headers.get("I-Twilio-Idempotency-Token", ""),
        hook=form.get("StatusCallback", "") or sender.status_url,
        service=form.get("MessagingServiceSid", ""),
    )
    exchange.journal.accept(text)
    answer = message_json(text, None)
    exchange.soon(carry_out(exchange, account, text))
    return web.json_response(answer, status=201)


def _sender(exchange: Exchange, account: TwilioAccount, form: Mapping[str, str]) -> OwnedNumber:
    """The number that a text goes out from."""
    own = [one for one in exchange.book.numbers if one.carrier == "twilio" and one.owner == account.sid]
    if service := form.get("MessagingServiceSid", ""):
        if service != account.service:
            raise Refusal(21701, service)
        found = next((one for one in own if form.get("From") in {None, one.number}), None)
        if found is None:
            raise Refusal(21703, service)
        return found
    said = form.get("From", "")
    if not said:
        raise Refusal(21603)
    if not possible(said):
        raise Refusal(21212, said)
    found = next((one for one in own if one.number == said), None)
    if found is None:
        raise Refusal(21606, said)
    return found


def _check(exchange: Exchange, account: TwilioAccount, sender: OwnedNumber, form: Mapping[str, str]) -> None:
    """Everything that makes the carrier refuse a text at once."""
    to = form.get("To", "")
    if not to:
        raise Refusal(21604)
    if not possible(to):
        raise Refusal(21211, to)
    if to == sender.number:
        raise Refusal(21266)
    if not form.get("Body", ""):
        raise Refusal(21602)
    if len(form["Body"]) > _LONGEST:
        raise Refusal(21617)
    _check_options(form)
    if toll_free(sender.number) and not to.startswith("+1"):
        raise Refusal(21612, to)
    if exchange.phone(to).has("not_mobile"):
        raise Refusal(21614, to)
    if account.opt_out != "off" and (sender.number, to) in exchange.journal.opted_out:
        raise Refusal(21610, to)


def _check_options(form: Mapping[str, str]) -> None:
    hook = form.get("StatusCallback", "")
    if hook and (urlsplit(hook).scheme not in {"http", "https"} or not urlsplit(hook).hostname):
        raise Refusal(21609, hook)
    period = form.get("ValidityPeriod", "1")
    if not period.isdecimal() or not 1 <= int(period) <= _LONGEST_WAIT:
        raise Refusal(20001, "ValidityPeriod")


async def fetch(request: web.Request) -> web.Response:
    """One text of the account's own."""
    account = account_of(request)
    text = hospital(request).exchange.journal.texts.get(request.match_info["sid"])
    if text is None or text.account != account.sid:
        raise Refusal(20404, request.path)
    return web.json_response(message_json(text, text.code or None))


async def listed(request: web.Request) -> web.Response:
    """The account's texts, newest first; by To, From and day of sending."""
    account = account_of(request)
    query = request.query
    rows = [
        message_json(text, text.code or None)
        for text in reversed(hospital(request).exchange.journal.texts.values())
        if text.account == account.sid
        and query.get("To") in {None, text.to}
        and query.get("From") in {None, text.sender}
        and (not query.get("DateSent") or text.at.startswith(query["DateSent"][:10]))
    ]
    path = f"/{VERSION}/Accounts/{account.sid}/Messages.json"
    return web.json_response(page_of(rows, "messages", path, query))
