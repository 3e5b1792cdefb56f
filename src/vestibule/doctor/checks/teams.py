"""Microsoft Teams as the meeting: may our application do what it must, for whom, and can Microsoft tell us what happens?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from vestibule.doctor.documents import host_of
from vestibule.doctor.model import Finding, good, look, shown, stops
from vestibule.doctor.ports import Outside, TeamsAnswer, TeamsSeen
from vestibule.errors import VestibuleError
from vestibule.kit.exchange import Ask
from vestibule.kit.ids import new_secret
from vestibule.kit.origins import is_loopback_host

PHASE: Final = "doctor.teams"
_SECONDS: Final = 12.0
_OWN_SECONDS: Final = 5.0
_SOON: Final = timedelta(days=30)
# Microsoft bears about five minutes between its clock and the times in what we sign.
_SKEW_STOPS, _SKEW_LOOK = 300, 60
_NEARLY: Final = 0.8
_HOWTO: Final = "The guide to connecting Teams shows the commands."
# How many of those with the same trouble are named.
_NAMED: Final = 3


async def teams(outside: Outside, seen: TeamsSeen, origin: str, now: datetime) -> AsyncIterator[Finding]:
    """Everything about an organisation's Teams."""
    if seen.ask is None:
        what = (
            "Visits are to take place in Microsoft Teams, and it is not connected." if seen.chosen else "Microsoft Teams is not connected."
        )
        remedy = "Enter the directory, our application there and what proves it, on the page of meetings."
        yield stops("teams-not-connected", what, remedy) if seen.chosen else look("teams-not-connected", what, remedy)
        return
    answer, own = await asyncio.gather(_asked(seen.ask), _notices(outside, seen, origin))
    for finding in (*_signed_in(answer), *_clock(answer), *_certificates(seen, now), *own, *_heard(seen)):
        yield finding
    if not answer.code:
        for finding in (*_permissions(seen, answer), *_organizers(answer), *_month(seen, answer), *_licence(answer)):
            yield finding


async def _asked(ask: Callable[[], Awaitable[TeamsAnswer]]) -> TeamsAnswer:
    try:
        async with asyncio.timeout(_SECONDS):
            return await ask()
    except TimeoutError:
        return TeamsAnswer(code="teams-unreachable", refused=False, what="Microsoft did not answer in time.")


def _signed_in(answer: TeamsAnswer) -> Iterator[Finding]:
    if not answer.code:
        yield good("teams", "Microsoft lets our application in.")
    elif answer.refused:
        what = f"Microsoft does not let our application in ({shown(answer.code)}): {shown(answer.what, 200)}"
        remedy = (
            "Compare the directory's and the application's ids with Microsoft Entra, and the certificate there with the one "
            "that can be downloaded on the page of meetings; a client secret may have ended."
        )
        yield stops("teams-sign-in-refused", what, remedy)
    else:
        what = f"Microsoft could not be asked ({shown(answer.code)}): {shown(answer.what, 200)}"
        yield look("teams-unreached", what, "Let login.microsoftonline.com and graph.microsoft.com through the firewall; else wait.")


def _clock(answer: TeamsAnswer) -> Iterator[Finding]:
    if answer.skew is None:
        return
    skew = abs(answer.skew)
    if skew > _SKEW_LOOK:
        what = f"Microsoft's clock and ours differ by {skew:.0f} seconds."
        remedy = f"Set this machine's clock by NTP: from {_SKEW_STOPS} seconds on Microsoft refuses what we sign."
        yield stops("teams-clock-wrong", what, remedy) if skew >= _SKEW_STOPS else look("teams-clock-wrong", what, remedy)
    else:
        yield good("teams-clock", f"Microsoft's clock and ours agree ({skew:.0f} seconds).")


def _certificates(seen: TeamsSeen, now: datetime) -> Iterator[Finding]:
    """The one that proves us, and the one for which notifications are encrypted."""
    if seen.proof_ends is not None:
        left = seen.proof_ends - now
        remedy = "Make a new one on the page of meetings, upload it in Microsoft Entra beside the old one, and only then take it into use."
        if left <= timedelta(0):
            yield stops(
                "teams-certificate-over", f"The certificate that proves us to Microsoft ended on {seen.proof_ends:%Y-%m-%d}.", remedy
            )
        elif left < _SOON:
            yield look("teams-certificate-ends", f"The certificate that proves us to Microsoft ends on {seen.proof_ends:%Y-%m-%d}.", remedy)
        else:
            yield good("teams-certificate", f"The certificate that proves us to Microsoft is good until {seen.proof_ends:%Y-%m-%d}.")
    if seen.notify_ends is not None and seen.notify_ends <= now:
        what = f"The certificate for which Microsoft encrypts notifications ended on {seen.notify_ends:%Y-%m-%d}."
        yield look(
            "teams-notify-key-over",
            what,
            "The worker makes a new one by itself: look whether it runs, or make one on the page of meetings.",
        )


