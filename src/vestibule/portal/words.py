"""The words of the portal's pages: what states, vendors and fields are called, and what went wrong at an EHR's sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vestibule.platform.web.i18n import gettext as _
from vestibule.portal.model import Step
from vestibule.tenancy.model import ClientAuth, ConnectionLine, Environment, Vendor, VersionState

_TONES: Final[Mapping[VersionState, str]] = {
    VersionState.DRAFT: "",
    VersionState.AWAITING: "wait",
    VersionState.APPROVED: "good",
    VersionState.REJECTED: "bad",
    VersionState.REPLACED: "",
}


@dataclass(frozen=True, slots=True)
class Pill:
    """A state in words, and the colour beside them."""

    tone: str
    words: str


def state_pill(state: VersionState, *, serving: bool) -> Pill:
    """How far a connection is; one that serves an older version says so."""
    words = {
        VersionState.DRAFT: _("Draft; the approved version serves") if serving else _("Draft"),
        VersionState.AWAITING: _("Awaiting approval; the approved version serves") if serving else _("Awaiting approval"),
        VersionState.APPROVED: _("In force"),
        VersionState.REJECTED: _("Rejected; the approved version serves") if serving else _("Rejected"),
        VersionState.REPLACED: _("Replaced"),
    }
    return Pill(_TONES[state], words[state])


def line_pill(line: ConnectionLine) -> Pill:
    """The same for a line of the list."""
    return state_pill(line.state, serving=line.serving)


def version_word(state: VersionState) -> str:
    """What became of a version, for the history."""
    return {
        VersionState.DRAFT: _("Draft"),
        VersionState.AWAITING: _("Awaiting approval"),
        VersionState.APPROVED: _("In force"),
        VersionState.REJECTED: _("Rejected"),
        VersionState.REPLACED: _("Replaced"),
    }[state]


def vendors() -> dict[str, str]:
    """Vendor -> what people call it."""
    return {Vendor.EPIC.value: "Epic", Vendor.ORACLE_HEALTH.value: "Oracle Health", Vendor.GENERIC.value: _("Other SMART on FHIR")}


def environments() -> dict[str, str]:
    """Environment -> what people call it."""
    return {Environment.TEST.value: _("Test"), Environment.PRODUCTION.value: _("Production")}


def client_auths() -> dict[str, str]:
    """How we prove ourselves -> what people call it."""
    return {
        ClientAuth.PRIVATE_KEY_JWT.value: _("With our keys (private_key_jwt)"),
        ClientAuth.SECRET_BASIC.value: _("With a client secret"),
        ClientAuth.PUBLIC.value: _("Not at all (public client)"),
    }


def steps() -> dict[Step, str]:
    """Step -> its name."""
    return {
        Step.ADDRESS: _("Address"),
        Step.KEYS: _("Keys and clients"),
        Step.CHECK: _("Check"),
        Step.APPROVAL: _("Approval"),
        Step.RECORDS: _("Records"),
    }


def fields() -> dict[str, str]:
    """Field -> what it is called, on forms, in lists of mistakes, and before the approver."""
    return {
        "name": _("Name"),
        "vendor": _("Record system"),
        "environment": _("Environment"),
        "iss": _("FHIR base URL"),
        "fhir_version": _("FHIR version"),
        "frame_ancestors": _("May show our pages in a frame"),
        "provider_client_id": _("Client id for clinicians"),
        "patient_client_id": _("Client id for patients"),
        "backend_client_id": _("Client id for the back end"),
        "client_auth": _("How we prove ourselves"),
        "secret": _("Client secret"),
        "authorize_url": _("Sign-in address"),
        "token_url": _("Token address"),
        "join_early_minutes": _("Opens before the visit (minutes)"),
        "join_late_minutes": _("Stays open after its start (minutes)"),
        "profile": _("Profile (JSON)"),
        "approver": _("Approver"),
        "shared_with": _("Shared with"),
        "reason": _("Reason"),
        "support_phone": _("Support telephone"),
        "entra_tenant": _("Microsoft Entra directory id"),
        "idle_minutes": _("Automatic sign-out (minutes)"),
        "two_persons": _("Two persons"),
        "approve_oracle": _("Approval for Oracle Health"),
        "region": _("Region"),
        "parent": _("Belongs to"),
        "zone": _("Time zone"),
        "external": _("Name in the record"),
    }


def value_words(field: str, value: str) -> str:
    """A value as people say it; what is free text stays as it is."""
    known = {"vendor": vendors, "environment": environments, "client_auth": client_auths}.get(field)
    return known().get(value, value) if known else value


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong at an EHR's sign-in: cause and remedy."""

    code: str
    what: str
    cause: str
    remedy: str


