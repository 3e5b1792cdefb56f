"""What Twilio's codes mean, as its error dictionary describes them: of an answer that says no, and of a message that was not delivered.

The meanings were read in its public pages; which of them the carriers behind Twilio really use was not tried. Twilio adds codes now and
then: one that is not here is a refusal by this carrier (another may take the message) when it answers so, and a failure for good when it
is the reason of a receipt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vestibule.adapters.carriers import meaning as m
from vestibule.adapters.carriers.meaning import Meaning

# Of both kinds.
_ANY: Final[Mapping[int, Meaning]] = {
    21610: m.OPTED_OUT,  # has opted out of messages from this sender
    30001: m.LIMIT,  # queue overflow
    30002: m.SUSPENDED,
    30003: m.UNREACHABLE,  # switched off, no coverage
    30004: m.BLOCKED,
    30005: m.NO_SUCH,
    30006: m.NOT_A_PHONE,  # landline, or a carrier that cannot be reached
    30007: m.SPAM,  # filtered
    30008: m.PASSING,  # no reason given
    30010: m.REFUSED,  # dearer than the price we allow
    30017: m.PASSING,  # congestion
    30018: m.SENDER_UNVERIFIED,  # the destination wants this sender registered
    30022: m.LIMIT,  # more than the registered campaign may send
    30023: m.LIMIT,  # daily cap of the registered brand
    30024: m.SENDER_UNVERIFIED,  # numeric sender not provisioned at the destination
    30027: m.LIMIT,  # T-Mobile's daily limit of the campaign
    30032: m.SENDER_UNVERIFIED,  # toll-free number not verified
    30033: m.SENDER_UNVERIFIED,  # campaign suspended
    30034: m.SENDER_UNVERIFIED,  # US long code not registered
    30035: m.SENDER_UNVERIFIED,
    30036: m.PASSING,  # was not delivered within its validity
    30038: m.SPAM,  # looks like a one-time password where none may be sent
    30037: m.SUSPENDED,  # outbound messages switched off
    30039: m.SPAM,  # a loop of automatic answers
    30040: m.SENDER_UNVERIFIED,
    30041: m.SENDER_UNVERIFIED,
    30042: m.SENDER_UNKNOWN,  # alphanumeric sender that is generic
    30044: m.MESSAGE_WRONG,  # longer than a trial account may send
    30410: m.PASSING,  # the next carrier took too long
    30450: m.SPAM,  # held for a pumping attack
    30453: m.PASSING,
    30500: m.PASSING,
}

ANSWERS: Final[Mapping[int, Meaning]] = {
    **_ANY,
    20001: m.REFUSED,
    20003: m.NOT_SIGNED_IN,
    20004: m.NOT_SIGNED_IN,
    20005: m.SUSPENDED,  # account not active
    20006: m.NOT_SIGNED_IN,
    20008: m.NOT_SIGNED_IN,  # test credentials
    20403: m.SUSPENDED,
    20404: m.NOT_SIGNED_IN,  # no such account under this user
    21211: m.INVALID,
    21212: m.SENDER_UNKNOWN,
    21217: m.INVALID,
    21219: m.REGION,  # trial accounts: numbers that were verified only
    21265: m.INVALID,  # 'To' is a short code
    21266: m.INVALID,  # 'To' and 'From' are one
    21267: m.SENDER_UNKNOWN,  # alphanumeric sender on a trial account
    21268: m.REGION,  # information services
    21408: m.REGION,  # texting to this region is switched off
    21601: m.SENDER_UNKNOWN,
    21602: m.MESSAGE_WRONG,
    21603: m.SENDER_UNKNOWN,
    21604: m.INVALID,
    21605: m.MESSAGE_WRONG,
    21606: m.SENDER_UNKNOWN,
    21607: m.SENDER_UNKNOWN,
    21608: m.REGION,  # trial account, unverified number
    21609: m.MISCONFIGURED,  # our address for receipts
    21611: m.LIMIT,  # the sender's queue is full
    21612: m.REGION,  # this sender cannot reach this number
    21614: m.NOT_A_PHONE,
    21617: m.MESSAGE_WRONG,
    21618: m.MESSAGE_WRONG,
    21619: m.MESSAGE_WRONG,
    21635: m.NOT_A_PHONE,  # landline
    21656: m.MESSAGE_WRONG,
    21659: m.SENDER_UNKNOWN,  # not a number of Twilio's
    21660: m.SENDER_UNKNOWN,  # not a number of this account
    21661: m.SENDER_UNKNOWN,  # cannot text
    21662: m.REGION,  # premium and information services
    21701: m.SENDER_UNKNOWN,  # no such messaging service
    21703: m.SENDER_UNKNOWN,  # messaging service without numbers
    21704: m.SENDER_UNKNOWN,
    21705: m.SENDER_UNKNOWN,
    21712: m.SENDER_UNKNOWN,  # 'From' is not one of the messaging service's
    21730: m.PASSING,  # maintenance
    63038: m.LIMIT,  # daily limit of the account
    572005: m.REGION,  # trial account, number not verified yet
}

RECEIPTS: Final[Mapping[int, Meaning]] = {**_ANY, 21211: m.INVALID, 21408: m.REGION, 21614: m.NOT_A_PHONE, 63038: m.LIMIT}

# Before a look at the code, for an answer that has none we know.
_BY_STATUS: Final[Mapping[int, Meaning]] = {401: m.NOT_SIGNED_IN, 402: m.NO_FUNDS, 403: m.NOT_SIGNED_IN, 404: m.NOT_SIGNED_IN}


def of_answer(code: str, http_status: int) -> Meaning:
    """Why Twilio does not take a message."""
    known = ANSWERS.get(int(code)) if code.isascii() and code.isdigit() else None
    return known or _BY_STATUS.get(http_status, m.REFUSED)


def of_receipt(code: str) -> Meaning:
    """Why a message that Twilio took was not delivered."""
    known = RECEIPTS.get(int(code)) if code.isascii() and code.isdigit() else None
    return known or Meaning(m.REFUSED.status, "carrier-failed")