async def _notices(outside: Outside, seen: TeamsSeen, origin: str) -> list[Finding]:
    """Could Microsoft reach us? From here only the address itself, and whether it answers the way Microsoft demands, can be judged."""
    if not seen.near and (is_loopback_host(host_of(origin)) or not origin.startswith("https://")):
        what = f"Microsoft cannot reach {shown(origin, 200)}: who is in a meeting is not told while it goes on."
        return [
            stops(
                "teams-notices-unreachable",
                what,
                "Set VESTIBULE_PUBLIC_URL to a public https address, and let Microsoft's networks through.",
            )
        ]
    token = new_secret()
    url = f"{origin}{seen.hook}"
    try:
        answer = await outside.perform(
            Ask("POST", f"{url}?validationToken={token}", PHASE, {"Content-Type": "text/plain"}, b""), timeout=_OWN_SECONDS
        )
    except VestibuleError as error:
        what = f"Our own address for notifications, {shown(url, 200)}, could not be called: {error.sentence}"
        return [
            look("teams-notices-unreached", what, "Is `vestibule serve` running? Let somebody outside your network call the address, too.")
        ]
    if answer.ok and answer.body == token.encode() and answer.headers.get("content-type", "").startswith("text/plain"):
        return [good("teams-notices", f"The address for notifications answers as Microsoft demands: {shown(url, 200)}.")]
    what = f"The address for notifications, {shown(url, 200)}, does not answer as Microsoft demands (HTTP {answer.status})."
    return [
        stops(
            "teams-notices-wrong",
            what,
            "Something in between answers instead: make the proxy pass it on, with its query, to `vestibule serve`.",
        )
    ]


def _heard(seen: TeamsSeen) -> Iterator[Finding]:
    if seen.delayed:
        what = f"The live status of {seen.delayed} visits of the last day was late: notifications were lost, or came late."
        if seen.heard is not None:
            what += f" The last one came on {seen.heard:%Y-%m-%d at %H:%M} UTC."
        remedy = "Look at the proxy and the firewall: Microsoft must get an answer within three seconds, each time. The reports stay right."
        yield look("teams-notices-late", what, remedy)


def _permissions(seen: TeamsSeen, answer: TeamsAnswer) -> Iterator[Finding]:
    missing = [(sorted(names), why) for names, why in seen.needed if not names & answer.permissions]
    for names, why in missing:
        what = f"The permission {' or '.join(names)} is not granted: without it not: {why}."
        yield stops("teams-permission-missing", what, f"Add it to our application in Microsoft Entra, and grant admin consent. {_HOWTO}")
    for wanted, why in seen.useful:
        if not wanted & answer.permissions:
            what = f"The permission {' or '.join(sorted(wanted))} is not granted. Visits work without it, but not: {why}."
            yield look("teams-permission-useful", what, f"Add it as well, if you want that. {_HOWTO}")
    if not missing:
        yield good("teams-permissions", "All permissions that visits need are granted.")


_ORGANIZER: Final = {
    "teams-policy-missing": (
        "No application access policy lets our application act for {who}.",
        f"Give it to them, or to everybody; it takes up to 30 minutes. {_HOWTO}",
    ),
    "teams-licence-missing": ("{who} cannot organise meetings: no licence with Teams.", "Give them one in the Microsoft 365 admin center."),
    "teams-user-unknown": (
        "{who} is not known in the directory: the account was removed, or the id is another's.",
        "Unbind them on the page of meetings, or choose another default host; a clinician with a new account signs in once more.",
    ),
}


def _organizers(answer: TeamsAnswer) -> Iterator[Finding]:
    """For whom meetings could be made. Who they are, only the directory says: they are called by their object ids."""
    if not answer.organizers:
        what = "Nobody is known yet who could organise a meeting, so that nobody could be looked at."
        yield look("teams-no-organizer", what, "Set a default host on the page of meetings, or let a clinician sign in once.")
        return
    troubles: dict[str, list[str]] = {}
    for who, code, _ in answer.organizers:
        if code:
            troubles.setdefault(code, []).append(who)
    if "teams-policy-missing" in troubles:
        what, remedy = _said("teams-policy-missing", troubles)
        yield stops("teams-policy-missing", what, remedy)
    if "teams-licence-missing" in troubles:
        what, remedy = _said("teams-licence-missing", troubles)
        yield stops("teams-licence-missing", what, remedy)
    if "teams-user-unknown" in troubles:
        what, remedy = _said("teams-user-unknown", troubles)
        yield stops("teams-user-unknown", what, remedy)
    for code in sorted(set(troubles) - set(_ORGANIZER)):
        what = f"Whether meetings can be made for {_who(troubles[code])} could not be seen ({shown(code)})."
        yield look("teams-organizer-unseen", what, "Look again later; a test visit shows it for certain.")
    if not troubles:
        yield good("teams-organizers", f"Meetings can be made for everybody who was looked at ({len(answer.organizers)}).")


def _said(code: str, troubles: dict[str, list[str]]) -> tuple[str, str]:
    what, remedy = _ORGANIZER[code]
    return what.format(who=_who(troubles[code])), remedy


def _who(ids: list[str]) -> str:
    more = len(ids) - _NAMED
    named = ", ".join(shown(one) for one in ids[:_NAMED])
    return f"{named} and {more} more" if more > 0 else named


def _month(seen: TeamsSeen, answer: TeamsAnswer) -> Iterator[Finding]:
    full = [who for who, _, made in answer.organizers if made >= _NEARLY * seen.limit]
    if full:
        what = f"This month nearly as many meetings were made for {_who(full)} as Microsoft allows ({seen.limit:,})."
        yield look(
            "teams-month-full", what, "Let clinicians sign in once, so that they organise their own visits, or choose another default host."
        )


def _licence(answer: TeamsAnswer) -> Iterator[Finding]:
    if answer.premium is False:
        what = (
            "There is no Teams Premium. Visits work without it; the organisation's look in Microsoft's lobby and its usage report need it."
        )
        yield look("teams-premium-missing", what, "Nothing needs to be done, unless you want those.")
