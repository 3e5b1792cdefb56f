"""What the portal's pages are about, as plain data: the steps of setting a connection up, and forms read and written. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from vestibule.kit.ids import MemberId, TenantId
from vestibule.tenancy.model import ClientAuth, Content, Environment, Vendor, Version, VersionState

ADDRESS: Final = ("name", "iss", "environment", "vendor")
KEYS: Final = (
    "provider_client_id",
    "patient_client_id",
    "backend_client_id",
    "client_auth",
    "frame_ancestors",
    "join_early_minutes",
    "join_late_minutes",
    "authorize_url",
    "token_url",
    "profile",
    "shared_with",
)
_PLAIN: Final = ("name", "iss", "provider_client_id", "patient_client_id", "backend_client_id", "authorize_url", "token_url")
_MINUTES: Final = ("join_early_minutes", "join_late_minutes")


class Step(StrEnum):
    """The steps of setting a connection up, in order."""

    ADDRESS = "address"
    KEYS = "keys"
    CHECK = "check"
    APPROVAL = "approval"
    RECORDS = "records"


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor found, and when. `findings` have `level`, `code`, `what`, `remedy`, one perhaps `use`: the address that works."""

    at: datetime
    revision: int
    findings: tuple[Mapping[str, str], ...]

    @property
    def stops(self) -> int:
        """How many findings are in the way of visits."""
        return sum(one["level"] == "stops" for one in self.findings)

    @property
    def suggested(self) -> str:
        """The address that works, where the doctor found it beside the one it was given; else empty."""
        return next((one["use"] for one in self.findings if one.get("use")), "")

    @property
    def looks(self) -> int:
        """How many are worth a look."""
        return sum(one["level"] == "look" for one in self.findings)


def done(version: Version, check: Report | None) -> frozenset[Step]:
    """The steps that need nothing more. The records are there to be used whenever somebody wants them, so that step never ends."""
    content = version.content
    clients = bool(content.provider_client_id or content.patient_client_id)
    secret = content.client_auth is not ClientAuth.SECRET_BASIC or version.has_secret
    finished = {
        Step.ADDRESS: bool(content.iss),
        Step.KEYS: clients and secret,
        Step.CHECK: check is not None and not check.stops,
        Step.APPROVAL: version.state is VersionState.APPROVED,
    }
    return frozenset(step for step, is_so in finished.items() if is_so)


def next_step(version: Version, finished: Iterable[Step]) -> Step:
    """Where to go on; what has been submitted waits for its approval, whatever was left out before."""
    if version.state is VersionState.AWAITING:
        return Step.APPROVAL
    finished = set(finished)
    return next((step for step in Step if step not in finished), Step.RECORDS)


# ---------------------------------------------------------------------- forms


def written(content: Content) -> dict[str, str]:
    """A connection as a form writes it."""
    texts = {name: str(getattr(content, name)) for name in (*_PLAIN, *_MINUTES)}
    return texts | {
        "environment": content.environment.value,
        "vendor": content.vendor.value,
        "client_auth": content.client_auth.value,
        "frame_ancestors": "\n".join(content.frame_ancestors),
        "profile": json.dumps(content.profile, indent=2, ensure_ascii=False) if content.profile else "",
        "shared_with": "\n".join(sorted(str(one) for one in content.shared_with)),
        "approver": str(content.approver or ""),
    }


def read(content: Content, typed: Mapping[str, str]) -> tuple[Content, dict[str, str]]:
    """`content` with what was typed in its place, and the fields that cannot even be read: name -> code."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, text in typed.items():
        try:
            values[name] = _READERS[name](text)
        except ValueError:
            wrong[name] = _UNREADABLE.get(name, "field-required")
    return replace(content, **values), wrong


def differing(typed: Mapping[str, str], stored: Content) -> dict[str, str]:
    """The fields in which a form and what is stored say different things, as stored."""
    theirs = written(stored)
    return {name: theirs[name] for name, text in typed.items() if _settled(text) != _settled(theirs[name])}


def _settled(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _profile(text: str) -> Mapping[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError from None
    if not isinstance(found, dict):
        raise ValueError  # noqa: TRY004  it is the text that is wrong, not its type
    return found


def _minutes(text: str) -> int:
    if not text.strip().isascii() or not text.strip().isdigit() or len(text) > 6:  # noqa: PLR2004  a week has 10,080
        raise ValueError
    return int(text)


_READERS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_PLAIN, str.strip),
    **dict.fromkeys(_MINUTES, _minutes),
    "environment": Environment,
    "vendor": Vendor,
    "client_auth": ClientAuth,
    "frame_ancestors": _lines,
    "profile": _profile,
    "shared_with": lambda text: tuple(TenantId(UUID(line)) for line in _lines(text)),
    "approver": lambda text: MemberId(UUID(text)) if text.strip() else None,
}
_UNREADABLE: Final[Mapping[str, str]] = {
    **dict.fromkeys(_MINUTES, "minutes-range"),
    "profile": "profile-not-object",
    "approver": "approver-role",
    "shared_with": "field-unknown",
}
