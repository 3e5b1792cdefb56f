"""What a mail server's replies mean (RFC 5321 4.2, RFC 3463): the enhanced code where there is one, else the stage and the plain code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vestibule.adapters.carriers import meaning as m
from vestibule.adapters.carriers.meaning import Meaning
from vestibule.platform.mail import Reply, Stage

# Subject and detail of a permanent enhanced code (5.x.y).
_OF_RECIPIENT: Final[Mapping[str, Meaning]] = {
    "1.1": m.NO_SUCH,
    "1.2": m.NO_SUCH,
    "1.3": m.INVALID,
    "1.6": m.NO_SUCH,  # has moved
    "1.10": m.NO_SUCH,  # takes no mail (RFC 7505)
    "2.0": m.BLOCKED,
    "2.1": m.BLOCKED,  # mailbox disabled
    "2.2": Meaning(m.UNREACHABLE.status, "carrier-unreachable-number"),  # full
    "4.4": m.NO_SUCH,
    "7.1": m.SPAM,
    "7.23": m.SENDER_UNVERIFIED,
    "7.25": m.SENDER_UNVERIFIED,
    "7.26": m.SENDER_UNVERIFIED,
}
_BY_STAGE: Final[Mapping[Stage, Meaning]] = {
    Stage.GREETING: m.REFUSED,
    Stage.TLS: m.MISCONFIGURED,
    Stage.SIGN_IN: m.NOT_SIGNED_IN,
    Stage.SENDER: m.SENDER_UNKNOWN,
    Stage.RECIPIENT: m.NO_SUCH,
    Stage.CONTENT: m.SPAM,
}
_WANTS_SIGN_IN: Final = frozenset({530, 534, 535, 538})


def of_reply(reply: Reply) -> Meaning:
    """Why a server does not take a letter, for good."""
    if reply.code in _WANTS_SIGN_IN:
        return m.NOT_SIGNED_IN
    known = _OF_RECIPIENT.get(reply.enhanced.partition(".")[2])
    if known and reply.stage in {Stage.RECIPIENT, Stage.CONTENT}:
        return known
    if reply.stage is Stage.RECIPIENT and reply.enhanced.startswith("5.7."):
        return m.BLOCKED  # a rule of theirs, whatever it is
    if reply.code == 552 and reply.stage is Stage.CONTENT:  # noqa: PLR2004  RFC 5321: exceeded storage allocation
        return m.MESSAGE_WRONG
    return _BY_STAGE[reply.stage]
