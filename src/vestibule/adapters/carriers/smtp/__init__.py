"""E-mail by any mail server: a plain text, and the appointment as an invitation."""

from vestibule.adapters.carriers.smtp.carrier import Smtp

__all__ = ["Smtp"]
