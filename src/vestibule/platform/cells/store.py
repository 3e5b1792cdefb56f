"""The questions another cell may ask, as SQL: each is one of the functions that say whose a name is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vestibule.platform.db import Database

FUNCTIONS: Final[Mapping[str, str]] = {
    "iss": "whose_iss_hash",
    "connection": "whose_connection_hash",
    "link": "whose_link",
    "launch": "whose_launch",
    "invitation": "whose_invitation",
    "token": "whose_token",
    "ehr-sign-in": "whose_ehr_sign_in",
}


class CellStore:
    """Knows what is known here."""

    async def knows(self, db: Database, kind: str, name_hash: bytes) -> bool:
        """Whether any organisation here has this name; no for a kind we do not know, which a newer cell may."""
        function = FUNCTIONS.get(kind)
        if function is None:
            return False
        rows = await db.ask(f"select exists (select from {function}($1) as owner(id) where owner.id is not null)", name_hash)
        return bool(rows[0][0])
