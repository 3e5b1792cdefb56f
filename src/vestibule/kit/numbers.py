"""Whole numbers as people and other systems write them."""

from __future__ import annotations


def digits(text: str, *, most: int) -> int | None:
    """The number that `text` is, written in 1 to `most` ASCII digits and nothing else; None when it is no such number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most else None
