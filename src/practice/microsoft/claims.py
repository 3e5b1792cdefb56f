"""The id_token, version 2.0, claim by claim; and the ways in which a test can have it wrong."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

from practice.hospital import Hospital
from practice.microsoft.places import object_id
from practice.microsoft.seed import BIRCH
from practice.microsoft.state import Granted
from practice.model import Account

_BACK = 300  # the real one dates its tokens five minutes back, against slow clocks
_LIFE = 3600
_STRANGER = "00000000-dead-4bad-8bad-000000000000"


def _opaque(*parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def claims_of(house: Hospital, granted: Granted, account: Account) -> dict[str, Any]:
    """What the token says of this person to this app. `sub` is another one for every app."""
    asked, tid, now = granted.asked, granted.tid, int(house.now())
    claims: dict[str, Any] = {
        "aud": asked.client_id,
        "iss": f"{house.at.microsoft}/{tid}/v2.0",
        "iat": now - _BACK,
        "nbf": now - _BACK,
        "exp": now + _LIFE,
        "aio": secrets.token_urlsafe(60),
        "rh": f"1.{_opaque('rh', tid, asked.client_id)}.",
        "sub": _opaque("sub", account.oid, tid, asked.client_id),
        "tid": tid,
        "uti": secrets.token_urlsafe(16),
        "ver": "2.0",
    }
    if asked.nonce:
        claims["nonce"] = asked.nonce
    if "profile" in asked.scopes:
        claims |= {"name": account.name, "oid": object_id(account, tid), "preferred_username": account.user_name}
    if "email" in asked.scopes and account.email:
        claims["email"] = account.email
    if tid != account.tid:
        claims["idp"] = f"https://sts.windows.net/{account.tid}/"
    return claims


def id_token(house: Hospital, granted: Granted, account: Account) -> str:
    """The signed token, with the fault that the settings ask for."""
    claims, fault = claims_of(house, granted, account), house.book.settings.id_token_fault
    wrong: dict[str, dict[str, Any]] = {
        "nonce": {"nonce": "the-nonce-of-somebody-else"},
        "audience": {"aud": _STRANGER},
        "issuer": {"iss": f"https://login.example/{granted.tid}/v2.0"},
        "tenant": {"tid": BIRCH if granted.tid != BIRCH else _STRANGER},  # iss still says the true one
        "expired": {"iat": claims["iat"] - 2 * _LIFE, "nbf": claims["iat"] - 2 * _LIFE, "exp": claims["iat"] - _LIFE},
    }
    return house.sign_ins.keys.sign({**claims, **wrong.get(fault, {})}, fault=fault)
