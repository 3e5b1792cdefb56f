"""Saving what was typed on a step of the wizard: read, judge, save; a stale form and a mistake both come back with everything typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from vestibule.doctor.model import Finding, Level
from vestibule.doctor.service import Doctor
from vestibule.errors import Conflict, InvalidFields
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database, Tx
from vestibule.portal.model import differing, read
from vestibule.portal.reports import Reports
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Content, Environment, Vendor, Version, VersionState

_BLANK: Final = Content("", Vendor.GENERIC, Environment.TEST, "")


@dataclass(frozen=True, slots=True)
class Writing:
    """Who wants to save what.

    Attributes:
        typed: field -> text, as it stood in the form.
        revision: of what the writer looked at.
        secret: a new client secret; empty takes it away, None leaves it.
    """

    who: Principal
    by: Actor
    typed: Mapping[str, str]
    revision: int
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it.

    Attributes:
        version: as it is now; None when nothing was saved.
        wrong: field -> code.
        stored: where somebody else was quicker: the fields in which what they stored differs from what was typed; None when nobody was.
        stops: the doctor found something at the address that is in the way.
        words: field -> what the doctor says of it, where that is more than its code says.
    """

    version: Version | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] | None = None
    stops: bool = False
    words: Mapping[str, str] = field(default_factory=dict)


class Drafts:
    """Writes drafts."""

    def __init__(self, db: Database, approvals: Approvals, doctor: Doctor, reports: Reports) -> None:
        self._db = db
        self._approvals = approvals
        self._doctor = doctor
        self._reports = reports

    async def save(self, connection: ConnectionId, writing: Writing) -> Outcome:
        """Save the fields of one step."""
        content, wrong = read(await self._stored(connection, writing), writing.typed)
        return Outcome(wrong=wrong) if wrong else await self._put(connection, writing, content)

    async def address(self, connection: ConnectionId | None, writing: Writing) -> Outcome:
        """Save the first step; before that, look at what answers there, for its vendor and its version. None begins a connection."""
        was = _BLANK if connection is None else await self._stored(connection, writing)
        wanted = writing.typed["vendor"]
        content, wrong = read(was, {**writing.typed, "vendor": wanted or was.vendor.value})
        if wrong or not content.iss:
            return Outcome(wrong={"iss": "field-required", **wrong} if not content.iss else wrong)
        if connection is not None and content == was and wanted:
            return await self._put(connection, writing, content)
        findings, found = await self._doctor.look_at(content.iss)
        if found is not None:
            content = replace(content, vendor=content.vendor if wanted else found.vendor, fhir_version=found.fhir_version)
        elif content.iss != was.iss:
            content = replace(content, fhir_version="")
        outcome = await self._put(connection, writing, content)
        return await self._with_findings(writing, outcome, findings, found.suggested if found else "")

    async def submit(self, connection: ConnectionId, writing: Writing) -> Outcome:
        """Name the approver, and ask them."""
        content, wrong = read(await self._stored(connection, writing), writing.typed)
        if wrong:
            return Outcome(wrong=wrong)

        async def ask(tx: Tx, version: Version) -> Version:
            if version.state is VersionState.REJECTED:  # asked again as it was: a new version, so that the old decision stays readable
                version = await self._approvals.save(
                    tx, connection, content, revision=version.revision, by=writing.by, member=writing.who.member
                )
            if version.state is not VersionState.DRAFT:
                return version
            return await self._approvals.submit(tx, connection, revision=version.revision, by=writing.by, member=writing.who.member)

        return await self._put(connection, writing, content, then=ask)

    # ------------------------------------------------------------------ steps

    async def _stored(self, connection: ConnectionId, writing: Writing) -> Content:
        async with self._db.tenant(writing.who.tenant) as tx:
            return (await self._approvals.newest(tx, connection)).content

    async def _put(self, connection: ConnectionId | None, writing: Writing, content: Content, then: object = None) -> Outcome:
        """Save in one transaction; a mistake, or somebody who was quicker, undoes all of it."""
        try:
            async with self._db.tenant(writing.who.tenant) as tx:
                version = await self._written(tx, connection, writing, content)
                return Outcome(await then(tx, version) if callable(then) else version)
        except InvalidFields as error:
            return Outcome(wrong=error.fields)
        except Conflict as error:
            if error.code != "connection-changed" or connection is None:
                raise
        async with self._db.tenant(writing.who.tenant) as tx:
            return Outcome(stored=differing(writing.typed, (await self._approvals.newest(tx, connection)).content))

    async def _written(self, tx: Tx, connection: ConnectionId | None, writing: Writing, content: Content) -> Version:
        who = {"by": writing.by, "member": writing.who.member}
        if connection is None:
            return await self._approvals.start(tx, content, secret=writing.secret or "", **who)  # type: ignore[arg-type]
        was = await self._approvals.newest(tx, connection)
        if was.content == content and writing.secret is None and was.revision == writing.revision:
            return was  # nothing new: what is in force stays in force, and no draft begins
        return await self._approvals.save(
            tx,
            connection,
            content,
            revision=writing.revision,
            secret=writing.secret,
            **who,  # type: ignore[arg-type]
        )

    async def _with_findings(self, writing: Writing, outcome: Outcome, findings: list[Finding], suggested: str) -> Outcome:
        if outcome.version is None:
            trick = next((one for one in findings if one.level is Level.STOPS and one.code.startswith("url-")), None)
            return replace(outcome, words={"iss": f"{trick.what} {trick.remedy}"}) if trick and "iss" in outcome.wrong else outcome
        async with self._db.tenant(writing.who.tenant) as tx:
            version = outcome.version
            await self._reports.keep(tx, version.connection, "address", findings, revision=version.revision, suggested=suggested)
        return replace(outcome, stops=any(one.level is Level.STOPS for one in findings))
