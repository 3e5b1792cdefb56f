"""Connecting Teams, step by step: the application in the directory, what proves it, and what an administrator there grants it."""

from __future__ import annotations

from base64 import encodebytes
from hashlib import sha1, sha256
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.errors import Conflict, InvalidFields, NotFound
from vestibule.identity.model import Principal
from vestibule.meetings.desk import words
from vestibule.meetings.desk.frame import ADMINISTRATORS, BAD, STALE, AnyRequest, AnyResponse, MeetingDesk, Step, back, show
from vestibule.meetings.keys import KeyPurpose
from vestibule.meetings.model import KeyPair, ProofKind, Settings
from vestibule.meetings.permissions import PERMISSIONS
from vestibule.platform.audit import Actor

_STALE_CODE = "meeting-settings-changed"
_POLICY = "Vestibule"
_PHASE = "meetings.settings"
CALLBACK = "/meetings/teams/callback"


class ApplicationForm(msgspec.Struct, forbid_unknown_fields=True):
    """The directory, and our application in it."""

    directory: str = ""
    client_id: str = ""
    revision: int = 0

    def typed(self) -> dict[str, Any]:
        """As ids are written: portals show them in either case."""
        return {"directory": self.directory.strip().lower(), "client_id": self.client_id.strip().lower()}


class ProofForm(msgspec.Struct, forbid_unknown_fields=True):
    """What proves us. An empty secret leaves the stored one."""

    proof: str = ""
    secret: str = ""
    revision: int = 0

    def changes(self, stored: Settings) -> dict[str, Any]:
        """What is wanted, of what there is.

        Raises:
            InvalidFields: `proof`, or `secret` where there is none yet.
        """
        try:
            proof = ProofKind(self.proof)
        except ValueError:
            raise InvalidFields({"proof": "choice-unknown"}, phase=_PHASE) from None
        secret = self.secret.strip() or stored.secret
        if proof is ProofKind.SECRET and not secret:
            raise InvalidFields({"secret": "field-required"}, phase=_PHASE)
        return {"proof": proof, "secret": secret} if proof is ProofKind.SECRET else {"proof": proof}


# ---------------------------------------------------------------------- the application


@get("/s/{sid:uuid}/meetings/application", access=ADMINISTRATORS)
async def application_page(request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk) -> AnyResponse:
    """The ids, and what is to be entered at Microsoft."""
    return await _application(request, principal, meeting_desk)


@post("/s/{sid:uuid}/meetings/application", access=ADMINISTRATORS)
async def save_application(
    request: AnyRequest, principal: Principal, data: URLEncodedBody[ApplicationForm], meeting_desk: MeetingDesk, actor: Actor
) -> AnyResponse:
    """Keep them."""
    try:
        async with meeting_desk.db.tenant(principal.tenant) as tx:
            await meeting_desk.settings.save(tx, data.typed(), revision=data.revision, by=actor)
    except InvalidFields as error:
        return await _application(request, principal, meeting_desk, data.typed(), wrong=dict(error.fields), status=BAD)
    except Conflict as error:
        return await _application(request, principal, meeting_desk, data.typed(), status=STALE, **_in_the_way(error))
    return back(principal, "proof", told="saved")


async def _application(
    request: AnyRequest, principal: Principal, desk: MeetingDesk, typed: dict[str, Any] | None = None, **more: Any
) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
    values = typed or {"directory": over.settings.directory, "client_id": over.settings.client_id}
    facts = {"stale": False, **more}
    return show(
        request,
        principal,
        "application.html",
        over,
        step=Step.APPLICATION,
        values=values,
        callback=f"{desk.origin}/meetings/teams/callback",
        **facts,
    )


# ---------------------------------------------------------------------- what proves it


@get("/s/{sid:uuid}/meetings/proof", access=ADMINISTRATORS)
async def proof_page(request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk) -> AnyResponse:
    """Certificate or secret; certificates with their dates."""
    return await _proof(request, principal, meeting_desk)


@post("/s/{sid:uuid}/meetings/proof", access=ADMINISTRATORS)
async def save_proof(
    request: AnyRequest, principal: Principal, data: URLEncodedBody[ProofForm], meeting_desk: MeetingDesk, actor: Actor
) -> AnyResponse:
    """Keep it."""
    try:
        async with meeting_desk.db.tenant(principal.tenant) as tx:
            await meeting_desk.settings.save(tx, data.changes(await meeting_desk.settings.get(tx)), revision=data.revision, by=actor)
            over = await meeting_desk.overview(tx)
    except InvalidFields as error:
        return await _proof(request, principal, meeting_desk, chosen=data.proof, wrong=dict(error.fields), status=BAD)
    except Conflict as error:
        return await _proof(request, principal, meeting_desk, chosen=data.proof, status=STALE, **_in_the_way(error))
    return back(principal, "permissions" if over.ready else "proof", told="saved")


