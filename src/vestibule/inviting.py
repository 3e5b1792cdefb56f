"""`vestibule admin invite`: the first administrator of an organisation, or another when all have gone."""

from __future__ import annotations

from vestibule.errors import BadInput
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.run import opened
from vestibule.settings import Settings
from vestibule.wiring import Parts

_PHASE = "admin.invite"


async def invite_administrator(settings: Settings, organisation: str, email: str) -> list[str]:
    """Invite somebody; says what was done, the link last.

    Raises:
        BadInput: `organisation-not-named`, `organisation-ambiguous`, `member-email-wrong`.
    """
    async with opened(settings) as parts:
        name, created, url = await invitation(parts, organisation, email)
    return [f"organisation {name}: {'created' if created else 'there already'}", "This link works once, for seven days:", url]


async def invitation(parts: Parts, organisation: str, email: str = "") -> tuple[str, bool, str]:
    """The organisation's name, whether it was made just now, and the one-time link to become its administrator."""
    tenant, name, created = await _organisation(parts, " ".join(organisation.split()))
    async with parts.db.tenant(tenant) as tx:
        invited = await parts.members.invite(tx, email=email, roles={StaffRole.ADMINISTRATOR}, by=SYSTEM)
    return name, created, f"{parts.settings.origin}/invitation/{invited.code}"


async def _organisation(parts: Parts, wanted: str) -> tuple[TenantId, str, bool]:
    """The organisation of that name, or the only one; made when there is none of it."""
    known: list[tuple[TenantId, str]] = []
    for tenant in await parts.tenancy.tenants(parts.db):
        async with parts.db.tenant(tenant) as tx:
            known.append((tenant, (await parts.tenancy.tenant(tx)).name))
    found = [one for one in known if not wanted or one[1].casefold() == wanted.casefold()]
    if len(found) > 1:
        sentence = "Several organisations answer to that; give --organisation with a name that only one has."
        raise BadInput("organisation-ambiguous", sentence, phase=_PHASE)
    if found:
        return *found[0], False
    if not wanted:
        raise BadInput("organisation-not-named", "There is no organisation yet; name one with --organisation.", phase=_PHASE)
    made = await parts.organisations.create(parts.db, name=wanted, region=parts.settings.region, by=SYSTEM)
    return made, wanted, True
