"""The one outbound door for HTTP."""

from vestibule.platform.http.door import Credentials, Http
from vestibule.platform.http.failures import NEVER_SENT
from vestibule.platform.http.handshake import Handshake, Why, why
from vestibule.platform.http.record import Call

__all__ = ["NEVER_SENT", "Call", "Credentials", "Handshake", "Http", "Why", "why"]
