"""What each route says about itself, for its description: stands in the route's `api=`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Operation:
    """A route in the description.

    Attributes:
        name: the operationId; clients are generated from it.
        says: one sentence.
        answer: the struct of the answer; None for an answer without content.
        status: of the answer.
        body: the struct of the request's body.
        query: the struct of the parameters after the question mark.
        matched: it needs If-Match.
        tagged: the answer has an ETag.
        unprocessable: the body may be understood and still unusable (422).
        media: of an answer that is not JSON.
    """

    name: str
    says: str
    answer: Any = None
    status: int = 200
    body: Any = None
    query: Any = None
    matched: bool = False
    tagged: bool = False
    unprocessable: bool = False
    media: str = "application/json"
