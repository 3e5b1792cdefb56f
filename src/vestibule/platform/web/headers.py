"""What every answer tells the browser: whom to load from, who may frame it, what it may use, and to keep nothing."""

from __future__ import annotations

from collections.abc import Iterable

from vestibule.platform.web.config import WebConfig

_ALLOWED = (
    "camera",
    "microphone",
    "display-capture",
    "speaker-selection",
    "fullscreen",
    "autoplay",
    "screen-wake-lock",
    "picture-in-picture",
)
_DENIED = (
    "geolocation",
    "payment",
    "usb",
    "serial",
    "bluetooth",
    "hid",
    "midi",
    "accelerometer",
    "gyroscope",
    "magnetometer",
    "browsing-topics",
)
PERMISSIONS = ", ".join([f"{name}=(self)" for name in _ALLOWED] + [f"{name}=()" for name in _DENIED])

Header = tuple[bytes, bytes]


class Headers:
    """Builds the security headers once and the frame rule per answer."""

    def __init__(self, config: WebConfig) -> None:
        self._page = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; "
            f"connect-src 'self' {config.socket_origin}; manifest-src 'self'; worker-src 'self'; frame-src 'none'; base-uri 'none'; "
            "form-action 'self'"
        )
        # Not `no-referrer`: under it a form's POST says `Origin: null`, and a telephone too old for Sec-Fetch-Site could not
        # join. `same-origin` tells other sites exactly as little.
        self._fixed: list[Header] = [
            (b"permissions-policy", PERMISSIONS.encode()),
            (b"referrer-policy", b"same-origin"),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if config.secure:
            self._fixed.append((b"strict-transport-security", b"max-age=63072000"))

    def csp(self, frame_origins: Iterable[str]) -> str:
        """The Content-Security-Policy for a page these origins may frame."""
        return f"{self._page}; frame-ancestors {ancestors(frame_origins)}"

    def extend(self, sent: Iterable[Header], frame_origins: tuple[str, ...]) -> list[Header]:
        """The answer's own headers and ours; what the answer says about caching stands."""
        headers = list(sent)
        names = {name.lower() for name, _ in headers}
        headers += [pair for pair in self._fixed if pair[0] not in names]
        headers.append((b"content-security-policy", self.csp(frame_origins).encode()))
        if not frame_origins:
            headers.append((b"x-frame-options", b"DENY"))
        if b"cache-control" not in names:
            headers.append((b"cache-control", b"no-store"))
        return headers


def ancestors(frame_origins: Iterable[str]) -> str:
    """The value of frame-ancestors. An origin that could break out of the header is a mistake in a stored connection: it is left out."""
    clean = [origin for origin in frame_origins if origin.startswith(("https://", "http://")) and not set(origin) & set(" ;,'\"\r\n\t")]
    return " ".join(["'self'", *clean]) if clean else "'none'"
