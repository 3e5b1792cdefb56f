"""Reading one resource (FHIR RESTful API, "read"), sans-I/O. The bearer token is attached by the outbound door, to its origin only."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final

from vestibule.errors import OutsideFailed
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.protocols.fhir.names import plain
from vestibule.protocols.fhir.views import ID, dicts
from vestibule.protocols.oauth2 import retry_after

MAX_RESOURCE: Final = 1_000_000
_NOT_FOUND, _GONE, _REFUSED = 404, 410, (401, 403)


def read(
    base: str, kind: str, resource_id: str, *, phase: str, headers: Mapping[str, str] | None = None
) -> Generator[Ask, Answer, dict[str, Any]]:
    """The resource `{base}/{kind}/{id}`, checked to be of that type.

    Raises:
        OutsideFailed: fhir-id-invalid, fhir-not-found, fhir-refused, fhir-unavailable, fhir-answer-invalid.
    """
    if not ID.fullmatch(resource_id):  # also keeps `../` and `?` out of our own address
        raise _failed("fhir-id-invalid", "The record system sent an identifier that cannot be right.", phase)
    answer = yield Ask("GET", f"{base.rstrip('/')}/{kind}/{resource_id}", phase, {"Accept": "application/fhir+json", **(headers or {})})
    if not answer.ok:
        raise _refusal(answer, phase)
    try:
        resource = read_object(answer.body, max_bytes=MAX_RESOURCE)
    except JsonError as error:
        raise _failed("fhir-answer-invalid", "The record system's answer cannot be read.", phase) from error
    if resource.get("resourceType") != kind or resource.get("id", resource_id) != resource_id:
        raise _failed("fhir-answer-invalid", "The record system's answer cannot be read.", phase)
    return resource


def outcome_codes(body: bytes) -> list[str]:
    """The issue codes of an OperationOutcome, for the log; its free text may name a patient and is left alone."""
    try:
        outcome = read_object(body, max_bytes=MAX_RESOURCE)
    except JsonError:
        return []
    if outcome.get("resourceType") != "OperationOutcome":
        return []
    return [code for issue in dicts(outcome.get("issue")) if (code := plain(issue.get("code"), limit=40))]


def _refusal(answer: Answer, phase: str) -> OutsideFailed:
    if answer.status in {_NOT_FOUND, _GONE}:
        return _failed("fhir-not-found", "The record system does not know this entry.", phase)
    if answer.status in _REFUSED:
        return _failed("fhir-refused", "The record system does not let us read this entry.", phase)
    if answer.busy:
        return OutsideFailed(
            "fhir-unavailable",
            "The record system cannot answer at the moment.",
            phase=phase,
            permanent=False,
            retry_after=retry_after(answer),
        )
    return _failed("fhir-answer-invalid", "The record system's answer cannot be read.", phase)


def _failed(code: str, sentence: str, phase: str) -> OutsideFailed:
    return OutsideFailed(code, sentence, phase=phase, permanent=True)
