"""The account of whoever asks, at the Twilio-like carrier."""

from __future__ import annotations

from aiohttp import web

from practice.carriers.twilio.answers import VERSION, account_of


async def fetch(request: web.Request) -> web.Response:
    """One's own account."""
    account = account_of(request)
    return web.json_response(
        {
            "sid": account.sid,
            "friendly_name": account.name,
            "status": "active",
            "type": "Full",
            "auth_token": account.token,
            "owner_account_sid": account.sid,
            "date_created": "Mon, 12 Jan 2026 09:00:00 +0000",
            "date_updated": "Mon, 12 Jan 2026 09:00:00 +0000",
            "subresource_uris": {"messages": f"/{VERSION}/Accounts/{account.sid}/Messages.json"},
            "uri": f"/{VERSION}/Accounts/{account.sid}.json",
        }
    )
