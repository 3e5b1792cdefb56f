"""MLLP, the Minimal Lower Layer Protocol: where one HL7 message ends and the next begins on a connection. Sans-I/O.

A block is `<SB> data <EB> <CR>` with SB = 0x0B and EB = 0x1C (HL7 Transport Specification: MLLP, Release 1).
"""

from vestibule.protocols.mllp.framing import Fault, FaultKind, Framer, frame

__all__ = ["Fault", "FaultKind", "Framer", "frame"]
