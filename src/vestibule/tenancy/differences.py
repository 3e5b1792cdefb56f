"""What a version changes, in words an approver can compare. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from vestibule.tenancy.model import Change, Content, Version


def differences(was: Version | None, now: Version, *, secret: str = "") -> list[Change]:
    """Field by field, in the order of Content; `secret` says what happened to the secret, nothing else is ever said of it."""
    found = [
        Change(field.name, said(getattr(was.content, field.name)) if was else "", said(getattr(now.content, field.name)))
        for field in fields(Content)
    ]
    if secret:
        found.append(Change("secret", "", secret))
    return [change for change in found if change.was != change.now]


def said(value: Any) -> str:
    """A value of a field as text, the same for the same value; a list has a line for each entry."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) if value else ""
    if isinstance(value, tuple | list):
        return "\n".join(str(one) for one in value)
    return str(value)
