"""Asking Graph: with the organisation's token, not while it must wait, and its no as an error with a name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from vestibule.adapters.meetings.teams.pauses import Pauses, Service
from vestibule.adapters.meetings.teams.places import Places
from vestibule.adapters.meetings.teams.reading import each, text
from vestibule.adapters.meetings.teams.refusals import FORBIDDEN, MAX_BODY, TOO_MANY, UNAUTHORIZED, document, refusal, senseless, throttled
from vestibule.adapters.meetings.teams.tokens import PHASE as TOKEN_PHASE
from vestibule.adapters.meetings.teams.tokens import Tokens
from vestibule.errors import TooMany
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.ids import new_id
from vestibule.kit.origins import origin_of
from vestibule.kit.retryafter import retry_after
from vestibule.meetings.model import Account
from vestibule.platform.http import Http

_NO_CONTENT: Final = 204
_MOST_PAGES: Final = 500
# Without it Graph calls every newer value of an enumeration `unknownFutureValue`.
ALL_VALUES: Final = {"Prefer": "include-unknown-enum-members"}


@dataclass(frozen=True, slots=True)
class Question:
    """One request to Graph.

    Attributes:
        service: whose limit it counts against.
        fine: refusals that are an answer to this question.
    """

    method: str
    url: str
    phase: str
    service: Service
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fine: Collection[int] = ()
    timeout: float = 15.0


@dataclass(frozen=True, slots=True)
class Told:
    """What Graph said."""

    status: int
    body: Mapping[str, Any]


class Graph:
    """Graph, for many organisations."""

    def __init__(self, *, http: Http, clock: Clock, places: Places) -> None:
        self.places = places
        self.tokens = Tokens(http=http, clock=clock, places=places)
        self._http = http
        self._clock = clock
        self._pauses = Pauses(clock)

    async def ask(self, account: Account, question: Question) -> Told:
        """Its answer, when it is a yes or a refusal that is `fine`.

        Raises:
            What `meetings.ports.Cloud` says; and `teams-answer-senseless` for a yes without JSON.
        """
        answer = await self._perform(account, question)
        if answer.status == UNAUTHORIZED:  # a token may be withdrawn before its time
            answer = await self._perform(account, question)
        if not answer.success and answer.status not in question.fine:
            raise refusal(answer, question.phase, self._clock.now())
        body = document(answer)
        if not body and answer.success and answer.status != _NO_CONTENT:
            raise senseless(question.phase)
        return Told(answer.status, body)

    async def pages(self, account: Account, question: Question) -> AsyncIterator[Mapping[str, Any]]:
        """The objects of a collection, of all its pages. A next page at another address than Graph's is not asked for."""
        for _ in range(_MOST_PAGES):
            told = await self.ask(account, question)
            for one in each(told.body, "value"):
                yield one
            onward = text(told.body, "@odata.nextLink", longest=8_000)
            if not onward:
                return
            question = replace(question, url=self.onward(onward, question.phase))

    def onward(self, link: str, phase: str) -> str:
        """A link of Graph's to more of the same, when it leads to Graph.

        Raises:
            OutsideFailed: `teams-answer-senseless`.
        """
        try:
            if origin_of(link) == origin_of(self.places.graph):
                return link
        except ValueError:
            pass
        raise senseless(phase)

    async def _perform(self, account: Account, question: Question) -> Answer:
        """With the token; one that is not accepted is forgotten."""
        self._stop_if_paused(account, question.service, question.phase)
        token = await self._token(account)
        headers = {"Accept": "application/json", "client-request-id": str(new_id()), **question.headers}
        body = None
        if question.body is not None:
            headers["Content-Type"], body = "application/json", msgspec.json.encode(question.body)
        answer = await self._http.perform(
            Ask(question.method, question.url, question.phase, headers, body),
            timeout=question.timeout,
            max_bytes=MAX_BODY,
            bearer=self.tokens.credentials(token),
        )
        # Permissions stand in the token: one that lacks some is of no more use once an administrator has granted them.
        if answer.status in {UNAUTHORIZED, FORBIDDEN}:
            self.tokens.drop(account, token)
        if answer.status == TOO_MANY:
            wait = retry_after(answer.headers.get("retry-after", ""), self._clock.now())
            raise throttled(self._pauses.pause(account.tenant, question.service, wait), question.phase)
        return answer

    async def _token(self, account: Account) -> Any:
        self._stop_if_paused(account, Service.TOKEN, TOKEN_PHASE)
        try:
            return await self.tokens.get(account)
        except TooMany as error:
            raise throttled(self._pauses.pause(account.tenant, Service.TOKEN, error.retry_after), TOKEN_PHASE) from error

    def _stop_if_paused(self, account: Account, service: Service, phase: str) -> None:
        left = self._pauses.left(account.tenant, service)
        if left:
            raise throttled(left, phase)
