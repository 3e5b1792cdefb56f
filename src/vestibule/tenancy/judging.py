"""Is what a person entered usable? Each field is judged by itself, so that a form can say beside each what is wrong.

The judges give field -> code; each code has its sentence in `sentence_of` and its row in docs/reference/errors.md.
"""

from __future__ import annotations

import json
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final
from uuid import UUID

from vestibule.errors import InvalidFields
from vestibule.kit.origins import is_loopback_host
from vestibule.platform.http.target import BadUrl, Target, parse
from vestibule.platform.web.i18n import gettext as _
from vestibule.tenancy.hosts import is_look_alike
from vestibule.tenancy.model import ClientAuth, Content, Department, Organisation

_LONGEST_NAME: Final = 200
_LONGEST_URL: Final = 2000
_LONGEST_SECRET: Final = 1000
_LONGEST_REASON: Final = 500
_MOST_ORIGINS: Final = 20
_MOST_SHARED: Final = 500
_MOST_MINUTES: Final = 10_080
_PROFILE_BYTES: Final = 20_000
_PROFILE_DEPTH: Final = 8
# Control and format characters (a right-to-left override turns a name around), line separators, private and unpaired ones.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff\ue000-\uf8ff]")
_HALF = re.compile(r"[\ud800-\udfff]")
_CLIENT_ID = re.compile(r"[\x21-\x7e]{0,200}")
_SECRET = re.compile(r"[\x20-\x7e]{0,1000}")
_PHONE = re.compile(r"[0-9+()./ \-#*xX]{0,40}")
_REGION = re.compile(r"[a-z0-9-]{0,40}")
_FHIR_VERSION = re.compile(r"[A-Za-z0-9. ]{0,20}")
_EXTERNAL = re.compile(r"[\x20-\x7e]{0,200}")
_DOTS = re.compile(r"(?:^|/)(?:\.|%2[eE]){1,2}(?:/|$)")


def judge_content(content: Content, *, loopback_http: bool) -> dict[str, str]:
    """What is wrong with a draft; parts that are empty may still be filled in."""
    found = {
        "name": name_code(content.name),
        "iss": url_code(content.iss, loopback_http=loopback_http),
        "fhir_version": "" if _FHIR_VERSION.fullmatch(content.fhir_version) else "text-characters",
        "frame_ancestors": _origins_code(content.frame_ancestors, loopback_http=loopback_http),
        "authorize_url": url_code(content.authorize_url, loopback_http=loopback_http, query=True),
        "token_url": url_code(content.token_url, loopback_http=loopback_http, query=True),
        "join_early_minutes": _minutes_code(content.join_early_minutes),
        "join_late_minutes": _minutes_code(content.join_late_minutes),
        "profile": _profile_code(content.profile),
        "shared_with": "too-many-entries" if len(content.shared_with) > _MOST_SHARED else "",
    }
    for part in ("provider_client_id", "patient_client_id", "backend_client_id"):
        found[part] = "" if _CLIENT_ID.fullmatch(getattr(content, part)) else "client-id-characters"
    return _wrong(found)


def judge_complete(content: Content, *, has_secret: bool, needs_approver: bool) -> dict[str, str]:
    """What is missing before anybody may be asked to approve it."""
    pair = bool(content.authorize_url) != bool(content.token_url)
    return _wrong(
        {
            "iss": "" if content.iss else "field-required",
            "provider_client_id": "" if content.provider_client_id or content.patient_client_id else "client-id-missing",
            "secret": "secret-missing" if content.client_auth is ClientAuth.SECRET_BASIC and not has_secret else "",
            "token_url": "url-pair" if pair else "",
            "approver": "approver-missing" if needs_approver and content.approver is None else "",
        }
    )


def judge_secret(secret: str) -> dict[str, str]:
    """Client secrets are printable ASCII (RFC 6749 A.2)."""
    return {} if _SECRET.fullmatch(secret) else {"secret": "secret-characters"}


def judge_reason(reason: str) -> dict[str, str]:
    """Why something was rejected is said, in one to five hundred characters."""
    if not reason.strip():
        return {"reason": "field-required"}
    if len(reason) > _LONGEST_REASON:
        return {"reason": "field-too-long"}
    return {"reason": "text-characters"} if _HIDDEN.search(reason.replace("\n", " ").replace("\r", " ").replace("\t", " ")) else {}


def judge_organisation(one: Organisation) -> dict[str, str]:
    """What is wrong with an organisation by itself; whether its region and parent exist is asked elsewhere."""
    idle = one.idle_minutes
    return _wrong(
        {
            "name": name_code(one.name),
            "support_phone": "" if _PHONE.fullmatch(one.support_phone) else "phone-characters",
            "region": "" if _REGION.fullmatch(one.region) else "region-unknown",
            "entra_tenant": "" if not one.entra_tenant or _is_guid(one.entra_tenant) else "entra-tenant-malformed",
            "idle_minutes": "" if idle is None or 1 <= idle <= 24 * 60 else "minutes-range",
        }
    )


def judge_department(one: Department) -> dict[str, str]:
    """What is wrong with a department by itself."""
    return _wrong(
        {
            "name": name_code(one.name),
            "zone": "" if one.zone in zones() else "zone-unknown",
            "external": "" if _EXTERNAL.fullmatch(one.external) and one.external == one.external.strip() else "text-characters",
        }
    )


@cache
def zones() -> frozenset[str]:
    """Time zones of the IANA database (`Europe/Berlin`), not the files that happen to lie beside them."""
    return frozenset(zone for zone in zoneinfo.available_timezones() if not zone.startswith(("posix/", "right/")) and zone != "localtime")


