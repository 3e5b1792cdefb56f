"""Who may send, as the database's own functions tell: the asker has no tenant yet, that is what it asks for."""

from __future__ import annotations

from typing import Final

KEY: Final = "select tenant, connection, certificate, not_before, not_after, http_status from whose_sender_key($1)"
CERTIFICATES: Final = "select certificate from whose_sender_certificates() as certificate"
PORTS: Final = "select port, tenant, connection, networks from whose_plain_ports()"
