"""Texting by hand, put together: the page that staff open beside a visit."""

from __future__ import annotations

from vestibule.messages.composing import Composing
from vestibule.messages.setting import MessageSettings
from vestibule.platform.web.config import NavItem
from vestibule.wiring.launching import regions_of
from vestibule.wiring.parts import Parts

BESIDE = (NavItem("text", "Text the link"),)


def make_composing(parts: Parts) -> Composing:
    """What the page shows, and sends."""
    return Composing(
        messages=parts.messages,
        settings=MessageSettings(parts.box),
        visits=parts.visits,
        tenancy=parts.tenancy,
        clock=parts.clock,
        regions=regions_of(parts),
        origin=parts.settings.origin,
    )
