"""What Azure's codes mean, as its page of troubleshooting codes for SMS describes them.

An unverified toll-free number shows itself by several: 4010 is the page's, 795 and 4795 are the carriers' behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vestibule.adapters.carriers import meaning as m
from vestibule.adapters.carriers.meaning import Meaning

DELIVERED: Final = 2000
NO_REPORTS: Final = 5002  # the patient's carrier gives none: it may well have arrived

REPORTS: Final[Mapping[int, Meaning]] = {
    795: m.SENDER_UNVERIFIED,
    4000: m.SPAM,
    4001: m.SENDER_UNKNOWN,
    4002: m.INVALID,
    4003: m.REGION,
    4004: m.NO_SUCH,
    4005: m.BLOCKED,
    4006: m.UNREACHABLE,
    4007: m.OPTED_OUT,
    4008: m.LIMIT,
    4009: m.SUSPENDED,
    4010: m.SENDER_UNVERIFIED,
    4020: m.LIMIT,
    4795: m.SENDER_UNVERIFIED,
    5000: Meaning(m.PASSING.status, "carrier-failed"),
    5001: m.PASSING,
    9999: m.PASSING,
}
# What it says in words, where there is no code.
_WORDS: Final = (
    ("blocked for given recipient", m.OPTED_OUT),
    ("opted out", m.OPTED_OUT),
    ("opt out", m.OPTED_OUT),
    ("not being verified", m.SENDER_UNVERIFIED),
    ("unverified", m.SENDER_UNVERIFIED),
    ("not verified", m.SENDER_UNVERIFIED),
    ("invalid destination", m.INVALID),
    ("doesn't exist", m.NO_SUCH),
    ("does not exist", m.NO_SUCH),
    ("unsupported destination", m.REGION),
    ("spam", m.SPAM),
    ("fraud", m.SPAM),
    ("blocked", m.BLOCKED),
    ("reachable", m.UNREACHABLE),
)
_NUMBER: Final = re.compile(r"(?<![\d.+])(\d{3,4})(?![\d])", re.ASCII)
_NOT_FOUND: Final = 404
_BY_STATUS: Final[Mapping[int, Meaning]] = {
    401: m.NOT_SIGNED_IN,
    402: m.NO_FUNDS,
    403: m.SENDER_UNKNOWN,  # signed in, and may not send from this number
    404: m.SENDER_UNKNOWN,
}


def of_report(details: str) -> tuple[int, Meaning]:
    """The code in a report's details, 0 when there is none, and why the message was not delivered."""
    for found in _NUMBER.findall(details):
        if int(found) in REPORTS or int(found) in {DELIVERED, NO_REPORTS}:
            return int(found), REPORTS.get(int(found), m.PASSING)
    return 0, _in_words(details, Meaning(m.REFUSED.status, "carrier-failed"))


def of_answer(http_status: int, words: str) -> Meaning:
    """Why Azure does not take a request at all."""
    return _BY_STATUS.get(http_status) or _in_words(words, m.REFUSED)


def of_recipient(http_status: int, words: str) -> Meaning:
    """Why Azure takes a request and not this recipient; the sender and the text were judged before."""
    return m.NO_SUCH if http_status == _NOT_FOUND else _BY_STATUS.get(http_status) or _in_words(words, m.INVALID)


def _in_words(said: str, otherwise: Meaning) -> Meaning:
    lower = said.lower()
    return next((meaning for words, meaning in _WORDS if words in lower), otherwise)
