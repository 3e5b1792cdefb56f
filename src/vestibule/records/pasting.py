"""Reading what somebody pasted from an EHR: `Label: value` lines, CSV, or a bare address or token string. Hostile and untidy. Pure.

Nothing is judged here. What a mail program or a word processor does to a text is undone, and remembered where the EHR itself may hold it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from vestibule.records.model import Field, Record, Shape

MOST: Final = 20_000  # characters
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\u00ad]")
_QUOTES: Final = str.maketrans("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb", "'''" + 5 * '"')
# Only these, and only with their semicolon: `&notify=1` is two parameters and no "not" sign.
_ENTITY: Final = re.compile(r"&(amp|quot|apos|lt|gt|nbsp|#\d{1,6}|#[xX][0-9a-fA-F]{1,5});")
_NAMED: Final = {"amp": "&", "quot": '"', "apos": "'", "lt": "<", "gt": ">", "nbsp": " "}
_HEAD: Final = re.compile(r"\s*[\"']?(?P<label>[^:=\t,;|\"]{1,60}?)[\"']?\s*(?P<mark>:(?!//)|=|\t|\|)(?P<value>.*)", re.DOTALL)
_SECTION: Final = re.compile(r"\s*\[(?P<title>[^\]]{1,80})\]\s*")
_STRANGE: Final = re.compile(r"\s*[^\W\d_][\w ()/-]{0,60}:\s(?P<value>.*)", re.DOTALL)  # a label that is none of ours
_MOST_LINES: Final = 400


@dataclass(slots=True)
class Pasted:
    """A field's value as it was pasted.

    Attributes:
        text: without what was wrapped around it.
        entities: HTML entities stood in it. invisible: so did characters that nobody sees. trailing: white space ended it.
        wrapped: it came on several lines.
    """

    text: str
    entities: bool = False
    invisible: bool = False
    trailing: bool = False
    wrapped: bool = False


@dataclass(slots=True)
class _Item:
    """A field being read."""

    of: Field
    lines: list[str] = field(default_factory=list)


def read(record: Record, pasted: str) -> dict[str, Pasted]:
    """The fields of `record` that the text holds, by name. A field that comes twice is read the last time."""
    lines = [line for line in _lines(pasted[:MOST]) if not line.lstrip().startswith("#")]
    rows = _own_rows(record, _own_section(record, lines))
    return {item.of.name: _value(item) for item in _items(record, rows)}


def visible(text: str) -> str:
    """The text without invisible characters, its quotation marks made straight, its entities read."""
    return _decoded(_INVISIBLE.sub("", text).translate(_QUOTES).replace("\u00a0", " "))


def _lines(pasted: str) -> list[str]:
    return pasted.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:_MOST_LINES]


def _own_section(record: Record, lines: list[str]) -> list[str]:
    """Of a text that holds several records under their titles, the part about this one; else all of it."""
    title, found, inside, seen = _bare(record.title), [], False, False
    for line in lines:
        head = _SECTION.fullmatch(visible(line))
        if head:
            inside = _bare(head["title"]) == title
            seen = seen or inside
        elif inside:
            found.append(line)
    if seen:
        return found
    return [line for line in lines if not _SECTION.fullmatch(visible(line))]


def _own_rows(record: Record, lines: list[str]) -> list[str]:
    """Of our own table, the rows about this record."""
    head = next((line for line in lines if line.strip()), "")
    if _bare(head) != "recordfieldvaluenote":
        return lines
    title = _bare(record.title)
    return [line for line in lines if _bare((_split(line, ",") or [""])[0]) == title]


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _items(record: Record, lines: list[str]) -> list[_Item]:
    """Each labelled line begins a field; a line without a label goes on with the field before, or is known by its look."""
    labels = _labels(record)
    items: list[_Item] = []
    for line in lines:
        known = _labelled(labels, line) or _cells(record, labels, line)
        if known:
            items.append(_Item(known[0], [known[1]]))
        elif not line.strip():
            continue
        elif items and _goes_on(items[-1], line):
            items[-1].lines.append(line)
        else:
            strange = _STRANGE.match(line)
            value = strange["value"] if strange else line
            guessed = _by_look(record, value, {item.of.name for item in items})
            items += [_Item(guessed, [value])] if guessed else []
    return items


def _labels(record: Record) -> Mapping[str, Field]:
    """What may stand before a value; a token's own name is never taken for a label."""
    tokens = {_bare(part.partition("=")[0]) for one in record.fields if one.shape is Shape.TOKENS for part in one.value.split("&")}
    found = {_bare(name): one for one in record.fields for name in (one.name, one.label, *one.also)}
    return {name: one for name, one in found.items() if name and name not in tokens}


