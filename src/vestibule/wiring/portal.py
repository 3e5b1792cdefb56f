"""The portal's services on a process's parts."""

from __future__ import annotations

from vestibule.launch.record import RecordClient
from vestibule.launch.service import Launches
from vestibule.portal.drafts import Drafts
from vestibule.portal.ehr_sign_in import EhrSignIns
from vestibule.portal.reports import Reports
from vestibule.portal.wizard_pages import WizardPages
from vestibule.wiring.parts import Parts


def portal_services(parts: Parts, launches: Launches) -> dict[str, object]:
    """What the portal's handlers ask for by name."""
    reports = Reports(parts.clock)
    record = RecordClient(parts.http, parts.clock, loopback_http=parts.settings.allow_loopback_http)
    ehr_sign_ins = EhrSignIns(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        approvals=parts.approvals,
        identity=parts.identity,
        audit=parts.audit,
        record=record,
        clients=launches.clients,
        origin=parts.settings.origin,
    )
    wizard = WizardPages(
        db=parts.db,
        organisations=parts.organisations,
        approvals=parts.approvals,
        tenancy=parts.tenancy,
        members=parts.members,
        reports=reports,
        origin=parts.settings.origin,
    )
    return {
        "reports": reports,
        "drafts": Drafts(parts.db, parts.approvals, parts.doctor, reports),
        "doctor": parts.doctor,
        "ehr_sign_ins": ehr_sign_ins,
        "wizard": wizard,
    }
