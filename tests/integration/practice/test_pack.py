"""The product's record pack goes into the EHR's form, and what the form reads out is what the product gave it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from practice.server import Running
from support.practice_app import App
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.records.comparing import compare
from vestibule.records.downloads import as_text
from vestibule.records.kinds import pack
from vestibule.records.model import Inlet, Level
from vestibule.tenancy.model import ClientAuth, Connection, Environment, Vendor

ORIGIN = "https://visits.alder.example"
EPIC = Connection(
    ConnectionId(UUID(int=7)),
    TenantId(UUID(int=1)),
    "Alder test",
    Vendor.EPIC,
    Environment.TEST,
    "to be filled in",
    provider_client_id="3f1c-provider",
    patient_client_id="3f1c-patient",
    backend_client_id="3f1c-backend",
)
CONNECTIONS = {
    "epic": EPIC,
    "oracle": replace(EPIC, vendor=Vendor.ORACLE_HEALTH),
    "generic": replace(EPIC, vendor=Vendor.GENERIC, client_auth=ClientAuth.SECRET_BASIC),
}


@pytest.mark.parametrize("vendor", CONNECTIONS)
async def test_a_pack_goes_in_whole_and_comes_out_without_a_difference(app: App, hospital: Running, vendor: str) -> None:
    hospital.setup(settings={"vendor": vendor})
    connection = replace(CONNECTIONS[vendor], iss=hospital.fhir)
    inlet = Inlet("127.0.0.1", plain_port=2575, networks=("127.0.0.0/8",))
    records = [one for one in pack(connection, ORIGIN, inlet) if one.kind != "oracle-citrix"]  # a snippet for pages, no record
    shown = await app.ask("POST", "/records/paste", data={"pack": as_text(connection, records)})
    assert shown.status == 200, shown.text
    assert "was not understood" not in shown.text
    assert "another FHIR base" not in shown.text
    if vendor == "epic":
        assert hospital.hospital.book.interface.where == "mllp://127.0.0.1:2575"
    out = (await app.ask("GET", "/records.txt")).text
    found = [(record.kind, one) for record in records for one in compare(record, out) if one.level is not Level.GOOD]
    found = [(kind, one) for kind, one in found if kind != "epic-sms-configuration"]  # it reads out only what its engine needs
    assert found == []
