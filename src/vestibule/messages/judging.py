"""Is what an administrator entered about messages usable? Field -> code; each code has its sentence here and its row in the reference."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from vestibule.kit.smstext import segments
from vestibule.messages.model import Account, CarrierKind, Channel, Policy, Purpose, Sender, Wording
from vestibule.messages.readymade import LANGUAGES
from vestibule.messages.rendering import PLACEHOLDERS
from vestibule.platform.web.i18n import gettext as _
from vestibule.tenancy.judging import name_code, sentence_of, url_code
from vestibule.visits.model import Place

MOST_REMINDERS: Final = 20
LONGEST_GAP: Final = 120  # minutes
LONGEST_REMINDER: Final = 60 * 24 * 60  # minutes: sixty days
_MOST_SEGMENTS: Final = 6
_MOST_PER_MINUTE: Final = 100_000
_MOST_PREFIXES: Final = 100
_LONGEST_TEXT: Final = 4000
_LONGEST_SUBJECT: Final = 200
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}")
_PREFIX = re.compile(r"\+[0-9]{1,14}")
_HOST_PORT = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
_VISIBLE = re.compile(r"[\x21-\x7e]{0,200}")
_SECRET = re.compile(r"[\x20-\x7e]{0,1000}")
_API_KEY: Final = "SK"  # what the names of Twilio's keys begin with
_PRICE = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,5})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_BRACES = re.compile(r"[{}]")
_HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORTENER = re.compile(r"\b(?:bit\.ly|tinyurl\.com|goo\.gl|t\.co|ow\.ly|is\.gd|rb\.gy|cutt\.ly|rebrand\.ly)/", re.IGNORECASE)


def needs_link(purpose: Purpose, place: Place) -> bool:
    """Whether a text is of no use without its link: whoever comes to the clinic needs none, except for a visit that begins now."""
    return purpose is Purpose.DIRECT or (place is Place.HOME and purpose is not Purpose.CANCELLED)


def judge_account(one: Account, *, loopback: bool, plain_mail: bool = False) -> dict[str, str]:
    """What is wrong with an account.

    Args:
        one: as somebody entered it.
        loopback: allow what only development needs: plain HTTP here, mail without TLS here, the console.
        plain_mail: allow mail servers without TLS; the door for mail calls them in the networks an operator named, and nowhere else.
    """
    found = {
        "name": name_code(one.name),
        "user": "" if _VISIBLE.fullmatch(one.user) else "client-id-characters",
        "secret": "" if _SECRET.fullmatch(one.secret) else "secret-characters",
        "hook_secret": "" if _SECRET.fullmatch(one.hook_secret) else "secret-characters",
        "price": "" if not (price := str(one.settings.get("price", ""))) or _PRICE.fullmatch(price) else "price-malformed",
        "currency": "" if not (money := str(one.settings.get("currency", ""))) or _CURRENCY.fullmatch(money) else "currency-malformed",
    }
    return _wrong({**_judge_kind(one, loopback=loopback, plain_mail=plain_mail), **{name: code for name, code in found.items() if code}})


def _judge_kind(one: Account, *, loopback: bool, plain_mail: bool) -> dict[str, str]:
    """What this kind of carrier needs."""
    if one.kind is CarrierKind.TWILIO:
        return {
            "endpoint": url_code(one.endpoint, loopback_http=loopback),
            "user": "" if one.user else "field-required",
            "secret": "" if one.secret else "field-required",
            **_key_codes(one),
        }
    if one.kind is CarrierKind.AZURE:
        return {
            "endpoint": url_code(one.endpoint, loopback_http=loopback) if one.endpoint else "field-required",
            "secret": _key_code(one.secret),
        }
    if one.kind is CarrierKind.SMTP:
        return {"endpoint": _mail_code(one.endpoint), "tls": _tls_code(one, loopback=loopback, plain=plain_mail)}
    return {"kind": "" if loopback else "carrier-console-closed"}


def _key_code(secret: str) -> str:
    """An access key is base64."""
    try:
        return "" if base64.b64decode(secret, validate=True) else "field-required"
    except (binascii.Error, ValueError):
        return "access-key-malformed"


def _mail_code(endpoint: str) -> str:
    if not endpoint:
        return "field-required"
    port = endpoint.rpartition(":")[2]
    good = _HOST_PORT.fullmatch(endpoint) and not (port.isdecimal() and not 0 < int(port) <= 65535)  # noqa: PLR2004  the ports there are
    return "" if good else "mail-server-malformed"


def _key_codes(one: Account) -> dict[str, str]:
    """An API key signs in and proves no receipt: the account it belongs to and that account's token are needed besides."""
    if not one.user.startswith(_API_KEY):
        return {}
    return {
        "account_sid": "" if one.settings.get("account_sid") else "field-required",
        "hook_secret": "" if one.hook_secret else "field-required",
    }


def _tls_code(one: Account, *, loopback: bool, plain: bool) -> str:
    tls = one.settings.get("tls", "starttls")
    if tls not in {"starttls", "implicit", "none"}:
        return "choice-unknown"
    here = loopback and _LOOPBACK.fullmatch(one.endpoint)
    return "mail-without-tls" if tls == "none" and not (plain or here) else ""


def judge_sender(one: Sender) -> dict[str, str]:
    """What is wrong with a sender."""
    return _wrong(
        {
            "address": _address_code(one),
            "name": "" if not one.name else name_code(one.name),
            "per_minute": "" if 1 <= one.per_minute <= _MOST_PER_MINUTE else "rate-range",
            "excluded": _prefixes_code(one.excluded),
        }
    )


