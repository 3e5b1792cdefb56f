"""An account at Twilio: its addresses, its name, its key."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from vestibule.adapters.carriers.asking import Misconfigured
from vestibule.kit.origins import origin_of
from vestibule.messages.model import Account
from vestibule.platform.http import Credentials

_USUAL: Final = "https://api.twilio.com"


def base_of(account: Account) -> str:
    """Where the account's resources begin."""
    return f"{_endpoint(account)}/2010-04-01/Accounts/{quote(account_sid(account), safe='')}"


def product_of(account: Account, product: str) -> str:
    """Where another product of Twilio's answers: `messaging.twilio.com` beside `api.twilio.com`; the same place for anybody else's API."""
    parts = urlsplit(_endpoint(account))
    if parts.netloc.startswith("api.") and parts.netloc.endswith("twilio.com"):
        return urlunsplit(parts._replace(netloc=f"{product}.{parts.netloc.removeprefix('api.')}"))
    return _endpoint(account)


def account_sid(account: Account) -> str:
    """The account's own SID; where an API key signs in, it stands in the settings."""
    return str(account.settings.get("account_sid", "")) or account.user


def credentials(account: Account, url: str) -> Credentials:
    """HTTP Basic, for the origin of this address of the account's and no other."""
    pair = f"{account.user}:{account.secret}".encode()
    try:
        return Credentials(origin_of(url), "Basic " + base64.b64encode(pair).decode())
    except ValueError:
        raise Misconfigured("endpoint") from None


def _endpoint(account: Account) -> str:
    return (account.endpoint or _USUAL).rstrip("/")