@post("/s/{sid:uuid}/meetings/proof/certificate", access=ADMINISTRATORS)
async def make_certificate(principal: Principal, meeting_desk: MeetingDesk, actor: Actor) -> AnyResponse:
    """A key pair of our own; the private half never leaves. Pressing twice makes one."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        before = {pair.id for _, pair in await meeting_desk.keys.listing(tx)}
    pair = await meeting_desk.keys.prepare_app(meeting_desk.db, principal.tenant)
    if pair.id not in before:
        await _note_made(meeting_desk, principal, pair, KeyPurpose.APP, actor)
    return back(principal, "proof", told="made")


@post("/s/{sid:uuid}/meetings/proof/certificate/{key:str}/use", access=ADMINISTRATORS)
async def use_certificate(principal: Principal, key: str, meeting_desk: MeetingDesk, actor: Actor) -> AnyResponse:
    """It was uploaded: we prove ourselves by it from now on."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        await meeting_desk.keys.use(tx, key)
        meeting_desk.audit.note(tx, "meeting-key.used", by=actor, about=("meeting-key", key))
    return back(principal, "proof", told="used")


@post("/s/{sid:uuid}/meetings/proof/notifications", access=ADMINISTRATORS)
async def renew_notifications(principal: Principal, meeting_desk: MeetingDesk, actor: Actor) -> AnyResponse:
    """A new key pair for which Microsoft encrypts; the old one opens what is under way."""
    if not await meeting_desk.keys.renew_notify(meeting_desk.db, principal.tenant, now=True):
        return back(principal, "proof")  # there is none, or somebody was quicker
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        pair = await meeting_desk.keys.notify(tx)
    if pair is not None:
        await _note_made(meeting_desk, principal, pair, KeyPurpose.NOTIFY, actor)
    return back(principal, "proof", told="renewed")


@get("/s/{sid:uuid}/meetings/proof/certificate/{key:str}/file", access=ADMINISTRATORS)
async def certificate_file(principal: Principal, key: str, meeting_desk: MeetingDesk) -> Response[bytes]:
    """The public half as a Base64 `.cer` file, as Microsoft Entra takes it."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        found = next((pair for purpose, pair in await meeting_desk.keys.listing(tx) if pair.id == key and purpose is KeyPurpose.APP), None)
    if found is None:
        raise NotFound("meeting-key-not-found", "There is no such certificate, or no longer.", phase="meetings.keys")
    body = b"-----BEGIN CERTIFICATE-----\n" + encodebytes(found.certificate) + b"-----END CERTIFICATE-----\n"
    name = f"vestibule-teams-{found.made_at:%Y-%m-%d}.cer"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(body, media_type="application/pkix-cert", headers=headers)


async def _note_made(desk: MeetingDesk, principal: Principal, pair: KeyPair, purpose: KeyPurpose, by: Actor) -> None:
    async with desk.db.tenant(principal.tenant) as tx:
        desk.audit.note(tx, "meeting-key.made", by=by, about=("meeting-key", pair.id), detail={"purpose": purpose.value})


async def _proof(request: AnyRequest, principal: Principal, desk: MeetingDesk, *, chosen: str = "", **more: Any) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
        notify = await desk.keys.notify(tx)
    facts = {"stale": False, **more}
    return show(
        request,
        principal,
        "proof.html",
        over,
        step=Step.PROOF,
        chosen=chosen or over.settings.proof.value,
        notify=notify,
        thumbprints=thumbprints,
        now=desk.clock.now(),
        **facts,
    )


def thumbprints(pair: KeyPair) -> tuple[str, str]:
    """A certificate's thumbprints as Microsoft Entra shows them: SHA-1, which is a name there and proves nothing, and SHA-256."""
    return sha1(pair.certificate, usedforsecurity=False).hexdigest().upper(), sha256(pair.certificate).hexdigest().upper()


# ---------------------------------------------------------------------- what it may do


@get("/s/{sid:uuid}/meetings/permissions", access=ADMINISTRATORS)
async def permissions_page(request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk) -> AnyResponse:
    """What a Microsoft 365 administrator grants, command by command, with this organisation's ids in them."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        over = await meeting_desk.overview(tx)
    one = over.settings
    return show(
        request,
        principal,
        "permissions.html",
        over,
        step=Step.PERMISSIONS,
        permissions=PERMISSIONS,
        reasons=words.reasons(),
        consent=consent_address(meeting_desk.login, one) if one.connected else "",
        commands=commands(one),
    )


def consent_address(login: str, one: Settings) -> str:
    """Where an administrator of the directory consents for everybody."""
    return f"{login}/{one.directory}/adminconsent?{urlencode({'client_id': one.client_id})}"


def commands(one: Settings) -> list[tuple[str, str]]:
    """What to type in PowerShell: (key, command)."""
    directory, client = one.directory or "DIRECTORY-ID", one.client_id or "CLIENT-ID"
    return [
        ("install", "Install-Module MicrosoftTeams -Scope CurrentUser"),
        ("connect", f"Connect-MicrosoftTeams -TenantId {directory}"),
        ("new", f'New-CsApplicationAccessPolicy -Identity {_POLICY} -AppIds "{client}" -Description "Video visits"'),
        ("everybody", f"Grant-CsApplicationAccessPolicy -PolicyName {_POLICY} -Global"),
        ("one", f'Grant-CsApplicationAccessPolicy -PolicyName {_POLICY} -Identity "{one.default_host or "OBJECT-ID"}"'),
    ]


def _in_the_way(error: Conflict) -> dict[str, Any]:
    """What the page says at its top."""
    return {"stale": True} if error.code == _STALE_CODE else {"told": "keeps"}


ROUTES = [
    application_page,
    save_application,
    proof_page,
    save_proof,
    make_certificate,
    use_certificate,
    renew_notifications,
    certificate_file,
    permissions_page,
]
