"""Structured logs, one JSON object a line, with redaction in the pipe: what is not on the list of safe keys is not written.

    from vestibule.platform.telemetry.logs import log
    log.info("effect-done", effect=effect.id, kind=effect.kind)

A key that is missing from SAFE comes out as "[withheld]"; add it there only if it can never hold patient data.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO
from uuid import UUID

import structlog

from vestibule.errors import VestibuleError
from vestibule.kit.redact import scrub

# Keys whose values are ids, codes, counts and names of our own things.
_SAFE_WORDS = """
    event level at logger code phase status method route ms seconds reference tenant visit participant
    session department connection effect kind destination promise state attempts count size bytes port
    address pid node version migration worker role from_state to_state seq topic channel retry_after
    reason signal error where gap queue limit vendor environment kid alg origin breaker outcome table
    step certificate inbox
"""
SAFE = frozenset(_SAFE_WORDS.split())
WITHHELD = "[withheld]"
log: Any = structlog.get_logger("vestibule")
Event = MutableMapping[str, Any]


def configure(level: str = "info", *, stream: TextIO | None = None, as_json: bool = True) -> None:
    """Send every log line of the process, the libraries' included, through the pipe."""
    out = stream or sys.stderr
    end: Any = _as_json if as_json else structlog.dev.ConsoleRenderer(colors=out.isatty())
    structlog.configure(
        processors=[structlog.processors.add_log_level, exceptions, redact, _stamp, end],  # the time is our own and needs no redaction
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge(level)]
    root.setLevel(logging.WARNING)


class _Bridge(logging.Handler):
    """Hands the standard library's log records to structlog: other people's texts go through the same redaction."""

    def __init__(self, level: str) -> None:
        super().__init__(level.upper())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        exc = record.exc_info[1] if record.exc_info else None
        structlog.get_logger("vestibule").log(record.levelno, scrub(record.getMessage())[:500], logger=record.name, exc_info=exc)


def _stamp(_logger: Any, _method: str, event: Event) -> Event:
    return structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")(_logger, _method, event)


def exceptions(_logger: Any, _method: str, event: Event) -> Event:
    """Replace an exception by its class and where it came from: messages of foreign exceptions may quote what was sent."""
    said = event.pop("exc_info", None)
    error = sys.exc_info()[1] if said is True else said
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = _chain(error)
        event["where"] = [
            f"{frame.filename.rsplit('/src/')[-1]}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-12:]
        ]
    return event


def _chain(error: BaseException) -> str:
    names: list[str] = []
    link: BaseException | None = error
    while link is not None and len(names) < 5:  # noqa: PLR2004  deeper tells nothing more
        names.append(f"{type(link).__name__}({link.code})" if isinstance(link, VestibuleError) else type(link).__name__)
        link = link.__cause__ or link.__context__
    return " < ".join(names)


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Keep safe keys, scrub their texts, withhold the rest."""
    return {str(key): _clean(value) if key in SAFE else WITHHELD for key, value in event.items() if value is not None}


def _clean(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _one_line(scrub(value))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return WITHHELD
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in list(value)[:20]]
    return _one_line(scrub(str(value)))


def _one_line(text: str) -> str:
    """A line break in a value must not begin a new line of log in the console format either."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _as_json(_logger: Any, _method: str, event: Event) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


configure("warning")  # so that nothing, not even a test or a script, ever logs round the pipe
