"""The one outbound door for mail."""

from vestibule.platform.mail.door import NEVER_SENT, Mail, Reply, Server, Stage, Tls

__all__ = ["NEVER_SENT", "Mail", "Reply", "Server", "Stage", "Tls"]
