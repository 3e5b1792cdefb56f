"""Text in the reader's language: gettext catalogues, read from `locale/*/LC_MESSAGES/vestibule.po` at start.

The catalogues are compiled in memory, so what is under version control is only text. See docs/howto/translate.md.
"""

from __future__ import annotations

import gettext as _gettext
import io
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = Path(__file__).parents[2] / "locale"
DEFAULT = "en"
_language: ContextVar[str] = ContextVar("language", default=DEFAULT)


def gettext(message: str) -> str:
    """The message in the language of the request being answered."""
    return _catalogue(_language.get()).gettext(message)


def ngettext(one: str, many: str, number: int) -> str:
    """The message in the plural form that `number` takes in the reader's language."""
    return _catalogue(_language.get()).ngettext(one, many, number)


def language() -> str:
    """The language in force, e.g. `en` or `pt_BR`."""
    return _language.get()


def use(code: str) -> None:
    """Speak `code` from here on in this task."""
    _language.set(code)


def direction(code: str) -> str:
    """`rtl` for languages written from right to left."""
    return Locale.parse(code).text_direction


def negotiate(accept: str) -> str:
    """The best of our languages for an Accept-Language header; hostile lengths count for nothing."""
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in accept[:200].split(",")]
    return negotiate_locale([w for w in wanted if w], languages()) or DEFAULT


@lru_cache(1)
def languages() -> list[str]:
    """The languages that have a catalogue, English first."""
    found = sorted(path.parents[1].name for path in LOCALES.glob("*/LC_MESSAGES/vestibule.po"))
    return [DEFAULT, *(code for code in found if code != DEFAULT)]


@lru_cache(64)
def _catalogue(code: str) -> _gettext.NullTranslations:
    path = LOCALES / code / "LC_MESSAGES" / "vestibule.po"
    if not path.exists():
        return _gettext.NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)
