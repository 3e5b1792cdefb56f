"""What the cells ask each other."""

from __future__ import annotations

from litestar import post

from vestibule.platform.cells.service import WHOSE, Cells, Question, Verdict
from vestibule.platform.web.access import Access


@post(WHOSE, access=Access.CELLS, status_code=200)
async def whose(data: Question, cells: Cells) -> Verdict:
    """Whether a name is known here, asked by its hash."""
    return Verdict(await cells.mine(data))


ROUTES = [whose]
