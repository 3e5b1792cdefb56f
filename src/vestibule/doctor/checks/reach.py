"""Can the record be reached: its name, its port, its TLS and certificate, and that it does not send us elsewhere."""

from __future__ import annotations

from datetime import timedelta

from vestibule.doctor.documents import host_of
from vestibule.doctor.model import Finding, good, look, shown, stops
from vestibule.doctor.ports import Outside
from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer
from vestibule.platform.http import Why, why
from vestibule.platform.http.target import BadUrl, join, parse

PHASE = "doctor.reach"
_SOON = timedelta(days=30)
_SECONDS = 4.0

_CAUSES: dict[Why, Finding] = {
    Why.NAME: stops(
        "reach-name",
        "The host name is not known: no address was found for it.",
        "Check the spelling, and that this machine's DNS knows the record's network.",
    ),
    Why.REFUSED: stops(
        "reach-refused",
        "The machine is there, and nothing listens at that port.",
        "Check the port, and whether the record's web server is running.",
    ),
    Why.SILENT: stops("reach-silent", "Nobody answered in time.", "A firewall may be in between: allow this machine to call the record."),
    Why.NO_ROUTE: stops(
        "reach-no-route",
        "This machine knows no way to the network of the record.",
        "Check this machine's network: IPv6 perhaps, or a VPN to the hospital that is down.",
    ),
    Why.HUNG_UP: stops(
        "reach-hung-up",
        "The machine hung up before a safe connection stood.",
        "Its TLS may be older than 1.2, or a firewall cuts the connection: ask the record's operator.",
    ),
    Why.EXPIRED: stops("certificate-expired", "The record's certificate has expired.", "The record's operator must renew it."),
    Why.NOT_YET: stops(
        "certificate-not-yet",
        "The record's certificate is not valid yet.",
        "Check this machine's clock; else the record's operator must correct it.",
    ),
    Why.OTHER_HOST: stops(
        "certificate-other-host",
        "The record's certificate was issued for another host name.",
        "Use the name that the certificate has, or have it corrected.",
    ),
    Why.UNTRUSTED: stops(
        "certificate-untrusted",
        "The record's certificate comes from an authority that this machine does not trust.",
        "The record must send its intermediate certificates, or this machine be told of a private authority.",
    ),
    Why.OLD_TLS: stops("tls-old", "The record speaks only versions of TLS older than 1.2.", "Its operator must switch on TLS 1.2 or 1.3."),
    Why.TLS: stops(
        "tls-failed",
        "What answers there does not speak TLS as it should.",
        "Check the port: plain http may answer there. Else ask the record's operator.",
    ),
}


async def reach(outside: Outside, clock: Clock, url: str) -> list[Finding]:
    """Connect without a word. A single finding that stops says why there is no connection."""
    try:
        hand = await outside.handshake(url, PHASE, timeout=_SECONDS)
    except VestibuleError as error:
        return [unreachable(error)]
    host = shown(host_of(url))
    findings = [good("reachable", f"The record at {host} can be reached{f' over {hand.tls}' if hand.tls else ''}.")]
    if hand.not_after is not None:
        left = hand.not_after - clock.now()
        day = hand.not_after.date().isoformat()
        if left < _SOON:
            what = f"The record's certificate ends on {day}, in {max(0, left.days)} days."
            findings.append(look("certificate-ends-soon", what, "Remind the record's operator to renew it."))
        else:
            findings.append(good("certificate-good", f"The record's certificate is valid until {day}."))
    return findings


def unreachable(error: VestibuleError) -> Finding:
    """Why a call did not come about, or why its answer is of no use."""
    if error.code == "outside-refused-address":
        what = (
            f"The host leads to an address that must not be called: {shown(error.sentence.partition('(')[2].rstrip(').') or 'not public')}."
        )
        return stops("url-refused-address", what, "If the record is in your own network, allow that network: VESTIBULE_ALLOW_NETWORKS.")
    if error.code in {"outside-bad-url", "outside-insecure"}:
        return stops("url-malformed", "This is not an address that can be called.", "Copy the FHIR base URL from the record's own page.")
    if error.code == "outside-bad-header":
        return stops("client-id-odd", "A client id has a character that cannot be sent.", "Enter it again, letter by letter.")
    if error.code == "outside-too-large":
        return stops(
            "answer-too-large", "The record's answer was larger than any honest one.", "Check that the address is the FHIR base URL."
        )
    if error.code == "outside-timeout":
        return stops(
            "answer-slow",
            "The record took the request and gave no whole answer in time.",
            "Try again; if it lasts, ask the record's operator.",
        )
    if error.code in {"outside-circuit-open", "outside-busy"}:
        return look("reach-resting", "The record did not answer just now and is given a moment.", "Wait half a minute and look again.")
    reason = why(error)
    if reason in _CAUSES and error.code in {"outside-unreachable", "outside-tls"}:
        return _CAUSES[reason]
    return stops(
        "answer-broken", "The record's answer broke off or is not HTTP.", "Check the address; if it lasts, ask the record's operator."
    )


async def redirected(outside: Outside, url: str, answer: Answer) -> Finding:
    """Names where a redirect leads. It is never followed."""
    remedy = "Enter the address that the record itself gives as its FHIR base URL."
    try:
        here = parse(url)
        there = join(here, answer.headers.get("location", ""))
        kinds = await outside.kinds(there.url, PHASE, timeout=_SECONDS)
    except (BadUrl, VestibuleError):
        return stops("redirect-nowhere", "The address sends on to one that cannot be called.", remedy)
    if kinds != ("public",) and there.origin != here.origin:
        what = f"The address sends on to {shown(there.host)}, which is a {' and '.join(kinds)} address. It was not followed."
        return stops(
            "redirect-private", what, "Treat it as an attack or a fault of the server; have it explained by the record's operator."
        )
    return stops(
        "redirect", f"The address sends on to {shown(there.origin + there.path.partition('?')[0], 120)}. It was not followed.", remedy
    )
