"""What the roles of staff are called on a page, and what each is for."""

from __future__ import annotations

from collections.abc import Iterable

from vestibule.identity.model import StaffRole
from vestibule.platform.web.i18n import gettext as _


def role_table() -> list[tuple[StaffRole, str, str]]:
    """(role, name, what it may do), in the order of a page."""
    return [
        (StaffRole.ADMINISTRATOR, _("Administrator"), _("Sets up the organisation, its people, programs and connections.")),
        (StaffRole.APPROVER, _("Approver"), _("Approves or rejects what is to go into force, after signing in to the record.")),
        (StaffRole.CLINICIAN, _("Clinician"), _("Holds visits.")),
        (StaffRole.CARE_TEAM, _("Care team (rounding)"), _("Keeps rounding lists and joins rounds.")),
        (StaffRole.REPORTS_READER, _("Reports reader"), _("Reads reports of use.")),
        (StaffRole.AUDITOR, _("Auditor"), _("Reads and exports the audit.")),
        (StaffRole.INTEGRATION_ENGINEER, _("Integration engineer"), _("Works on connections, launches and programs.")),
    ]


def role_words(roles: Iterable[StaffRole]) -> list[str]:
    """The names of some roles, in the order of a page."""
    mine = frozenset(roles)
    return [name for role, name, _what in role_table() if role in mine]
