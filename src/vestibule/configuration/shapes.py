"""What stands in a configuration file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from vestibule.configuration.yamltext import Document, wrong
from vestibule.tenancy.model import ClientAuth, Environment, Vendor


class Department(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A place of an organisation. `external` is what the record's launch context calls it, and by it a department is known again."""

    name: str
    zone: str
    external: str = ""


class Connection(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A FHIR base URL, known again by its name.

    Attributes:
        client_secret_file: where the secret lies, seen from this file; left out, the stored one stays.
        approver: e-mail address of the member who is to approve.
        shared_with: names of the organisations that may connect to the same address.
    """

    name: str
    vendor: Vendor
    environment: Environment
    iss: str
    fhir_version: str = ""
    frame_ancestors: tuple[str, ...] = ()
    provider_client_id: str = ""
    patient_client_id: str = ""
    backend_client_id: str = ""
    client_auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    client_secret_file: str = ""
    authorize_url: str = ""
    token_url: str = ""
    join_early_minutes: int = 30
    join_late_minutes: int = 240
    profile: dict[str, Any] = {}
    approver: str = ""
    shared_with: tuple[str, ...] = ()


class Organisation(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """An organisation, known again by its name; `parent` is another's name."""

    name: str
    support_phone: str = ""
    region: str = ""
    parent: str = ""
    entra_tenant: str = ""
    two_persons: bool = False
    approve_oracle: bool = False
    idle_minutes: int | None = None
    departments: tuple[Department, ...] = ()
    connections: tuple[Connection, ...] = ()


class Configuration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    organisations: tuple[Organisation, ...]


def configuration_in(document: Document) -> Configuration:
    """The document's configuration; every name in it once.

    Raises:
        BadInput: configuration-file-wrong, with the place.
    """
    found = document.into(Configuration)
    _once(document, ".organisations", (one.name for one in found.organisations))
    for n, one in enumerate(found.organisations):
        path = f".organisations[{n}]"
        _once(document, f"{path}.departments", (department.external or department.name for department in one.departments))
        _once(document, f"{path}.connections", (connection.name for connection in one.connections))
    return found


def _once(document: Document, path: str, names: Iterable[str]) -> None:
    names = list(names)
    counted = Counter(names)
    for n, name in enumerate(names):
        if counted[name] > 1 and name in names[:n]:
            raise wrong(document.at(f"{path}[{n}]"), f"{name} is described twice")
