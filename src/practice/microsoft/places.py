"""Which directory is meant by the tenant in a path, which apps are known there, and who can sign in to it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from practice.microsoft.errors import Refusal
from practice.model import PERSONAL, Account, Book, SignInApp

ANY = ("organizations", "common", "consumers")


@dataclass(frozen=True)
class Place:
    """The tenant of a path: one directory (`tid`), or any of a kind."""

    word: str
    tid: str = ""

    def issuer(self, microsoft: str) -> str:
        """As discovery says it: of one directory, or with the braces left for the reader to fill in."""
        tid = PERSONAL if self.word == "consumers" else self.tid or "{tenantid}"
        return f"{microsoft}/{tid}/v2.0"


def place(book: Book, word: str) -> Place:
    """What the tenant in a path means: a word, a tenant id or a domain name."""
    if word.lower() in ANY:
        return Place(word.lower())
    if word.lower() == PERSONAL:
        return Place("consumers")
    directory = book.directory(word)
    if directory is None:
        raise Refusal(
            90002,
            "invalid_tenant",
            f"Tenant '{word[:80]}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. "
            "Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
        )
    return Place(directory.tid, directory.tid)


def app_at(book: Book, where: Place, client_id: str) -> SignInApp:
    """The registered app, if it may be used at this place."""
    app = book.sign_in_app(client_id)
    if app is None or (app.audience == "AzureADMyOrg" and where.tid and where.tid != _home(book, app)):
        raise _unknown_app(book, where, client_id)
    if app.audience == "AzureADMyOrg" and not where.tid:
        raise Refusal(
            50194,
            "invalid_request",
            f"Application '{app.client_id}'({app.name}) is not configured as a multi-tenant application. Usage of the /common endpoint is "
            "not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be "
            "multi-tenant.",
        )
    if where.word == "consumers" and app.audience != "AzureADandPersonalMicrosoftAccount":
        raise Refusal(
            9002346,
            "unauthorized_client",
            f"Application '{app.client_id}'({app.name}) is configured for use by Azure Active Directory users only. "
            "Please do not use the /consumers endpoint to serve this request.",
        )
    return app


def _home(book: Book, app: SignInApp) -> str:
    return app.home or (book.directories[0].tid if book.directories else "")


def _unknown_app(book: Book, where: Place, client_id: str) -> Refusal:
    directory = book.directory(where.tid) if where.tid else None
    return Refusal(
        700016,
        "unauthorized_client",
        f"Application with identifier '{client_id[:100]}' was not found in the directory '{directory.name if directory else where.word}'. "
        "This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You may have sent your authentication request to the wrong tenant.",
    )


def directory_of(book: Book, where: Place, app: SignInApp, account: Account) -> str:
    """The directory somebody signs in to at a place; a Refusal, shown to the person, when they cannot."""
    if not account.enabled:
        raise Refusal(50057, "invalid_grant", "The user account is disabled.")
    tid = where.tid or account.tid
    personal = account.tid == PERSONAL
    if where.tid and where.tid != account.tid and where.tid not in account.guest_in:
        raise _stranger(book, where, app, account)
    if personal and (where.word == "organizations" or app.audience != "AzureADandPersonalMicrosoftAccount") and not where.tid:
        raise Refusal(
            50020,
            "invalid_grant",
            "You can't sign in here with a personal account. Use your work or school account instead.",
        )
    if where.word == "consumers" and not personal:
        raise Refusal(50020, "invalid_grant", "You can't sign in here with a work or school account. Use your personal account instead.")
    if app.tenants and tid not in app.tenants:
        raise Refusal(
            90094,
            "consent_required",
            f"Need admin approval. {app.name} needs a permission that only an admin can grant.",
        )
    return tid


def _stranger(book: Book, where: Place, app: SignInApp, account: Account) -> Refusal:
    directory = book.directory(where.tid)
    return Refusal(
        50020,
        "invalid_grant",
        f"User account '{account.user_name}' from identity provider 'https://sts.windows.net/{account.tid}/' does not exist in tenant "
        f"'{directory.name if directory else where.tid}' and cannot access the application '{app.client_id}'({app.name}) in that tenant. "
        "The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different account.",
    )


def object_id(account: Account, tid: str) -> str:
    """A person's object id in a directory: at home their own, as a guest another one."""
    return account.oid if tid == account.tid else str(uuid5(uuid5(NAMESPACE_URL, tid), account.oid))
