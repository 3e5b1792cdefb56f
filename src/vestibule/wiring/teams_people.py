"""Clinicians' one-time sign-in at their organisation's Microsoft directory."""

from __future__ import annotations

from vestibule.adapters.meetings.teams import Places
from vestibule.adapters.meetings.teams.directory import EntraDirectory
from vestibule.meetings.proving import MicrosoftSignIns
from vestibule.wiring.parts import Parts
from vestibule.wiring.teams_cloud import make_cloud


def make_microsoft_sign_ins(parts: Parts) -> MicrosoftSignIns:
    """Signing in where meetings are made, and asking there whether they can be."""
    places = Places.of(parts.settings.graph_url, parts.settings.entra_authority)
    return MicrosoftSignIns(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        audit=parts.audit,
        identity=parts.identity,
        tenancy=parts.tenancy,
        visits=parts.visits,
        settings=parts.meetings.settings,
        bindings=parts.meetings.bindings,
        directory=EntraDirectory(http=parts.http, clock=parts.clock, places=places, loopback_http=parts.settings.allow_loopback_http),
        cloud=make_cloud(parts),
        origin=parts.settings.origin,
    )
