"""Cells: each region's deployment with a database of its own, and what becomes of a request that reaches the wrong one.

    cells = Cells(db=db, http=http, clock=clock, region="eu", cells=read_cells(settings.cells), token=settings.cells_token)
    WebConfig(..., around=lambda app: Elsewhere(app, cells, PLACES), cells_token=settings.cells_token)

What names something unknown here is asked after in the other cells, by a hash, and sent on to the one that knows it. Nothing of it is kept.
"""

from vestibule.platform.cells.elsewhere import Elsewhere
from vestibule.platform.cells.model import Cell, Named, Place, read_cells
from vestibule.platform.cells.service import Cells

__all__ = ["Cell", "Cells", "Elsewhere", "Named", "Place", "read_cells"]
