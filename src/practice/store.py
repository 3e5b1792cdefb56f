"""The hospital's file: read once, replaced atomically on every change, so that a kill leaves the old or the new one."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from practice.model import Book


class Store:
    """Holds the book and keeps it on disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "hospital.json"
        self.fresh = not self._path.exists()
        self.book = Book() if self.fresh else msgspec.json.decode(self._path.read_bytes(), type=Book)

    def save(self) -> None:
        """Write the book beside the old one, then take its place."""
        body = msgspec.json.format(msgspec.json.encode(self.book), indent=1)
        beside = self._path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def put(self, book: Book) -> None:
        """Take a changed copy as the truth and keep it."""
        self.book = book
        self.save()

    def copy(self) -> Book:
        """A copy to change at leisure; nothing holds until it is put back."""
        return msgspec.json.decode(msgspec.json.encode(self.book), type=Book)