def _bare(label: str) -> str:
    return "".join(re.findall(r"\w+", visible(label).casefold())).replace("_", "")


def _labelled(labels: Mapping[str, Field], line: str) -> tuple[Field, str] | None:
    match = _HEAD.fullmatch(_INVISIBLE.sub("", line).translate(_QUOTES))
    one = labels.get(_bare(match["label"])) if match else None
    if match is None or one is None:
        return None
    # The value is taken from the line as it came: what is wrong with it is for the comparison to say.
    return one, line[len(line) - len(_tail(line, match["mark"])) :]


def _tail(line: str, mark: str) -> str:
    return line.partition(mark)[2]


def _cells(record: Record, labels: Mapping[str, Field], line: str) -> tuple[Field, str] | None:
    """A row of a CSV: the cell after the one that is a label; another record's row is nothing of ours."""
    delimiter = next((mark for mark in ("\t", ",", ";") if mark in line), "")
    if not delimiter:
        return None
    cells = _split(line, delimiter)
    for place, (label, value) in enumerate(pairwise(cells)):
        one = labels.get(_bare(label))
        if one is not None and place <= 1:
            return None if place == 1 and _bare(cells[0]) != _bare(record.title) else (one, value)
    return None


def _goes_on(item: _Item, line: str) -> bool:
    """Whether a line without a label is the rest of the one before: long values are wrapped, and lists go on."""
    if item.of.shape is Shape.SNIPPET or (item.of.shape is Shape.ITEMS and not _STRANGE.match(line)):
        return True
    if not "".join(item.lines).strip():
        return True
    if item.of.shape is Shape.ADDRESS:
        return "://" not in line and " " not in line.strip()
    return item.of.shape is Shape.TOKENS and "://" not in line and ("%" in line or ";" in line or "=" in line)


def _by_look(record: Record, line: str, taken: Iterable[str]) -> Field | None:
    """Which field a bare value must be."""
    text, done = visible(line).strip(), set(taken)
    shape = Shape.ADDRESS if re.match(r"[\"'<(]*\w{2,10}(://|%3A)", text) else Shape.TOKENS if _like_tokens(text) else None
    return next((one for one in record.fields if one.shape is shape and one.name not in done), None)


def _like_tokens(text: str) -> bool:
    return bool(re.search(r"\w\s*=\s*\S", text)) and "<" not in text


def _value(item: _Item) -> Pasted:
    raw = "\n".join(line for line in item.lines if line.strip()) if item.lines else ""
    if not raw:
        return Pasted("")
    joined = _joined(item.of.shape, raw)
    clean = _INVISIBLE.sub("", joined).translate(_QUOTES).replace("\u00a0", " ")
    text = _unwrapped(clean)
    return Pasted(
        text=_decoded(text).strip(),
        entities=bool(_ENTITY.search(text)),
        invisible=bool(_INVISIBLE.search(joined)),
        trailing=text != text.rstrip() or clean != clean.rstrip(),
        wrapped="\n" in raw,
    )


def _joined(shape: Shape, raw: str) -> str:
    if shape in {Shape.ADDRESS, Shape.TOKENS, Shape.EXACT}:
        *before, last = raw.split("\n")
        return "".join(line.strip() for line in before) + last.lstrip()
    return raw


def _unwrapped(text: str) -> str:
    """Without one pair of quotation marks or brackets around it; a wrapped quotation has been joined already."""
    bare = text.strip()
    for first, last in (('"', '"'), ("'", "'"), ("<", ">"), ("(", ")"), ("`", "`")):
        if len(bare) > 1 and bare.startswith(first) and bare.endswith(last) and "<meta" not in bare:
            return bare[1:-1]
    return text.lstrip()


def _decoded(text: str) -> str:
    return _ENTITY.sub(lambda match: _one(match[1]), text)


def _one(name: str) -> str:
    if not name.startswith("#"):
        return _NAMED[name]
    code = int("0" + name[1:], 16) if name[1] in "xX" else int(name[1:])
    usable = 0x20 <= code < 0x110000 and not 0xD800 <= code < 0xE000  # noqa: PLR2004  Unicode's own limits
    return chr(code) if usable else ""


def items_of(text: str) -> Iterator[str]:
    """The values of a list, however they are separated."""
    return (part.strip("\"'<>") for part in re.split(r"[\s,;|]+", text) if part.strip("\"'<>"))
