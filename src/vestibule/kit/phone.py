"""Telephone numbers: from what people and records write to E.164 (`+16085550134`), and how one is shown where it may not be read.

`phonenumbers` takes a tenth of a second and some megabytes to import, so it is imported when the first number is looked at.
"""

from __future__ import annotations

_SHOWN = 4
_MOST = 40


def e164(text: str, region: str) -> str:
    """A number as the telephone network dials it; empty when it is none that could exist.

    Args:
        text: as written: `(608) 555-0134`, `608.555.0134`, `+44 20 7946 0018`.
        region: ISO 3166-1 alpha-2, decides what a number without country code means, e.g. `US`.
    """
    import phonenumbers  # noqa: PLC0415 see above

    if not text or len(text) > _MOST:
        return ""
    try:
        number = phonenumbers.parse(text, region.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""  # not even one that lacks only its area code: nobody can be texted there
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def mask(number: str) -> str:
    """What may be shown of a number: `••• 0134`; nothing of one that is too short to hide the rest."""
    return f"••• {number[-_SHOWN:]}" if len(number) > 2 * _SHOWN else "•••"
