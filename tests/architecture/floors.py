"""Who may import whom. A file may import from any floor below its own, never from above."""

from __future__ import annotations

from collections.abc import Iterator

from architecture.source import Module

FEATURES = {
    "launch",
    "device_test",
    "feed",
    "messages",
    "meetings",
    "writeback",
    "reports",
    "gateway",
    "rounding",
    "retention",
    "doctor",
    "auditing",
}
# What is handed over to the people at the record: it speaks of launches and write-back, so it stands above them.
HANDOVER = {"records", "rehearsal"}
# Pages and the API over several features at once; these two do not know each other.
PORTAL = {"portal", "api"}
# From the ground up. What stands on one line is one floor.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"", "errors"}),  # the package itself and the tree of errors: everybody's
    frozenset({"kit"}),
    frozenset({"protocols"}),
    frozenset({"platform"}),
    frozenset({"tenancy"}),
    frozenset({"identity"}),
    frozenset({"visits"}),
    frozenset(FEATURES),
    frozenset(HANDOVER),
    frozenset(PORTAL),
    frozenset({"adapters"}),
    frozenset({"wiring", "cli", "asgi", "demo", "settings", "processes", "__main__"}),
)
_LOWEST_FEATURE, _ADAPTERS = 4, 10
# What a feature shows to the floors above it.
_SHOWN_TO_FEATURES = {"service", "model", "ports", "organisations", "approval", "judging", "members", "tokens", "history"}
_SHOWN_TO_ADAPTERS = {"ports", "model"}


def floor(name: str) -> int:
    """The floor of `vestibule.<...>`; the top for a module nobody has placed."""
    first = [*name.split("."), ""][1]
    return next((level for level, rooms in enumerate(FLOORS) if first in rooms), len(FLOORS) - 1)


def climbs(module: Module) -> Iterator[str]:
    """Imports from a floor above, or from a neighbour on one's own floor of features."""
    own, own_room = floor(module.name), _room(module.name)
    for node, name in _ours(module):
        other, other_room = floor(name), _room(name)
        if other > own:
            yield module.at(node, f"imports {name} from a floor above")
        elif other == own and own_room in FEATURES | HANDOVER | PORTAL and other_room != own_room:
            yield module.at(node, f"knows its neighbour {name}")


def reaches_inside(module: Module) -> Iterator[str]:
    """Imports of a lower feature's store, routes or other insides."""
    own = floor(module.name)
    if not _LOWEST_FEATURE < own <= _ADAPTERS:
        return
    shown = _SHOWN_TO_ADAPTERS if own == _ADAPTERS else _SHOWN_TO_FEATURES
    for node, name in _ours(module):
        if _LOWEST_FEATURE <= floor(name) < min(own, _ADAPTERS) and _part(name) not in shown:
            yield module.at(node, f"reaches inside: {name} (may see only {', '.join(sorted(shown))})")


def crosses(module: Module) -> Iterator[str]:
    """Code shared between the product and the practice hospital, which is its judge."""
    other = "practice" if module.name.partition(".")[0] == "vestibule" else "vestibule"
    for node, name in module.imports():
        if name.partition(".")[0] == other:
            yield module.at(node, f"shares code with {other}: {name}")


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Circles in a graph of rooms, each once, as the list of its rooms."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(room: str, path: list[str]) -> None:
        if room in path:
            found.append(path[path.index(room) :])
        elif room not in done:
            for other in sorted(edges.get(room, ())):
                walk(other, [*path, room])
            done.add(room)

    for room in sorted(edges):
        walk(room, [])
    return found


def room_graph(modules: tuple[Module, ...]) -> dict[str, set[str]]:
    """Which room imports which; a room is a top-level part, or a folder of platform, protocols or adapters."""
    edges: dict[str, set[str]] = {}
    for module in modules:
        own = _folder(module.name)
        edges.setdefault(own, set()).update(_folder(name) for _, name in _ours(module) if _folder(name) != own)
    return edges


def _ours(module: Module) -> Iterator[tuple[object, str]]:
    return ((node, name) for node, name in module.imports() if name.partition(".")[0] == "vestibule")


def _room(name: str) -> str:
    return [*name.split("."), ""][1]


def _part(name: str) -> str:
    """`service` of `vestibule.visits.service.Visits`."""
    return [*name.split("."), "", ""][2]


def _folder(name: str) -> str:
    parts = name.split(".")
    deep = 3 if parts[1:2] in (["platform"], ["protocols"]) else 2
    return ".".join(parts[1:deep])
