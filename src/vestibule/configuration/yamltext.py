"""YAML read so that every mistake has a place: no duplicate keys, no aliases, nothing but plain values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
import yaml

from vestibule.errors import BadInput

T = TypeVar("T")
PHASE: Final = "configuration.read"
_MOST: Final = 5_000_000
_PLAIN: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))
_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*?)`")


def wrong(where: str, what: str) -> BadInput:
    """A mistake in a file, at its place."""
    return BadInput("configuration-file-wrong", f"{where}: {what}", phase=PHASE)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and where each part of it stands: `.organisations[0].name` -> (line, column), counted from one."""

    file: str
    data: Any
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def at(self, path: str) -> str:
        """`file:line:column` of a part, or of the nearest thing around it that has a place."""
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        line, column = self.places.get(path, (1, 1))
        return f"{self.file}:{line}:{column}"

    def into(self, shape: type[T]) -> T:
        """The data in its strict shape.

        Raises:
            BadInput: configuration-file-wrong, with the place and the path.
        """
        try:
            return msgspec.convert(self.data, shape)
        except msgspec.ValidationError as error:
            raise self._in_words(str(error)) from None

    def _in_words(self, said: str) -> BadInput:
        found = _AT.search(said)
        path = found["path"] if found else ""
        reason = said[: found.start()] if found else said
        unknown = _UNKNOWN.search(reason)
        path += f".{unknown['name']}" if unknown else ""
        hint = "; put it in quotes" if "Expected `str`" in reason else ""
        return wrong(self.at(path), f"{path.lstrip('.') or 'the file'}: {reason}{hint}")


class _Loader(yaml.SafeLoader):
    """Composes without following aliases: a few of them can unfold into more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*name) cannot be used here", problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)


def read_yaml(text: str, file: str) -> Document:
    """The document of a file.

    Raises:
        BadInput: configuration-file-wrong, with the place.
    """
    if len(text) > _MOST:
        raise wrong(file, "the file is too large")
    document = Document(file, None)
    try:
        node = yaml.compose(text, _Loader)
        data = _plain(node, "", document) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise wrong(f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file, str(error.problem)) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise wrong(file, f"this is not YAML ({type(error).__name__})") from None
    return Document(file, data, document.places)


def _plain(node: yaml.Node, path: str, document: Document) -> Any:
    document.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, f"{path}[{n}]", document) for n, child in enumerate(node.value)]
    if node.tag not in _PLAIN:
        raise wrong(document.at(path), f"{path.lstrip('.')}: this is read as {node.tag.rpartition(':')[2]}; put it in quotes")
    return yaml.constructor.SafeConstructor().construct_object(node)


def _mapping(node: yaml.MappingNode, path: str, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        here = f"{document.file}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            raise wrong(here, f"{path.lstrip('.') or 'the file'}: a name must be text; put it in quotes")
        if key.value in found:
            raise wrong(here, f"{path.lstrip('.') or 'the file'}: {key.value} is given twice")
        found[key.value] = _plain(value, f"{path}.{key.value}", document)
        document.places[f"{path}.{key.value}"] = (key.start_mark.line + 1, key.start_mark.column + 1)
    return found


def write_yaml(data: Any) -> str:
    """Data as YAML, in the order it is in, one value a line."""
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    return text
