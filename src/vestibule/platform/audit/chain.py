"""Walking a chain: is every entry as it was written, none missing, none added? Pure.

check = Check(tenant)
for written in entries: check.see(written, head)
check.end(head)
check.flaw is None or print(check.flaw.seq, check.flaw.what)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from vestibule.kit.ids import TenantId
from vestibule.platform.audit.model import GENESIS, Written, chain_hash, content_hash


class Harm(StrEnum):
    """What was done to a chain."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    TRUNCATED = "truncated"
    REPLACED = "replaced"
    HEADLESS = "headless"


SENTENCES = {
    Harm.CHANGED: "what it says is not what was written",
    Harm.MISSING: "it is missing",
    Harm.INSERTED: "it was added from outside",
    Harm.TRUNCATED: "it and whatever followed it were cut off",
    Harm.REPLACED: "another entry was put in its place",
    Harm.HEADLESS: "the record of where the chain ends is gone",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first place at which a chain is not what it was."""

    seq: int
    what: Harm

    @property
    def sentence(self) -> str:
        """What is wrong there, in words."""
        return SENTENCES[self.what]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends."""

    seq: int = 0
    hash: bytes = GENESIS


@dataclass(slots=True)
class Check:
    """One walk along one chain, from its first entry; it remembers the first flaw and looks no further.

    Attributes:
        tenant: whose chain.
        sought: hashes that were noted down earlier.
        at: the last entry found good.
        found: which of those sought were met, and where.
        flaw: None so far.
    """

    tenant: TenantId
    sought: Collection[bytes] = ()
    at: Head = field(default_factory=Head)
    found: dict[bytes, int] = field(default_factory=dict)
    flaw: Flaw | None = None

    def see(self, written: Written, head: Head | None) -> None:
        """The next entry, in the order of numbers; `head` is where the chain ended when it was read."""
        if self.flaw is None:
            self.flaw = self._judge(written, head)
        if self.flaw is None:
            self.at = Head(written.seq, written.hash)
            if written.hash in self.sought:
                self.found[written.hash] = written.seq

    def end(self, head: Head | None) -> None:
        """There are no more; `head` is where the database says that the chain ends."""
        if self.flaw is not None:
            return
        if head is None:
            self.flaw = Flaw(self.at.seq, Harm.HEADLESS) if self.at.seq else None
        elif self.at.seq < head.seq:
            self.flaw = Flaw(self.at.seq + 1, Harm.TRUNCATED)
        elif self.at.hash != head.hash:
            self.flaw = Flaw(self.at.seq, Harm.REPLACED)

    def _judge(self, written: Written, head: Head | None) -> Flaw | None:
        due = self.at.seq + 1
        if written.seq < due or (head is not None and written.seq > head.seq):
            return Flaw(written.seq, Harm.INSERTED)
        if written.seq > due:
            return Flaw(due, Harm.MISSING)
        if not _says_what_was_written(self.tenant, written):
            return Flaw(due, Harm.CHANGED)
        if written.previous != self.at.hash:
            # It is whole in itself, and came after another entry than the one that stands before it now.
            return Flaw(due - 1, Harm.REPLACED) if due > 1 else Flaw(due, Harm.CHANGED)
        return None


def _says_what_was_written(tenant: TenantId, written: Written) -> bool:
    try:
        content = content_hash(written.entry)
    except (ArithmeticError, AttributeError, TypeError, ValueError):  # no program wrote what cannot even be encoded
        return False
    return chain_hash(written.previous, tenant, written.seq, content) == written.hash
