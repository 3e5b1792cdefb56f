"""All SQL of tenancy: the register that launches read, organisations, and versions of connections."""

from vestibule.tenancy.store.organisations import OrganisationStore
from vestibule.tenancy.store.register import SealedKey, TenancyStore
from vestibule.tenancy.store.versions import Head, Kept, VersionStore

__all__ = ["Head", "Kept", "OrganisationStore", "SealedKey", "TenancyStore", "VersionStore"]
