"""How appointments come: who may send them, for how long still, and whether anybody could read along. Nobody is called."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from vestibule.doctor.model import Finding, good, look, shown
from vestibule.doctor.ports import FeedSeen

_SOON = timedelta(days=30)


def feed(seen: FeedSeen, now: datetime) -> Iterator[Finding]:
    """Everything that can be said of a feed that is switched on."""
    lasting = [ends for _, ends in seen.keys if ends - now >= _SOON]
    for subject, ends in seen.keys:
        if not lasting and now < ends < now + _SOON:
            what = f"The certificate of the sender of appointments, {shown(subject)}, ends on {ends:%Y-%m-%d}."
            yield look("feed-certificate-ends", what, "Have the sender make a new one and upload it beside the old one; both are taken.")
    if seen.keys and all(ends <= now for _, ends in seen.keys):
        what = "Every certificate by which a sender of appointments could prove itself is over."
        yield look("feed-certificate-over", what, "Upload the sender's present certificate.")
    if not seen.keys and not seen.plain:
        what = "Appointments are to come from a feed, and nobody may send any."
        yield look("feed-no-sender", what, "Upload the sender's certificate, or state the network it sends from.")
    if seen.plain:
        what = "Appointments are taken without TLS from the networks that are stated: whoever is in between can read and change them."
        yield look("feed-plain", what, "Use it inside a VPN only; let the sender use TLS with a certificate as soon as it can.")
    if not seen.zone:
        what = "Times that come without a time zone are refused: none is set for this connection's feed."
        yield look("feed-no-zone", what, "Set the time zone of the clinics, if the sender's times have none.")
    yield from _heard(seen)


def _heard(seen: FeedSeen) -> Iterator[Finding]:
    """Does anything come?"""
    remedy = "Look whether `vestibule mllp` runs and its port is open, then ask whoever runs the interface engine."
    if seen.last is None:
        yield look("feed-never-heard", "No appointment has ever come by this connection's feed.", remedy)
    elif seen.silent:
        what = f"The feed is silent for longer than it was in the week before; the last message came at {seen.last:%Y-%m-%d %H:%M} UTC."
        yield look("feed-silent", what, remedy)
    else:
        yield good("feed", f"The last appointment came at {seen.last:%Y-%m-%d %H:%M} UTC.")
    if seen.quarantined:
        what = f"Messages of the feed that wait for a person: {seen.quarantined}."
        yield look("feed-quarantine", what, "Look at them on the page of the feed: each says what stands against it.")
