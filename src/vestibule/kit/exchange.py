"""One HTTP question and its answer, as plain data: what `protocols` yield and `platform/http` performs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

_OK: Final = 200
_TOO_MANY: Final = 429
_FAULT: Final = 500


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to be made.

    Attributes:
        method: upper case.
        url: absolute.
        headers: as to be sent; names in any case.
        body: bytes to send, or None.
        phase: where in our story this happens, e.g. `launch.token`; goes into errors and logs.
    """

    method: str
    url: str
    phase: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        """200: the one status under which the documents and tokens we ask for are given."""
        return self.status == _OK

    @property
    def success(self) -> bool:
        """Any of the 2xx (RFC 9110 15.3): it was taken."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def busy(self) -> bool:
        """Too many requests, or a fault of theirs: the same question may be answered later (RFC 6585 4, RFC 9110 15.6)."""
        return self.status == _TOO_MANY or self.status >= _FAULT

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is not (duplicate keys, NaN and depth are the caller's to judge)."""
        return json.loads(self.body)
