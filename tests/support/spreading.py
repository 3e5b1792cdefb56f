"""How test files are spread over two processes: a file stays whole, and files that share something costly to load stay together."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

# Each file that asks Microsoft's own SDKs loads thousands of modules, once for each process.
_SDKS = "_as_microsoft_says_it.py"


class Spreading(LoadFileScheduling):
    """By file, in the order they are collected; the judges from Microsoft's SDKs count as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "the SDKs" if file.endswith(_SDKS) else file
