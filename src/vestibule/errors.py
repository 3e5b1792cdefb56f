"""Every error Vestibule raises on purpose.

    VestibuleError
    ├── BadInput          400  what was sent cannot be understood or is not allowed in this form
    │   └── InvalidFields      ... and it can be said of each field what is wrong with it
    ├── NotSignedIn       401  nobody known is asking
    ├── NotAllowed        403  known, but not allowed (or: the route's guard said no)
    ├── NotFound          404  no such thing, or not yours (the two look alike from outside)
    ├── Conflict          409  the thing exists, but not in a state that allows this
    ├── Gone              410  it was here, and is over
    ├── TooLarge          413  more bytes than the stated limit
    ├── TooMany           429  slower, please
    ├── OutsideFailed     502  another system answered wrongly, or not at all
    └── Unavailable       503  we cannot do it now; nothing was lost; try again

Each carries a stable `code` (kebab-case, documented in docs/reference/errors.md), the `phase` it happened in
(`launch.discovery`, `meeting.create`), a public sentence without patient data, and whether trying again can help.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class VestibuleError(Exception):
    """Something went wrong in a way we know by name."""

    status: ClassVar[int] = 500
    permanent: bool = True

    def __init__(self, code: str, sentence: str, *, phase: str, permanent: bool | None = None, retry_after: float | None = None) -> None:
        """Name the failure.

        Args:
            code: stable, kebab-case, documented.
            sentence: for the person who asked; never holds patient data or secrets.
            phase: dotted, where it happened, e.g. `launch.token`.
            permanent: False when the same request may succeed later; the class decides when not given.
            retry_after: seconds to wait, where somebody told us.
        """
        super().__init__(f"{code} ({phase}): {sentence}")
        self.code = code
        self.sentence = sentence
        self.phase = phase
        self.retry_after = retry_after
        if permanent is not None:
            self.permanent = permanent


class BadInput(VestibuleError):
    """What was sent cannot be understood or is not allowed in this form."""

    status = 400


class InvalidFields(BadInput):
    """Parts of what was sent are wrong, each by itself: a form says so beside the field, the API in the member `fields` of its problem.

    Attributes:
        fields: name of the field -> stable code of what is wrong with it, documented like every other (`url-not-https`). A person reads
            the sentence that `vestibule.tenancy.judging.sentence_of(code)` gives.
    """

    def __init__(self, fields: Mapping[str, str], *, phase: str) -> None:
        """Name the fields.

        Args:
            fields: name -> code; at least one.
            phase: dotted, e.g. `connection.save`.
        """
        super().__init__("fields-invalid", "Some of what was entered cannot be used. Look at the fields that are marked.", phase=phase)
        self.fields = dict(fields)


class NotSignedIn(VestibuleError):
    """Nobody known is asking."""

    status = 401


class NotAllowed(VestibuleError):
    """Known, but not allowed."""

    status = 403


class NotFound(VestibuleError):
    """No such thing, or not yours; the two look alike from outside."""

    status = 404


class Conflict(VestibuleError):
    """The thing exists, but not in a state that allows this."""

    status = 409


class Gone(VestibuleError):
    """It was here, and is over."""

    status = 410


class TooLarge(VestibuleError):
    """More bytes than the stated limit."""

    status = 413


class TooMany(VestibuleError):
    """Too many requests; slower, please."""

    status = 429
    permanent = False


class OutsideFailed(VestibuleError):
    """Another system answered wrongly, or not at all."""

    status = 502
    permanent = False


class Unavailable(VestibuleError):
    """We cannot do it now; nothing was lost."""

    status = 503
    permanent = False
