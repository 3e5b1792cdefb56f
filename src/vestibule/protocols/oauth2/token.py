"""Asking a token endpoint (RFC 6749 3.2) as a sans-I/O generator: it yields an Ask and is sent its Answer."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import datetime
from urllib.parse import urlencode

from vestibule.errors import OutsideFailed
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.origins import origin_of
from vestibule.protocols.oauth2.answers import TokenAnswer, read_token_answer
from vestibule.protocols.oauth2.client import Prover


def ask_token(
    token_url: str, grant: Mapping[str, str], *, client: Prover, now: datetime, phase: str, asked_scope: str = ""
) -> Generator[Ask, Answer, TokenAnswer]:
    """Trade a grant for tokens, proving who we are.

    Args:
        token_url: the endpoint, judged already.
        grant: its form fields.
        client: who asks.
        now: the time, for an assertion.
        phase: where this happens.
        asked_scope: what is granted when the server does not say (5.1).
    """
    proof, proof_headers = client.prove(token_url, now)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **client.headers, **proof_headers}
    answer = yield Ask("POST", token_url, phase, headers, urlencode({**grant, **proof}).encode())
    if origin_of(answer.url) != origin_of(token_url):  # the code and our proof belong to this address and to no other
        raise OutsideFailed(
            "token-answer-invalid", "The record system's sign-in answered from another address.", phase=phase, permanent=True
        )
    return read_token_answer(answer, asked_scope=asked_scope, phase=phase)
