"""What the EHR holds against what we gave it, field by field, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from vestibule.platform.web.i18n import gettext as _
from vestibule.records.addresses import compare_addresses
from vestibule.records.model import ORDER, Difference, Field, Level, Neighbour, Record, Shape
from vestibule.records.pasting import Pasted, items_of, read

_SHOWN = 120


def compare(record: Record, pasted: str, others: Sequence[Neighbour] = ()) -> list[Difference]:
    """Every difference, the worst first; none when the EHR holds what we gave it.

    Args:
        record: what it should hold.
        pasted: what it holds, as somebody copied it.
        others: the organisation's other connections, whose addresses may have slipped in.
    """
    found = read(record, pasted)
    if not found:
        words = _("Nothing of this record was recognised in the text.")
        return [Difference(Level.STOPS, "", words, _("Paste lines such as “Launch URL: https://…”, or the address or the tokens alone."))]
    differences = [one for field in record.fields if field.name in found for one in _field(record, field, found[field.name], others)]
    absent = [field.label for field in record.fields if field.value and field.name not in found]
    if absent:
        words = _("Not in what you pasted: %(fields)s.") % {"fields": ", ".join(absent)}
        differences.append(Difference(Level.LOOK, "", words, _("Paste the rest, too, to have it compared.")))
    return sorted(differences, key=lambda one: ORDER[one.level])


def _field(record: Record, field: Field, pasted: Pasted, others: Sequence[Neighbour]) -> Iterator[Difference]:
    if not pasted.text:
        if field.value:
            yield Difference(_level(field), field.label, _("It is empty."), _copy())
        return
    same = pasted.text == field.value or pasted.text.removeprefix("'") == field.value
    yield from _untidy(field, pasted)
    if same:
        return
    if field.shape is Shape.ADDRESS:
        yield from compare_addresses(record, field, pasted.text, others)
    elif field.shape is Shape.TOKENS:
        yield from _tokens(field, pasted)
    elif field.shape is Shape.ITEMS:
        yield from _items(field, pasted.text)
    else:
        yield from _text(field, pasted.text)


def _untidy(field: Field, pasted: Pasted) -> Iterator[Difference]:
    """What copying may have done, or what may truly stand in the EHR."""
    if pasted.trailing:
        words = _("White space stands at its end.")
        yield Difference(Level.LOOK, field.label, words, _("Look whether the EHR's field ends with a space, and remove it."))
    if pasted.invisible:
        words = _("An invisible character stands in it.")
        yield Difference(Level.LOOK, field.label, words, _("They come with copying from documents. Copy it again from here."))
    if pasted.entities:
        words = _("It holds HTML entities, such as &amp; for a plain &.")
        yield Difference(Level.LOOK, field.label, words, _("Fine if only your mail program wrote them; the EHR must hold a plain &."))


def _text(field: Field, text: str) -> Iterator[Difference]:
    spare = str.casefold if field.shape is Shape.TEXT else str
    glue = "" if field.shape is Shape.SNIPPET else " "
    if spare(glue.join(text.split())) == spare(glue.join(field.value.split())):
        return
    words = _("It is “%(is)s” and should be “%(should)s”.") % {"is": shown(text), "should": shown(field.value)}
    if field.shape is Shape.EXACT and text.casefold() == field.value.casefold():
        words = _("Capital and small letters differ: it should be “%(should)s”.") % {"should": field.value}
    yield Difference(_level(field), field.label, words, _copy() if field.firm else _("Your EHR team may have chosen it on purpose."))


def _items(field: Field, text: str) -> Iterator[Difference]:
    wanted, there = list(items_of(field.value)), list(items_of(text))
    for one in wanted:
        if one not in there:
            near = next((other for other in there if other.casefold().rstrip("/") == one.casefold().rstrip("/")), "")
            words = _("“%(should)s” is missing.") % {"should": shown(one)}
            if near:
                words = _("It is “%(is)s” and should be “%(should)s”.") % {"is": shown(near), "should": shown(one)}
            yield Difference(_level(field), field.label, words, _("Every character counts: copy it from this page."))
    beyond = [one for one in there if one not in wanted and not any(one.casefold().rstrip("/") == w.casefold().rstrip("/") for w in wanted)]
    if beyond:
        words = _("There is more than we need: %(more)s.") % {"more": shown(", ".join(beyond))}
        yield Difference(Level.GOOD, field.label, words)


# ---------------------------------------------------------------------- context tokens


def _tokens(field: Field, pasted: Pasted) -> Iterator[Difference]:
    text = pasted.text.lstrip("?&")
    if text != pasted.text:
        yield Difference(Level.LOOK, field.label, _("It begins with “%(mark)s”.") % {"mark": pasted.text[0]}, _copy())
    if "%25" in text and unquote(text).count("%") >= 2:  # noqa: PLR2004  a token has two
        yield Difference(Level.STOPS, field.label, _("It is percent-encoded: %25 stands where a plain % belongs."), _copy())
        text = unquote(text)
    wanted, there = _pairs(field.value), _pairs(text)
    for name, value in wanted:
        yield from _token(field, name, value, there, wrapped=pasted.wrapped)
    names = {name.casefold() for name, _value in wanted}
    beyond = [name or value for name, value in there if name.casefold() not in names]
    if beyond:
        yield Difference(Level.GOOD, field.label, _("There is more than we need: %(more)s.") % {"more": shown(", ".join(beyond))})


def _pairs(text: str) -> list[tuple[str, str]]:
    parts = [part.partition("=") for part in text.split("&") if part.strip()]
    return [(name.strip(), value.strip()) for name, _mark, value in parts]


def _token(field: Field, name: str, value: str, there: list[tuple[str, str]], *, wrapped: bool) -> Iterator[Difference]:
    exact = [got for given, got in there if given == name]
    loose = [(given, got) for given, got in there if given.casefold() == name.casefold()]
    level = Level.STOPS if _needed(field, name) else Level.LOOK
    if not loose:
        words = _("The token “%(token)s” is missing.") % {"token": f"{name}={value}"}
        yield Difference(level, field.label, words, _why_needed(value))
        return
    if not exact:
        words = _("The name is written “%(is)s” and should be “%(should)s”.") % {"is": shown(loose[0][0]), "should": name}
        yield Difference(level, field.label, words, _("Capital and small letters count in it."))
    elif len(loose) > 1:
        yield Difference(level, field.label, _("“%(name)s” stands there %(times)d times.") % {"name": name, "times": len(loose)}, _copy())
    got = (exact or [loose[0][1]])[0]
    if got != value:
        yield from _token_value(field, level, name, value, got, wrapped=wrapped)


def _token_value(field: Field, level: Level, name: str, value: str, got: str, *, wrapped: bool) -> Iterator[Difference]:
    if "".join(got.split()) == "".join(value.split()):
        if not wrapped:
            words = _("The white space inside “%(token)s” differs.") % {"token": f"{name}={value}"}
            yield Difference(Level.LOOK, field.label, words, _("The spaces between its semicolons belong to it."))
    elif {got, value} == {"%CSN%", "%CONFERENCEID%"}:
        group = value == "%CONFERENCEID%"
        words = _("It holds %(is)s where %(should)s belongs.") % {"is": got, "should": value}
        remedy = _("Group visits are found by %CONFERENCEID%.") if group else _("Only group visits have %CONFERENCEID% here.")
        yield Difference(Level.STOPS, field.label, words, remedy)
    elif got.upper() == value.upper():
        words = _("It is “%(is)s” and should be “%(should)s”.") % {"is": shown(f"{name}={got}"), "should": f"{name}={value}"}
        yield Difference(level, field.label, words, _("Tokens are written in capital letters."))
    else:
        words = _("It is “%(is)s” and should be “%(should)s”.") % {"is": shown(f"{name}={got}"), "should": f"{name}={value}"}
        yield Difference(level, field.label, words, _copy())


def _needed(field: Field, name: str) -> bool:
    """The first token is the one a visit is found by."""
    return field.value.partition("=")[0] == name


def _why_needed(value: str) -> str:
    if "PERFDEPID" in value:
        return _("Without it, the visit stands on no department's board and reports have no department.")
    if value in {"%CSN%", "%CONFERENCEID%"}:
        return _("The visit is found by it.")
    return _copy()


# ---------------------------------------------------------------------- small things


def shown(text: str) -> str:
    """A piece of pasted text for a sentence: on one line, printable, not too long."""
    plain = "".join(c if c.isprintable() else "·" for c in " ".join(text.split()))
    return plain if len(plain) <= _SHOWN else plain[: _SHOWN - 1] + "…"


def _level(field: Field) -> Level:
    return Level.STOPS if field.firm else Level.LOOK


def _copy() -> str:
    return _("Copy it from this page.")
