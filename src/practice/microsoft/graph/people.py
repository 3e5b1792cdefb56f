"""People of a directory as Graph sees them: by object id or user name, with their licences; and for whom an app may act."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.microsoft.graph.answers import Caller, GraphError, caller_of, context, not_found
from practice.microsoft.places import object_id
from practice.model import Account, Book

# Service plans as Microsoft's list of product names has them: id, and the service that it is of.
_PLANS: Final = {
    "teams": ("57ff2da0-773e-42df-b2af-ffb7a2317929", "TeamspaceAPI"),
    "teams_premium": ("9104f592-f2a7-4f77-904c-ca5a5715883f", "TeamsProVirtualAppointments"),
}
_NO_LICENCE: Final = "Failed to get license information for the user. Ensure user has a valid Office365 license assigned to them."
_NO_POLICY: Final = {
    "forbidden": ("Forbidden", "No Application Access Policy found for this app"),
    "general": ("General", "No application access policy found for this app {app} on the user {user}."),
    "unauthorized": ("Unauthorized", "App {app} is not authorized to Create meeting on behalf of user {user}"),
}
_FIRST = ("businessPhones", "displayName", "givenName", "jobTitle", "mail", "surname", "userPrincipalName", "id")
_MORE = ("accountEnabled", "userType", "assignedPlans")


def account_at(book: Book, tid: str, key: str) -> Account | None:
    """Somebody of a directory, at home there or a guest, by object id there or user name."""
    for account in book.people_accounts:
        if tid in {account.tid, *account.guest_in} and key.lower() in {object_id(account, tid), account.user_name.lower()}:
            return account
    return None


def organizer(house: Hospital, caller: Caller, oid: str) -> Account:
    """Whoever a meeting is organised for: at home in the directory, licensed for Teams, and under a policy that lets the app act.

    Raises:
        GraphError: 404 for nobody of that object id, 403 without a policy or a licence.
    """
    account = next((one for one in house.book.people_accounts if one.oid == oid and one.tid == caller.tid), None)
    if account is None or not account.enabled:
        raise not_found("User lookup by user id failed in AAD.")
    if not any(policy.lets(caller.app_id, caller.tid, oid) for policy in house.book.access_policies):
        code, words = _NO_POLICY[house.book.cloud.policy_words]
        raise GraphError(403, code, words.format(app=caller.app_id, user=oid))
    if "teams" not in account.licences:
        raise GraphError(403, "Forbidden", _NO_LICENCE)
    return account


def _plans(account: Account) -> list[dict[str, str]]:
    return [
        {"assignedDateTime": "2025-01-06T08:00:00Z", "capabilityStatus": "Enabled", "service": service, "servicePlanId": plan}
        for plan, service in (_PLANS[licence] for licence in account.licences)
    ]


def _shown(account: Account, tid: str) -> dict[str, Any]:
    given, _, family = account.name.rpartition(" ")
    return {
        "businessPhones": [],
        "displayName": account.name,
        "givenName": given,
        "jobTitle": account.job or None,
        "mail": account.email or None,
        "surname": family,
        "userPrincipalName": account.user_name,
        "id": object_id(account, tid),
        "accountEnabled": account.enabled,
        "userType": "Member" if tid == account.tid else "Guest",
        "assignedPlans": _plans(account),
    }


def _somebody(request: web.Request) -> tuple[Caller, Account]:
    caller = caller_of(request)
    caller.need("User.Read.All")
    key = request.match_info["user"]
    note(request, endpoint="user", user=key[:80])
    account = account_at(hospital(request).book, caller.tid, key)
    if account is None:
        raise GraphError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{key[:80]}' does not exist or one of its queried reference-property objects are not present.",
        )
    return caller, account


async def user(request: web.Request) -> web.Response:
    """One person, with the properties that `$select` names."""
    caller, account = _somebody(request)
    everything = _shown(account, caller.tid)
    wanted = [name.strip() for name in request.query.get("$select", "").split(",") if name.strip()] or list(_FIRST)
    unknown = [name for name in wanted if name not in {*_FIRST, *_MORE}]
    if unknown:
        raise GraphError(
            400,
            "BadRequest",
            f"Parsing OData Select and Expand failed: Could not find a property named '{unknown[0][:60]}' on type 'microsoft.graph.user'.",
        )
    return web.json_response({"@odata.context": context(request, "users/$entity"), **{name: everything[name] for name in wanted}})


async def licences(request: web.Request) -> web.Response:
    """The licences of one person: documented for people who ask, and not for applications."""
    caller_of(request)
    raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
