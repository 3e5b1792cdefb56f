"""An integration record as plain data: what an analyst copies into the EHR, field by field. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vestibule.tenancy.model import Environment


class Shape(StrEnum):
    """What kind of text a field holds, and so how it is compared.

    ADDRESS: a URL. TOKENS: `name=%TOKEN%` joined by `&`. ITEMS: several values, in any order. TEXT: words, whose case does not matter.
    SNIPPET: code whose white space does not matter. EXACT: every character counts.
    """

    ADDRESS = "address"
    TOKENS = "tokens"
    ITEMS = "items"
    TEXT = "text"
    SNIPPET = "snippet"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a record.

    Attributes:
        name: stable, for machines; `label` is for people.
        note: what to know when copying it; empty where it goes without saying.
        also: what EHRs call it, so that a pasted line is recognised.
        firm: False where the EHR's team decides, so that another value is only worth a look.
    """

    name: str
    label: str
    value: str
    note: str = ""
    shape: Shape = Shape.TEXT
    also: tuple[str, ...] = ()
    firm: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """What is typed into one form of the EHR.

    Attributes:
        kind: of the registry, e.g. `epic-provider`.
        who: whom it is for, in words.
        optional: True where a hospital may do without it.
    """

    kind: str
    title: str
    who: str
    fields: tuple[Field, ...]
    optional: bool = False

    def field(self, name: str) -> Field | None:
        """The line of that name."""
        return next((one for one in self.fields if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Inlet:
    """Where a connection's appointments are taken, for the people who set up the record's outgoing interface.

    Attributes:
        host: as the record's interface engine reaches it.
        tls_port: of MLLP under TLS; None where nobody listens.
        plain_port: of plain MLLP, for senders inside a private network; None for none.
        networks: from where plain MLLP is taken.
        url: of HL7 over HTTPS; empty for none.
        senders: whose certificates were uploaded: subject, and until when.
    """

    host: str
    tls_port: int | None = None
    plain_port: int | None = None
    networks: tuple[str, ...] = ()
    url: str = ""
    senders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """A kind of record whose address comes with later work: named, so that nobody looks for it, and without anything to copy."""

    title: str
    what: str


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    LOOK = "look"
    STOPS = "stops"


@dataclass(frozen=True, slots=True)
class Difference:
    """What the EHR holds otherwise than we gave it.

    Attributes:
        level: STOPS launches, is worth a LOOK, or does no harm (GOOD).
        field: the field's label; empty for the whole text.
        what: the difference, in words.
        remedy: what to do about it; empty where nothing is to be done.
    """

    level: Level
    field: str
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that can be said of an address."""

    level: Level
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another connection of the same organisation: what an address may have been mixed up with."""

    id: str
    name: str
    environment: Environment


# Worst first.
ORDER: Final = {Level.STOPS: 0, Level.LOOK: 1, Level.GOOD: 2}
