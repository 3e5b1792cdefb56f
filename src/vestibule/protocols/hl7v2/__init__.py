"""HL7 v2: reading scheduling messages (SIU) and writing acknowledgements. Sans-I/O.

`parse(bytes) -> Message`, `read_notice(message) -> Notice`, `interval(notice, zone)` for what a message says of an appointment;
`header(bytes) -> Header`, `answers(header, outcome)`, `acknowledge(header, code, ...)` for the way back.
"""

from vestibule.protocols.hl7v2.acknowledge import Ack, Complaint, Outcome, acknowledge, answers
from vestibule.protocols.hl7v2.header import Header, glance, header
from vestibule.protocols.hl7v2.languages import language_tag
from vestibule.protocols.hl7v2.message import Message, Segment, parse
from vestibule.protocols.hl7v2.notice import Coded, Named, Notice, Resource, Stamp, Status, Telecom
from vestibule.protocols.hl7v2.siu import interval, read_notice
from vestibule.protocols.hl7v2.stamps import read_stamp, resolve
from vestibule.protocols.hl7v2.telecoms import choose_email, choose_phone

__all__ = [
    "Ack",
    "Coded",
    "Complaint",
    "Header",
    "Message",
    "Named",
    "Notice",
    "Outcome",
    "Resource",
    "Segment",
    "Stamp",
    "Status",
    "Telecom",
    "acknowledge",
    "answers",
    "choose_email",
    "choose_phone",
    "glance",
    "header",
    "interval",
    "language_tag",
    "parse",
    "read_notice",
    "read_stamp",
    "resolve",
]
