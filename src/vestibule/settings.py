"""The one door for the environment: every setting, its type, its default, its help. All mistakes are reported at once.

A secret may be given as `NAME_FILE=/path` instead of `NAME=value`; giving both, or a file that cannot be read, is a mistake.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vestibule.errors import VestibuleError
from vestibule.kit.origins import is_loopback_host

_TRUE = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_REGION = re.compile(r"[a-z][a-z0-9-]{0,30}")
_SHORTEST_TOKEN = 32


class SettingsError(VestibuleError):
    """One or more settings are wrong; `mistakes` has a line each."""

    def __init__(self, mistakes: list[str]) -> None:
        """Collect every mistake, so that a person mends them in one go."""
        super().__init__("settings-wrong", "\n".join(mistakes), phase="settings")
        self.mistakes = mistakes


def _text(raw: str) -> str:
    return raw


def _flag(raw: str) -> bool:
    if raw.lower() not in _TRUE:
        raise ValueError("must be true or false")
    return _TRUE[raw.lower()]


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not raw.lstrip("-").isdigit() or not low <= int(raw) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(raw)

    return read


def _words(raw: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def _networks(raw: str) -> tuple[str, ...]:
    for word in _words(raw):
        ipaddress.ip_network(word)  # its own ValueError says what is wrong
    return _words(raw)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return raw

    return read


def _origin(raw: str) -> str:
    if not raw:
        return raw
    parts = urlsplit(raw)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.username:
        raise ValueError("must be an origin such as https://visits.example.org, without path or user")
    if parts.scheme == "http" and not is_loopback_host(parts.hostname):
        raise ValueError("must be https; plain http is for loopback only")
    return raw.rstrip("/")


def _region(raw: str) -> str:
    if raw and not _REGION.fullmatch(raw):
        raise ValueError("must be a short name such as eu or us-west")
    return raw


def _cells(raw: str) -> tuple[str, ...]:
    """`region=origin`, each region and each origin once."""
    pairs = [(_region(region), _origin(origin)) for region, _, origin in (word.partition("=") for word in _words(raw))]
    if not all(region and origin for region, origin in pairs):
        raise ValueError("must be region=origin, comma-separated, such as eu=https://eu.example.org,us=https://us.example.org")
    if any(len({pair[n] for pair in pairs}) < len(pairs) for n in (0, 1)):
        raise ValueError("must name each region and each origin once")
    return tuple(f"{region}={origin}" for region, origin in pairs)


def _fit_together(values: Mapping[str, Any]) -> list[str]:
    """Mistakes that no setting makes alone."""
    region, token = values.get("region", ""), values.get("cells_token", "")
    others = [cell for cell in values.get("cells", ()) if not cell.startswith(f"{region}=")]
    mistakes = []
    if others and not region:
        mistakes.append("VESTIBULE_REGION must name this deployment's own region where VESTIBULE_CELLS names others")
    if others and len(token) < _SHORTEST_TOKEN:
        mistakes.append(f"VESTIBULE_CELLS_TOKEN must have at least {_SHORTEST_TOKEN} characters where VESTIBULE_CELLS names other cells")
    if bool(values.get("oidc_issuer")) != bool(values.get("oidc_client_id")):
        mistakes.append("VESTIBULE_OIDC_ISSUER and VESTIBULE_OIDC_CLIENT_ID must be given together")
    return mistakes


def _address(raw: str) -> str:
    """An address of a sign-in service, kept letter by letter: its name is compared so."""
    parts = urlsplit(raw)
    if raw and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username):
        raise ValueError("must be an address such as https://sign-in.example.org, without query or user")
    if parts.scheme == "http" and not is_loopback_host(parts.hostname or ""):
        raise ValueError("must be https; plain http is for loopback only")
    return raw


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name in the environment, how it is read, what it is when absent, and what it means."""

    name: str
    field: str
    read: Callable[[str], Any]
    default: str
    help: str
    secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "DATABASE_URL", "database_url", _text, "", "PostgreSQL 15 or newer; empty means the embedded one in VESTIBULE_DATA.", secret=True
    ),
    Setting("VESTIBULE_DATA", "data", Path, "var/data", "Folder for the embedded database and generated keys."),
    Setting("VESTIBULE_HOST", "host", _text, "127.0.0.1", "Address to listen on; a TLS-terminating proxy stands in front."),
    Setting("VESTIBULE_PORT", "port", _number(0, 65535), "8080", "Port to listen on; 0 takes a free one."),
    Setting(
        "VESTIBULE_PUBLIC_URL",
        "public_url",
        _origin,
        "",
        "The origin people and EHRs see; https except on loopback. Empty: http://HOST:PORT.",
    ),
    Setting(
        "VESTIBULE_KEYS",
        "keys",
        _words,
        "",
        "Key ring: name:base64 of 32 bytes, comma-separated, current first. Empty: made once in VESTIBULE_DATA.",
        secret=True,
    ),
    Setting(
        "VESTIBULE_ALLOW_LOOPBACK_HTTP",
        "allow_loopback_http",
        _flag,
        "false",
        "Let EHR addresses be plain http on loopback. For the demo and tests only.",
    ),
    Setting(
        "VESTIBULE_ALLOW_NETWORKS",
        "allow_networks",
        _networks,
        "",
        "Private networks that hold EHRs or mail servers, e.g. 10.20.0.0/16; all others are refused.",
    ),
    Setting("VESTIBULE_TRUSTED_PROXIES", "trusted_proxies", _words, "", "Addresses whose X-Forwarded-For is believed, comma-separated."),
    Setting("VESTIBULE_METRICS_TOKEN", "metrics_token", _text, "", "Bearer token for /metrics; empty: loopback only.", secret=True),
    Setting("VESTIBULE_REGION", "region", _region, "", "The region of the organisations that live in this deployment, e.g. eu."),
    Setting(
        "VESTIBULE_CELLS",
        "cells",
        _cells,
        "",
        "Every region's deployment, e.g. eu=https://eu.example.org,us=https://us.example.org; the same in all of them.",
    ),
    Setting(
        "VESTIBULE_CELLS_TOKEN", "cells_token", _text, "", "Secret by which the cells know each other; 32 characters or more.", secret=True
    ),
    Setting("VESTIBULE_RATE_LIMITS", "rate_limits", _flag, "true", "Slow down clients that ask too often; false only under a load test."),
    Setting("VESTIBULE_STUN_URLS", "stun_urls", _words, "", "STUN addresses for the room, e.g. stun:relay.example.org:3478."),
    Setting("VESTIBULE_TURN_URLS", "turn_urls", _words, "", "TURN addresses for the room, e.g. turns:relay.example.org:5349."),
    Setting("VESTIBULE_TURN_SECRET", "turn_secret", _text, "", "The relay's static-auth-secret.", secret=True),
    Setting("VESTIBULE_RELAY_ONLY", "relay_only", _flag, "false", "All media goes through the relay; nobody learns another's address."),
    Setting("VESTIBULE_SESSION_IDLE_MINUTES", "session_idle_minutes", _number(1, 1440), "60", "A session ends after so long without use."),
    Setting("VESTIBULE_SESSION_HOURS", "session_hours", _number(1, 72), "12", "A session ends after so long in any case."),
    Setting(
        "VESTIBULE_STAFF_IDLE_MINUTES",
        "staff_idle_minutes",
        _number(2, 480),
        "15",
        "Staff are signed out after so long without use; an organisation may set its own time.",
    ),
    Setting("VESTIBULE_ENTRA_CLIENT_ID", "entra_client_id", _text, "", "Application id at Microsoft Entra ID, where staff sign in."),
    Setting("VESTIBULE_ENTRA_CLIENT_SECRET", "entra_client_secret", _text, "", "That application's client secret.", secret=True),
    Setting(
        "VESTIBULE_ENTRA_AUTHORITY",
        "entra_authority",
        _address,
        "https://login.microsoftonline.com/organizations/v2.0",
        "Where Microsoft accounts sign in; another one for a national cloud or a single tenant.",
    ),
    Setting(
        "VESTIBULE_GRAPH_URL",
        "graph_url",
        _address,
        "https://graph.microsoft.com",
        "Where Microsoft Graph answers, for meetings in Teams; another one for a national cloud.",
    ),
    Setting("VESTIBULE_OIDC_ISSUER", "oidc_issuer", _address, "", "Issuer of any other OpenID Connect provider where staff sign in."),
    Setting("VESTIBULE_OIDC_CLIENT_ID", "oidc_client_id", _text, "", "Our client id there."),
    Setting("VESTIBULE_OIDC_CLIENT_SECRET", "oidc_client_secret", _text, "", "Our client secret there.", secret=True),
    Setting("VESTIBULE_OIDC_NAME", "oidc_name", _text, "single sign-on", "What stands on its button after *Sign in with*."),
    Setting(
        "VESTIBULE_GRACE_SECONDS",
        "grace_seconds",
        _number(1, 120),
        "6",
        "How long a dropped connection may take to return before it counts as a disconnect.",
    ),
    Setting("VESTIBULE_POOL_SIZE", "pool_size", _number(2, 200), "10", "Database connections a process may hold."),
    Setting("VESTIBULE_WORKER_CONCURRENCY", "worker_concurrency", _number(1, 1000), "50", "Effects a worker carries out at once."),
    Setting("VESTIBULE_MLLP_HOST", "mllp_host", _text, "127.0.0.1", "Address on which vestibule mllp listens, on all its ports."),
    Setting("VESTIBULE_MLLP_PORT", "mllp_port", _number(0, 65535), "2576", "Port for HL7 over MLLP with TLS; 0 takes a free one."),
    Setting("VESTIBULE_HL7_HTTPS_PORT", "hl7_https_port", _number(0, 65535), "2577", "Port for HL7 over HTTPS; 0 takes a free one."),
    Setting(
        "VESTIBULE_TLS_CERTIFICATE",
        "tls_certificate",
        _text,
        "",
        "File with the certificate (and chain) of vestibule mllp, PEM. Empty: only plain ports of connections listen.",
    ),
    Setting("VESTIBULE_TLS_KEY", "tls_key", _text, "", "File with its private key, PEM. Empty: it is in the certificate's file."),
    Setting(
        "VESTIBULE_MLLP_MAX_BYTES",
        "mllp_max_bytes",
        _number(10_000, 50_000_000),
        "10000000",
        "Largest HL7 message that is taken; a larger one is refused with AR.",
    ),
    Setting(
        "VESTIBULE_MLLP_IDLE_SECONDS",
        "mllp_idle_seconds",
        _number(10, 604_800),
        "3600",
        "An MLLP connection on which nothing comes is closed after so long.",
    ),
    Setting("VESTIBULE_LOG_LEVEL", "log_level", _one_of("debug", "info", "warning", "error"), "info", "How much is logged."),
    Setting("VESTIBULE_LOG_FORMAT", "log_format", _one_of("json", "console"), "json", "json for machines, console for people."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, read and judged. Field meanings stand in SETTINGS."""

    database_url: str
    data: Path
    host: str
    port: int
    public_url: str
    keys: tuple[str, ...]
    allow_loopback_http: bool
    allow_networks: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    metrics_token: str
    region: str
    cells: tuple[str, ...]
    cells_token: str
    rate_limits: bool
    stun_urls: tuple[str, ...]
    turn_urls: tuple[str, ...]
    turn_secret: str
    relay_only: bool
    session_idle_minutes: int
    session_hours: int
    staff_idle_minutes: int
    entra_client_id: str
    entra_client_secret: str
    entra_authority: str
    graph_url: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    grace_seconds: int
    pool_size: int
    worker_concurrency: int
    mllp_host: str
    mllp_port: int
    hl7_https_port: int
    tls_certificate: str
    tls_key: str
    mllp_max_bytes: int
    mllp_idle_seconds: int
    log_level: str
    log_format: str

    @property
    def origin(self) -> str:
        """The origin people see."""
        return self.public_url or f"http://{self.host}:{self.port}"


def _raw(setting: Setting, environ: Mapping[str, str]) -> str:
    """The text of a setting: from its variable, from its file, or the default."""
    file = environ.get(f"{setting.name}_FILE")
    if file is None:
        return environ.get(setting.name, setting.default)
    if setting.name in environ:
        raise ValueError(f"is given twice, as {setting.name} and {setting.name}_FILE")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{setting.name}_FILE cannot be read ({type(error).__name__})") from None


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """Names that look like ours and are not: a typo must not pass in silence."""
    known = {s.name for s in SETTINGS} | {f"{s.name}_FILE" for s in SETTINGS}
    ours = {n for n in environ if n.startswith("VESTIBULE_")} - known
    tools = {n for n in ours if n.startswith(("VESTIBULE_TEST_", "VESTIBULE_CRASH_", "VESTIBULE_CORPUS", "VESTIBULE_BENCH_"))}
    return [f"{name} is not a setting; `vestibule settings` lists them" for name in sorted(ours - tools)]


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read all settings.

    Raises:
        SettingsError: with one line for each mistake; values of secrets are never repeated.
    """
    source = os.environ if environ is None else environ
    mistakes = _unknown(source)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        try:
            values[setting.field] = setting.read(_raw(setting, source))
        except ValueError as error:
            mistakes.append(f"{setting.name} {error}" if not str(error).startswith(setting.name) else str(error))
    mistakes += _fit_together(values)
    if mistakes:
        raise SettingsError(mistakes)
    return Settings(**values)


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as a child process must be given them; the inverse of `load`."""

    def text(value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        return ",".join(value) if isinstance(value, tuple) else str(value)

    return {s.name: text(getattr(settings, s.field)) for s in SETTINGS}


def inherited() -> dict[str, str]:
    """The environment a child process starts from: ours without our own settings, which `as_environment` adds."""
    ours = {s.name for s in SETTINGS} | {f"{s.name}_FILE" for s in SETTINGS}
    return {name: value for name, value in os.environ.items() if name not in ours}