def troubles(code: str) -> list[Trouble]:
    """What may have gone wrong at a sign-in, by the code it left; somebody who has not come back has seen the EHR's own error page."""
    if code == "ehr-sign-in-unfinished":
        return [_trouble("ehr-sign-in-oauth2"), _trouble("ehr-sign-in-denied")]
    return [_trouble(code)] if code else []


def _trouble(code: str) -> Trouble:
    what, cause, remedy = _oauth2() if code in _OAUTH2 else _troubles().get(code) or _generic(code)
    return Trouble(code, what, cause, remedy)


_OAUTH2: Final = frozenset({"ehr-sign-in-oauth2", "token-invalid-client", "token-invalid-scope", "token-refused"})
_UNREACHABLE: Final = ("smart-", "http-", "dns-", "tls-", "outside-", "token-unavailable", "jwks-")


def _oauth2() -> tuple[str, str, str]:
    return (
        _("The EHR refused our client (an “OAUTH2” error)."),
        _(
            "The keys or OAuth are not set up in the EHR yet: it does not know the client id, our public key, or the address it "
            "sends back to."
        ),
        _(
            "In the EHR's app registration, check the client id for clinicians, our JWKS address or certificate, and the redirect address "
            "ending in /setup/callback. A new registration can take hours to reach every server; then sign in again."
        ),
    )


def _troubles() -> dict[str, tuple[str, str, str]]:
    return {
        "ehr-sign-in-denied": (
            _("The EHR did not let you in."),
            _("Your EHR account may not sign in to this application, or you cancelled the sign-in."),
            _(
                "Ask the EHR's security team for access to the application, then sign in again. Your administrator can also name another "
                "approver."
            ),
        ),
        "ehr-sign-in-patient": (
            _("That was a patient's sign-in."),
            _("Only somebody who works with this EHR can prove the organisation. You signed in with a patient account."),
            _("Sign out of the patient portal in this browser, then sign in here with your staff account."),
        ),
        "ehr-sign-in-stale": (
            _("The connection was changed while you signed in."),
            _("What you were about to approve is no longer what is stored."),
            _("Read what changed once more, then sign in again."),
        ),
        "ehr-sign-in-no-client": (
            _("There is no client id for clinicians."),
            _("The sign-in uses the clinicians' app, and this connection names none."),
            _("Ask the administrator to register it at the record and to enter its client id in step 2."),
        ),
        "ehr-sign-in-busy": (
            _("The EHR cannot sign anyone in at the moment."),
            _("It answered that it is busy or being serviced."),
            _("Wait a few minutes, then sign in again."),
        ),
        "callback-issuer": (
            _("The answer did not come from the EHR that was asked."),
            _("Another sign-in server answered than the one this connection names."),
            _("Do not go on. Tell your administrator; the address of the connection or of its sign-in may be wrong."),
        ),
    }


def _generic(code: str) -> tuple[str, str, str]:
    if code.startswith(_UNREACHABLE):
        return (
            _("The EHR's sign-in could not be reached, or did not say what it must."),
            _("Its address, its certificate or its firewall stands in the way."),
            _("Run the check of this connection; it names what is wrong. Then sign in again."),
        )
    return (
        _("The EHR's answer did not pass our checks."),
        _("It was not signed, not meant for us, or came too late; its clock may be wrong."),
        _("Run the check of this connection, then sign in again. If it stays, tell the EHR's team the code below."),
    )
