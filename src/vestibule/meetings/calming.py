"""What stands in the way of a clinician at Microsoft, in words for them: what it is, and what they or their administrator can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vestibule.errors import NotAllowed, OutsideFailed, VestibuleError
from vestibule.platform.web.i18n import gettext as _

_PHASE: Final = "meeting.sign-in"
# Said in words for a person already.
_CALM: Final = ("sign-in-", "teams-", "binding-", "session-over")
# What cannot work until an administrator changes it.
_OURS: Final = (
    "teams-not-signed-in",
    "openid-",
    "token-invalid-client",
    "token-invalid-scope",
    "outside-bad-url",
    "outside-insecure",
    "outside-refused-address",
)
# Somebody, somewhere, is not who they say they are.
_FALSE: Final = ("jwt-", "id-token-", "callback-issuer", "entra-person-missing")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the way.

    Attributes:
        remedy: what the clinician does about it.
        administrator: what an administrator does about it; empty where they need not.
        again: signing in again may help.
    """

    title: str
    what: str
    remedy: str
    administrator: str = ""
    again: bool = False


def in_calm_words(error: VestibuleError) -> VestibuleError:
    """One of a few things a person can understand, or the error itself where it is in such words already."""
    if error.code.startswith(_CALM) and error.code != "teams-not-signed-in":
        return error
    if not error.permanent:
        sentence = "The sign-in service does not answer at the moment. Please try again in a moment."
        return OutsideFailed("sign-in-unavailable", sentence, phase=_PHASE, retry_after=error.retry_after)
    if error.code.startswith(_OURS):
        sentence = "Signing in with Microsoft is not set up as it should be. Please tell your administrator."
        return OutsideFailed("sign-in-misconfigured", sentence, phase=_PHASE, permanent=True)
    if error.code.startswith(_FALSE):
        return NotAllowed("sign-in-not-trusted", "What the sign-in service said about you could not be verified.", phase=_PHASE)
    return OutsideFailed("sign-in-failed", "The sign-in did not succeed. Please start again.", phase=_PHASE, permanent=True)


def problem(code: str) -> Problem | None:
    """What a code means for a clinician; None for nothing, and for a code that is none of these."""
    return {**_of_whoever_signed_in(), **_of_the_sign_in(), **_of_the_account()}.get(code)


def _of_whoever_signed_in() -> Mapping[str, Problem]:
    other = _("Press the button and choose “Use another account”. Take the work account that you have in this organisation.")
    return {
        "sign-in-declined": Problem(
            _("You are not signed in yet"),
            _("The sign-in at Microsoft was cancelled, or your organisation has not allowed it."),
            _("Sign in again."),
            _("Where Microsoft asks for an administrator's approval: grant admin consent to the application once, for everybody."),
            again=True,
        ),
        "teams-wrong-directory": Problem(
            _("That account belongs to another organisation"),
            _("Meetings are made in this organisation's Microsoft 365, and the account you chose is not of it."),
            other,
            again=True,
        ),
        "teams-guest-account": Problem(
            _("That is a guest account"),
            _("In this organisation's Microsoft 365 you are only a guest with it, and a guest can hold no meeting there."),
            other,
            _("Somebody who has no other account here needs one of this directory: a member's, with a licence for Teams."),
            again=True,
        ),
    }


def _of_the_sign_in() -> Mapping[str, Problem]:
    later = _("Sign in again in a moment. People in the waiting room stay there meanwhile.")
    return {
        "sign-in-unavailable": Problem(_("Microsoft does not answer"), _("The sign-in could not be finished just now."), later, again=True),
        "sign-in-failed": Problem(_("The sign-in did not succeed"), _("Microsoft did not finish it."), later, again=True),
        "sign-in-not-trusted": Problem(
            _("The sign-in could not be verified"),
            _("What came back from Microsoft does not prove who you are, so nothing was kept of it."),
            _("Sign in again. If this comes back, tell your support team the reference below."),
            again=True,
        ),
        "sign-in-misconfigured": Problem(
            _("Signing in is not set up as it should be"),
            _("Microsoft does not accept your organisation's connection."),
            _("Tell your administrator. You can sign in as soon as it is put right."),
            _("On the page Meetings press Test now: it says what Microsoft objects to."),
            again=True,
        ),
        "teams-connection-changed": Problem(
            _("Your organisation changed its connection"), _("That happened while you were signing in."), _("Sign in again."), again=True
        ),
        "teams-not-set-up": Problem(
            _("Microsoft Teams is not connected"),
            _("Your organisation has not connected its Microsoft 365 yet, so there is nowhere to sign in."),
            _("Tell your administrator."),
            _("The page Meetings leads through it step by step."),
        ),
        "binding-nobody": Problem(
            _("We do not know who you are in the record"),
            _("This visit was not opened from the record, so there is nobody to remember the sign-in for."),
            _("Open the visit by its button in the record, then sign in."),
        ),
    }


def _of_the_account() -> Mapping[str, Problem]:
    stay = _("Tell your administrator. You need not sign in again: it works as soon as they have done it.")
    return {
        "teams-licence-missing": Problem(
            _("Your account has no licence for Teams"),
            _("You are signed in, but Microsoft lets nobody hold a meeting without one."),
            stay,
            _("In the Microsoft 365 admin center open Users, Active users, this person, Licenses and apps, and switch on one with Teams."),
        ),
        "teams-policy-missing": Problem(
            _("Microsoft does not let us make meetings for you yet"),
            _("You are signed in, but no application access policy of your organisation includes you."),
            stay,
            _("In the Teams PowerShell run Grant-CsApplicationAccessPolicy for this person, or -Global; it can take half an hour to work."),
        ),
        "teams-permission-missing": Problem(
            _("Microsoft does not let us make meetings yet"),
            _("You are signed in, but your organisation has not granted us a permission that meetings need."),
            stay,
            _("In Microsoft Entra open the application, API permissions, and grant admin consent."),
        ),
        "teams-user-unknown": Problem(
            _("Microsoft does not know this account"),
            _("The account with which you signed in is not in your organisation's directory any more."),
            _("Sign in again with the work account that you have now."),
            again=True,
        ),
        "teams-not-signed-in": Problem(
            _("Microsoft does not accept your organisation's connection"),
            _("You are signed in, but meetings cannot be made until the connection works again."),
            stay,
            _("On the page Meetings press Test now: it says what Microsoft objects to."),
        ),
    }