def name_code(name: str) -> str:
    """What is wrong with a name that people read."""
    if not name.strip():
        return "field-required"
    if len(name) > _LONGEST_NAME:
        return "field-too-long"
    return "text-characters" if _HIDDEN.search(name) or name != name.strip() else ""


def url_code(url: str, *, loopback_http: bool, query: bool = False) -> str:
    """What is wrong with an address of the record. It is never corrected: the record sends it letter by letter."""
    if not url:
        return ""
    if len(url) > _LONGEST_URL:
        return "field-too-long"
    if not url.isascii():
        return "url-not-ascii"
    if "@" in url.partition("://")[2].partition("/")[0]:
        return "url-userinfo"
    if "#" in url or ("?" in url and not query):
        return "url-query"
    try:
        target = parse(url)
    except BadUrl:
        return "url-malformed"
    return _target_code(target, loopback_http=loopback_http)


def refuse(fields: Mapping[str, str], *, phase: str) -> None:
    """Say what is wrong, when anything is.

    Raises:
        InvalidFields: naming each field.
    """
    if fields:
        raise InvalidFields(fields, phase=phase)


def _target_code(target: Target, *, loopback_http: bool) -> str:
    if target.scheme != "https" and not (loopback_http and is_loopback_host(target.host)):
        return "url-not-https"
    if is_look_alike(target.host):
        return "url-look-alike"
    return "url-malformed" if _DOTS.search(target.path.partition("?")[0]) else ""


def _origins_code(origins: Iterable[str], *, loopback_http: bool) -> str:
    origins = list(origins)
    if len(origins) > _MOST_ORIGINS:
        return "too-many-entries"
    for origin in origins:
        try:
            target = parse(origin)
        except BadUrl:
            return "origin-malformed"
        if target.origin != origin:
            return "origin-malformed"
        if code := _target_code(target, loopback_http=loopback_http):
            return code
    return ""


def _minutes_code(minutes: int) -> str:
    return "" if 0 <= minutes <= _MOST_MINUTES else "minutes-range"


def _profile_code(profile: Any) -> str:
    """Only its form; what it means is the vendor's adapter's business."""
    if not isinstance(profile, Mapping):
        return "profile-not-object"
    if _deeper(profile, _PROFILE_DEPTH):
        return "profile-too-large"
    try:
        text = json.dumps(dict(profile), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError):
        return "profile-not-object"
    if r"\u0000" in text or _HALF.search(text):  # PostgreSQL keeps neither
        return "text-characters"
    return "profile-too-large" if len(text) > _PROFILE_BYTES else ""


def _deeper(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return levels <= 0 or any(_deeper(child, levels - 1) for child in children)


def _is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _wrong(found: Mapping[str, str]) -> dict[str, str]:
    return {field: code for field, code in found.items() if code}


def sentence_of(code: str) -> str:
    """What a person reads beside a field, in their language."""
    return _sentences().get(code, _("This cannot be used."))


def _sentences() -> dict[str, str]:
    return {
        "approver-missing": _("Name the person who is to approve this connection."),
        "approver-role": _("This person is not an approver of the organisation, or no longer."),
        "client-id-characters": _("A client id has at most 200 letters, digits and signs, without spaces."),
        "client-id-missing": _("Enter the client id for clinicians, for patients, or both."),
        "entra-tenant-malformed": _("A directory id looks like 72f988bf-86f1-41af-91ab-2d7cd011db47, in small letters."),
        "entra-tenant-not-yours": _(
            "You signed in from another Microsoft directory than this one: it would let you in no more. Enter your own directory's id, "
            "or let somebody of that directory set it."
        ),
        "external-taken": _("Another department has this name in the record already."),
        "field-required": _("Fill in this field."),
        "field-too-long": _("This is too long."),
        "field-unknown": _("There is no such field."),
        "iss-both-environments": _(
            "Another connection has this FHIR base URL for the other environment. One address is either test or production."
        ),
        "iss-duplicate": _("Another connection of this organisation has this FHIR base URL already."),
        "iss-taken": _("Another organisation is connected to this FHIR base URL. It can share it: in its connection, under “Shared with”."),
        "minutes-range": _("This number of minutes is out of range."),
        "origin-malformed": _("An origin is a scheme, a host and at most a port, in small letters: https://ehr.example.org"),
        "parent-circle": _("This organisation would stand above itself."),
        "parent-unknown": _("There is no such organisation."),
        "phone-characters": _("A telephone number has at most 40 digits and signs."),
        "profile-not-object": _("The profile must be a JSON object."),
        "profile-too-large": _("The profile is too large or too deeply nested."),
        "region-unknown": _("This installation does not know that region."),
        "secret-characters": _("A client secret has at most 1,000 printable characters."),
        "secret-missing": _("This way of proving ourselves needs a client secret."),
        "shared-with-self": _("An organisation need not share with itself."),
        "text-characters": _("This has characters that cannot be used here, or spaces at its ends."),
        "too-many-entries": _("These are too many entries."),
        "url-look-alike": _("This host name looks like another one: its letters come from several alphabets."),
        "url-malformed": _("This is not an address of the form https://host/path."),
        "url-not-ascii": _("Write the address with plain letters; an international host name begins with xn--."),
        "url-not-https": _("The address must begin with https://"),
        "url-pair": _("Give both addresses, for sign-in and for tokens, or neither."),
        "url-query": _("This address must not have a question mark or a number sign."),
        "url-userinfo": _("The address must not name a user before its host."),
        "zone-unknown": _("Choose a time zone such as Europe/Berlin."),
    }
