"""What `vestibule audit` does: prove the chains, and say where they end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from vestibule.errors import BadInput, NotFound
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Check, Head
from vestibule.run import opened
from vestibule.settings import Settings
from vestibule.wiring import Parts

_HASH = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Proved:
    """One organisation's chain, walked to its end or to its first flaw."""

    name: str
    check: Check

    def line(self) -> str:
        """It in words."""
        flaw, at = self.check.flaw, self.check.at
        if flaw is None:
            return f"{self.name}: intact, {at.seq} entries, head {at.hash.hex()}"
        return f"{self.name}: BROKEN at entry {flaw.seq}: {flaw.sentence} ({flaw.what})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every chain, and which of the heads noted down earlier none of them holds."""

    chains: list[Proved]
    lost: list[str]

    @property
    def sound(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.lost and all(one.check.flaw is None for one in self.chains)

    def lines(self) -> list[str]:
        """It in words."""
        lost = [f"BROKEN: no chain holds the head {one}: what led to it was cut off or written anew" for one in self.lost]
        return [one.line() for one in self.chains] + lost


async def verify_audit(settings: Settings, organisation: str, heads: Sequence[str]) -> Verdict:
    """Walk every chain, or one organisation's.

    Raises:
        BadInput: `audit-head-wrong`. NotFound: `organisation-unknown`.
    """
    sought = {_hash(text) for text in heads}
    async with opened(settings) as parts:
        chains = []
        async for tenant, name in _chosen(parts, organisation):
            chains.append(Proved(name, await parts.audit.verify(parts.db, tenant, sought=sought)))
    met = {one for proved in chains for one in proved.check.found}
    return Verdict(chains, sorted(one.hex() for one in sought - met))


async def audit_heads(settings: Settings, organisation: str) -> list[tuple[str, Head]]:
    """Where each chain ends, by the organisation's name."""
    found = []
    async with opened(settings) as parts:
        async for tenant, name in _chosen(parts, organisation):
            async with parts.db.tenant(tenant) as tx:
                found.append((name, await parts.audit.head(tx)))
    return found


async def _chosen(parts: Parts, organisation: str) -> AsyncIterator[tuple[TenantId, str]]:
    met = False
    for tenant in await parts.audit.tenants(parts.db):
        name = await _name(parts, tenant)
        if organisation in {"", name, str(tenant)}:
            met = True
            yield tenant, name
    if organisation and not met:
        raise NotFound("organisation-unknown", "There is no organisation of this name here.", phase="audit.verify")


async def _name(parts: Parts, tenant: TenantId) -> str:
    """What the organisation is called; one that was removed from its table still has its chain, and an id."""
    try:
        async with parts.db.tenant(tenant) as tx:
            return (await parts.tenancy.tenant(tx)).name
    except NotFound:
        return str(tenant)


def _hash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise BadInput("audit-head-wrong", "A head is the 64 hexadecimal digits that `vestibule audit head` prints.", phase="audit.verify")
    return bytes.fromhex(text)
