"""Is what an administrator entered about meetings usable? Field -> code; each code has its sentence here and its row in the reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from vestibule.meetings.model import ProofKind, Settings
from vestibule.platform.web.i18n import gettext as _
from vestibule.tenancy.judging import judge_secret, sentence_of

_SECRET_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def judge(one: Settings) -> dict[str, str]:
    """What is wrong with the settings; parts that are empty may still be filled in."""
    found = {
        "directory": "" if is_guid(one.directory) else "entra-tenant-malformed",
        "client_id": "" if is_guid(one.client_id) else "guid-malformed",
        "default_host": "" if is_guid(one.default_host) else "guid-malformed",
        "secret": judge_secret(one.secret).get("secret", ""),
    }
    if one.directory and not one.client_id:
        found["client_id"] = "field-required"
    if one.client_id and not one.directory:
        found["directory"] = "field-required"
    if _SECRET_ID.fullmatch(one.secret):  # what the portal of Entra shows beside a secret, and what people copy instead of it
        found["secret"] = "secret-is-its-id"  # noqa: S105  the code's name
    return {field: code for field, code in found.items() if code}


def judge_connected(one: Settings) -> dict[str, str]:
    """What is missing before Microsoft can be asked for anything."""
    found = {
        "directory": one.directory,
        "client_id": one.client_id,
        "secret": one.secret if one.proof is ProofKind.SECRET else "not needed",
    }
    return {field: "field-required" for field, value in found.items() if not value}


def is_guid(text: str) -> bool:
    """A GUID as Entra writes it, in small letters; or nothing."""
    try:
        return not text or str(UUID(text)) == text
    except ValueError:
        return False


def sentences(codes: Mapping[str, str]) -> dict[str, str]:
    """Field -> code as field -> sentence."""
    own = _sentences()
    return {name: own.get(code) or sentence_of(code) for name, code in codes.items()}


def _sentences() -> dict[str, str]:
    return {
        "choice-unknown": _("Choose one of the list."),
        "guid-malformed": _("An id looks like 72f988bf-86f1-41af-91ab-2d7cd011db47, in small letters."),
        "secret-is-its-id": _(
            "This is the secret's id, not the secret. Copy the column “Value”; it is shown only once, just after it was made."
        ),
    }
