"""Refusals as Microsoft words them: an RFC 6749 code for programs, an AADSTS number and a sentence for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4


class Refusal(Exception):
    """A refusal; `status` is for answers that are not redirects."""

    def __init__(self, number: int, error: str, sentence: str, *, status: int = 400) -> None:
        super().__init__(f"AADSTS{number}: {sentence}")
        self.number = number
        self.error = error
        self.sentence = sentence
        self.status = status

    @property
    def description(self) -> str:
        """The number and the sentence."""
        return f"AADSTS{self.number}: {self.sentence}"

    def body(self, now: float) -> dict[str, Any]:
        """The answer of the token endpoint and of discovery."""
        trace, correlation = str(uuid4()), str(uuid4())
        at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return {
            "error": self.error,
            "error_description": f"{self.description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}",
            "error_codes": [self.number],
            "timestamp": at,
            "trace_id": trace,
            "correlation_id": correlation,
        }


def missing(name: str) -> Refusal:
    """A parameter is not there."""
    return Refusal(900144, "invalid_request", f"The request body must contain the following parameter: '{name}'.")