def _address_code(one: Sender) -> str:
    if not one.address:
        return "field-required"
    if one.channel is Channel.EMAIL:
        return "" if is_email(one.address) else "email-malformed"
    good = is_phone(one.address) or _SHORT_CODE.fullmatch(one.address) or _ALPHANUMERIC.fullmatch(one.address)
    return "" if good else "sender-malformed"


def _prefixes_code(prefixes: tuple[str, ...]) -> str:
    if len(prefixes) > _MOST_PREFIXES:
        return "too-many-entries"
    return "" if all(_PREFIX.fullmatch(one) for one in prefixes) else "prefix-malformed"


def is_phone(text: str) -> bool:
    """An E.164 number."""
    return bool(_E164.fullmatch(text))


def is_email(text: str) -> bool:
    """An e-mail address as people have them."""
    return len(text) <= 254 and ".." not in text and bool(_EMAIL.fullmatch(text))  # noqa: PLR2004  RFC 5321


def judge_policy(one: Policy) -> dict[str, str]:
    """What is wrong with a policy."""
    count_code = "too-many-entries" if len(one.reminders) > MOST_REMINDERS else ""
    range_code = "" if all(1 <= minutes <= LONGEST_REMINDER for minutes in one.reminders) else "reminder-range"
    return _wrong(
        {
            "reminders": count_code or range_code or ("" if len(set(one.reminders)) == len(one.reminders) else "reminder-twice"),
            "language": "" if one.language in LANGUAGES else "choice-unknown",
            "gap_minutes": "" if 0 <= one.gap_minutes <= LONGEST_GAP else "gap-range",
        }
    )


def judge_wording(one: Wording) -> dict[str, str]:
    """What is wrong with a text."""
    email = one.channel is Channel.EMAIL
    found = {"text": _text_code(one)}
    if email:
        found["subject"] = _part_code(one.subject, _LONGEST_SUBJECT) or ("text-characters" if "\n" in one.subject else "")
        if not found["subject"] and "{link}" in one.subject:
            found["subject"] = "wording-link-in-subject"
    return _wrong(found)


def _text_code(one: Wording) -> str:
    if code := _part_code(one.text, _LONGEST_TEXT):
        return code
    if needs_link(one.purpose, one.place) and "{link}" not in one.text:
        return "wording-link-missing"
    if "{organisation}" not in one.text:
        return "wording-organisation-missing"
    if one.channel is Channel.SMS and segments(one.text).count > _MOST_SEGMENTS:
        return "wording-too-long"
    return ""


def _part_code(text: str, most: int) -> str:
    if not text.strip():
        return "field-required"
    if len(text) > most:
        return "field-too-long"
    if _HIDDEN.search(text):
        return "text-characters"
    rest = text
    for name in PLACEHOLDERS:
        rest = rest.replace("{" + name + "}", "")
    if _BRACES.search(rest):
        return "wording-placeholder"
    return "wording-shortener" if _SHORTENER.search(text) else ""


def _wrong(found: dict[str, str]) -> dict[str, str]:
    return {name: code for name, code in found.items() if code}


def sentence(code: str) -> str:
    """What a person reads beside a field."""
    return _sentences().get(code) or sentence_of(code)


def sentences(codes: dict[str, str] | Any) -> dict[str, str]:
    """Field -> code as field -> sentence."""
    return {name: sentence(code) for name, code in dict(codes).items()}


def _sentences() -> dict[str, str]:
    return {
        "access-key-malformed": _("An access key is base64, as the portal of Azure shows it. Copy it again, whole."),
        "area-code-malformed": _("An area code has at most six digits."),
        "carrier-console-closed": _("The console is for development: this installation does not offer it."),
        "choice-unknown": _("Choose one of the list."),
        "currency-malformed": _("A currency has three letters, such as USD."),
        "email-malformed": _("This is no e-mail address."),
        "mail-server-malformed": _("A mail server is written as mail.example.org or mail.example.org:587."),
        "mail-without-tls": _("Mail is sent over TLS. Choose STARTTLS or TLS from the start."),
        "offer-expired": _("This offer has ended. Look for a number again."),
        "prefix-malformed": _("A prefix begins with + and has only digits behind it, such as +1900. One on each line."),
        "price-malformed": _("Write a price such as 0.0083."),
        "purchase-unconfirmed": _("Tick the box: the number costs money every month."),
        "rate-range": _("This rate is out of range."),
        "gap-range": _("Between 0 and 120 minutes."),
        "reminder-range": _("A reminder goes between one minute and sixty days before the start."),
        "reminder-twice": _("Two reminders would go at the same time."),
        "sender-channel": _("This account does not carry that: mail goes through a mail server, texts through the others."),
        "sender-malformed": _("A sender is a number with its country code, a short code, or up to eleven letters and digits."),
        "sender-taken": _("This account has this sender already."),
        "test-recipient-malformed": _("Enter a number with its country code, such as +16085550134, or an e-mail address."),
        "time-malformed": _("Write a time such as 21:00."),
        "wording-link-in-subject": _("The link does not belong in the subject: others may see it there."),
        "wording-link-missing": _("Patients need the link: put {link} in."),
        "wording-organisation-missing": _("Say who it is from: put {organisation} in."),
        "wording-placeholder": _(
            "Only {organisation}, {day}, {time}, {zone}, {link} and {phone} may stand in braces: no text can carry more about anybody."
        ),
        "wording-shortener": _("Carriers block texts with shortened addresses. Use {link}, which is on your own domain."),
        "wording-too-long": _("This is too long for a text message."),
    }
