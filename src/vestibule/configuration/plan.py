"""What a file would change: two descriptions side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from vestibule.configuration.shapes import Connection, Department, Organisation
from vestibule.kit.ids import ConnectionId, DepartmentId, TenantId
from vestibule.tenancy.model import VersionState


class Kind(StrEnum):
    """What is to be done with something."""

    CREATE = "create"
    CHANGE = "change"
    SUBMIT = "submit"
    REMOVE = "remove"
    SAME = "unchanged"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is to change; of a secret it says only that it does."""

    field: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A connection as it is here.

    Attributes:
        newest: what was last written down, whatever became of it.
        in_force: what serves, if anything does.
        secret: the newest version's, to see whether a file brings another.
    """

    id: ConnectionId
    revision: int
    state: VersionState
    newest: Connection
    in_force: Connection | None
    secret: str = field(default="", repr=False)

    @property
    def stands(self) -> Connection | None:
        """What an export shows: what is in force or is to be, not what somebody is still writing or what was refused."""
        return self.newest if self.state in {VersionState.APPROVED, VersionState.AWAITING} else self.in_force


@dataclass(frozen=True, slots=True)
class Present:
    """An organisation as it is here. Its own fields are in `shape`, without departments and connections."""

    id: TenantId
    shape: Organisation
    departments: tuple[tuple[DepartmentId, Department], ...] = ()
    connections: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, or to leave.

    Attributes:
        path: where the file says so.
        wanted: what the file says; None for what is to be removed.
        present: what is here; None for what is to be created.
    """

    kind: Kind
    what: str
    name: str
    organisation: str
    differences: tuple[Difference, ...] = ()
    note: str = ""
    path: str = ""
    wanted: Any = field(default=None, repr=False)
    present: Any = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)


_NOBODY = UUID(int=0)
_PARTS = frozenset({"departments", "connections", "client_secret_file"})
_SAID = {
    VersionState.DRAFT: "a draft: where two persons are needed, one of them must submit it",
    VersionState.AWAITING: "awaiting approval",
    VersionState.REJECTED: "rejected by its approver",
}


def steps_for(
    wanted: Organisation, present: Present | None, secrets: Mapping[str, str], *, path: str = "", prune: bool = False
) -> list[Step]:
    """Everything to do for one organisation, in the order in which it must be done.

    Args:
        wanted: what the file says.
        present: what is here.
        secrets: connection's name -> the secret its file brings.
        path: where the file says it.
        prune: whether what the file does not name is to be removed.
    """
    if present is None:
        own = Step(Kind.CREATE, "organisation", wanted.name, wanted.name, path=path, wanted=wanted)
        present = Present(TenantId(_NOBODY), wanted)
    else:
        wanted = msgspec.structs.replace(wanted, region=wanted.region or present.shape.region)
        found = differences(present.shape, wanted)
        kind = Kind.CHANGE if found else Kind.SAME
        own = Step(kind, "organisation", wanted.name, wanted.name, found, path=path, wanted=wanted, present=present)
    return [own, *_departments(wanted, present, path, prune=prune), *_connections(wanted, present, secrets, path, prune=prune)]


def differences(was: msgspec.Struct, now: msgspec.Struct) -> tuple[Difference, ...]:
    """Field by field; parts that are lists of their own have their own steps."""
    names = [name for name in now.__struct_fields__ if name not in _PARTS and getattr(was, name) != getattr(now, name)]
    return tuple(Difference(name, _text(getattr(was, name)), _text(getattr(now, name))) for name in names)


def _departments(wanted: Organisation, present: Present, path: str, *, prune: bool) -> Iterator[Step]:
    here = {_key(one): (number, one) for number, one in present.departments}
    for n, one in enumerate(wanted.departments):
        number, known = here.pop(_key(one), (None, None))
        found = differences(known, one) if known else ()
        kind = Kind.CREATE if known is None else Kind.CHANGE if found else Kind.SAME
        yield Step(kind, "department", one.name, wanted.name, found, path=f"{path}.departments[{n}]", wanted=one, present=number)
    for number, one in here.values() if prune else ():
        yield Step(Kind.REMOVE, "department", one.name, wanted.name, present=number)


def _connections(wanted: Organisation, present: Present, secrets: Mapping[str, str], path: str, *, prune: bool) -> Iterator[Step]:
    here = {one.newest.name: one for one in present.connections}
    for n, one in enumerate(wanted.connections):
        plain = msgspec.structs.replace(one, approver=one.approver.lower(), shared_with=tuple(sorted(one.shared_with)))
        step = _connection(wanted, plain, here.pop(one.name, None), secrets.get(one.name))
        yield replace(step, path=f"{path}.connections[{n}]")
    for known in here.values() if prune else ():
        yield Step(Kind.REMOVE, "connection", known.newest.name, wanted.name, present=known)


def _connection(wanted: Organisation, one: Connection, known: Standing | None, secret: str | None) -> Step:
    def step(kind: Kind, found: Iterable[Difference] = (), note: str = "") -> Step:
        return Step(kind, "connection", one.name, wanted.name, tuple(found), note, wanted=one, present=known, secret=secret)

    if known is None:
        return step(Kind.CREATE)
    new_secret = secret is not None and secret != known.secret
    found = [*differences(known.newest, one), *([Difference("client_secret", "(stored)", "(changed)")] if new_secret else [])]
    if known.state is VersionState.DRAFT and not new_secret and known.in_force and not differences(known.in_force, one):
        return step(Kind.SAME, note="and somebody is writing a draft")
    if not found and known.state is VersionState.DRAFT and not wanted.two_persons:
        return step(Kind.SUBMIT)
    if not found:
        return step(Kind.SAME, note=_SAID.get(known.state, ""))
    if known.state is VersionState.REJECTED and not new_secret and known.in_force and not differences(known.in_force, one):
        return step(Kind.SAME, note="and a newer version was rejected")
    return step(Kind.CHANGE, found)


def _key(one: Department) -> tuple[str, str]:
    return ("external", one.external) if one.external else ("name", one.name)


def _text(value: Any) -> str:
    if value is None or value in ("", (), {}):
        return "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value) if isinstance(value, str | int) else msgspec.json.encode(value).decode()


def told(steps: Iterable[Step]) -> list[str]:
    """The steps as lines for people: what changes with its fields, and a count of what does not."""
    steps = list(steps)
    signs = {Kind.CREATE: "+", Kind.CHANGE: "~", Kind.SUBMIT: ">", Kind.REMOVE: "-"}
    lines = []
    for step in steps:
        where = "" if step.what == "organisation" else f" of {step.organisation}"
        if step.kind is not Kind.SAME:
            lines.append(f"{signs[step.kind]} {step.kind} {step.what} {step.name}{where}")
            lines += [f"    {one.field}: {one.was} -> {one.now}" for one in step.differences]
        elif step.note:
            lines.append(f"= {step.what} {step.name}{where}: {step.note}")
    same = sum(step.kind is Kind.SAME for step in steps)
    changes = len(steps) - same
    return [*lines, f"{changes} to change, {same} unchanged." if changes else f"Nothing to change; {same} unchanged."]


def changes_in(steps: Iterable[Step]) -> bool:
    """Whether anything would be done."""
    return any(step.kind is not Kind.SAME for step in steps)
