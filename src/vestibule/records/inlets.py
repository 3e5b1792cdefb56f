"""The SMS configuration record: where appointments are sent, and what is expected there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vestibule.platform.web.i18n import gettext as _
from vestibule.records.model import Field, Inlet, Shape

EVENTS: Final = ("SIU^S12", "SIU^S13", "SIU^S14", "SIU^S15", "SIU^S17", "SIU^S26")


def sms_configuration(inlet: Inlet) -> tuple[Field, ...]:
    """Its fields: only doors that are open."""
    return (
        *_doors(inlet),
        Field("events", _("Events"), " ".join(EVENTS), _("Others are acknowledged and do nothing."), Shape.ITEMS, firm=False),
        Field("acknowledgement", _("Acknowledgement"), "AA AE AR", _acknowledged(), Shape.ITEMS, firm=False),
        Field("certificate", _("Sender's certificate"), "\n".join(inlet.senders), _certificate(inlet), firm=False),
    )


def _doors(inlet: Inlet) -> Iterator[Field]:
    yield Field("host", _("Host"), inlet.host, shape=Shape.EXACT, also=("server", "address"))
    if inlet.tls_port is not None:
        note = _("TLS with a certificate of the sender's own (mutual TLS).")
        yield Field("tls-port", _("Port of MLLP with TLS"), str(inlet.tls_port), note, Shape.EXACT, ("mllps port", "tls port"))
    if inlet.plain_port is not None:
        networks = ", ".join(inlet.networks) or _("nowhere yet")
        note = _("Not encrypted: only inside a VPN. Taken from %(networks)s.") % {"networks": networks}
        yield Field("plain-port", _("Port of plain MLLP"), str(inlet.plain_port), note, Shape.EXACT, ("mllp port", "port"))
    if inlet.url:
        note = _("HL7 over HTTPS, with the same certificate, or each message signed with its key.")
        yield Field("https-url", _("Address of HL7 over HTTPS"), inlet.url, note, Shape.ADDRESS, ("https url",))


def _acknowledged() -> str:
    return _("Original mode; where a message asks for enhanced mode, CA, CE, CR. It says that the message is stored safely.")


def _certificate(inlet: Inlet) -> str:
    if inlet.senders:
        return _("What the interface engine proves itself by; uploaded here already.")
    return _("Upload the interface engine's certificate (.cer, Base64, public part only) on the page of this connection's appointments.")
