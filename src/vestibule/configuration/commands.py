"""What `vestibule config` does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from vestibule.configuration.applying import Applier, exported
from vestibule.configuration.plan import Step, changes_in, steps_for, told
from vestibule.configuration.reading import Reader
from vestibule.configuration.shapes import Configuration, Organisation, configuration_in
from vestibule.configuration.yamltext import Document, read_yaml, write_yaml, wrong
from vestibule.errors import NotFound
from vestibule.run import opened
from vestibule.settings import Settings
from vestibule.wiring import Parts

_HEAD = "# Vestibule's configuration: docs/howto/config-as-code.md. Secrets and people are not in it.\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command has to say; `changes` when something would be, or was, done."""

    lines: list[str]
    changes: bool


async def export(settings: Settings, organisation: str = "") -> str:
    """The configuration of one organisation, or of all, as YAML.

    Raises:
        NotFound: organisation-unknown. Conflict: configuration-ambiguous.
    """
    async with opened(settings) as parts:
        reader = Reader(parts)
        if organisation:
            tenant = await reader.find(organisation)
            if tenant is None:
                raise NotFound(
                    "organisation-unknown", f"There is no organisation called {organisation} here.", phase="configuration.export"
                )
            tenants = [tenant]
        else:
            tenants = await parts.tenancy.tenants(parts.db)
        found = [exported(await reader.organisation(tenant)) for tenant in tenants]
    return _HEAD + write_yaml({"organisations": sorted(found, key=lambda one: str(one["name"]))})


async def plan(settings: Settings, file: Path, *, prune: bool = False) -> Outcome:
    """What applying the file would change. Changes nothing.

    Raises:
        BadInput: configuration-file-wrong. Conflict: configuration-ambiguous.
    """
    document, wanted = await _read(file)
    async with opened(settings) as parts:
        steps, elsewhere = await _steps(parts, document, wanted, file.parent, prune=prune)
    return Outcome([*elsewhere, *told(steps)], changes_in(steps))


async def apply(settings: Settings, file: Path, *, prune: bool = False) -> Outcome:
    """Make what is here what the file says; what needs approval is submitted for it.

    Raises:
        BadInput: configuration-file-wrong. Conflict: configuration-ambiguous, connection-changed.
    """
    document, wanted = await _read(file)
    async with opened(settings) as parts:
        return await apply_read(parts, document, wanted, file.parent, prune=prune)


async def apply_read(parts: Parts, document: Document, wanted: Configuration, folder: Path, *, prune: bool = False) -> Outcome:
    """The same, of what has been read already."""
    steps, elsewhere = await _steps(parts, document, wanted, folder, prune=prune)
    lines = [*elsewhere, *told(steps)]
    for _, group in groupby(steps, key=lambda step: step.organisation):
        own = list(group)
        if changes_in(own):
            lines += await Applier(parts, document).carry_out(own)
    return Outcome(lines, changes_in(steps))


async def _read(file: Path) -> tuple[Document, Configuration]:
    try:
        text = await asyncio.to_thread(file.read_text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong(str(file), f"it cannot be read ({type(error).__name__})") from None
    document = read_yaml(text, str(file))
    return document, configuration_in(document)


async def _steps(parts: Parts, document: Document, wanted: Configuration, folder: Path, *, prune: bool) -> tuple[list[Step], list[str]]:
    """Every step in the file's order, and what belongs to other regions' cells."""
    reader, steps, elsewhere = Reader(parts), [], []
    for n, one in enumerate(wanted.organisations):
        path = f".organisations[{n}]"
        home = parts.cells.home_of(one.region)
        if home is not None:
            elsewhere.append(f"  organisation {one.name} lives in region {one.region}: apply the file at {home.origin}")
            continue
        tenant = await reader.find(one.name)
        present = await reader.organisation(tenant) if tenant else None
        steps += steps_for(one, present, await _secrets(document, path, one, folder), path=path, prune=prune)
    return steps, elsewhere


async def _secrets(document: Document, path: str, one: Organisation, folder: Path) -> dict[str, str]:
    found = {}
    for n, connection in enumerate(one.connections):
        if connection.client_secret_file:
            try:
                text = await asyncio.to_thread((folder / connection.client_secret_file).read_text, encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                where = document.at(f"{path}.connections[{n}].client_secret_file")
                raise wrong(where, f"the file of the client secret cannot be read ({type(error).__name__})") from None
            found[connection.name] = text.strip()
    return found
