"""Scopes of the practice SMART server: what is granted, and what it opens."""

from __future__ import annotations

import pytest

from practice.oauth.errors import OAuthError
from practice.oauth.scopes import grant, opening

REGISTERED = "openid launch user/Patient.rs user/Appointment.read system/*.rs patient/*.*"


@pytest.mark.parametrize(
    ("asked", "granted", "remark"),
    [
        ("openid launch", ["openid", "launch"], "as registered"),
        ("launch launch", ["launch"], "each once"),
        ("user/Patient.r", ["user/Patient.r"], "part of a registered one"),
        ("user/Patient.read", ["user/Patient.read"], "the v1 spelling of .rs"),
        ("user/Appointment.rs", ["user/Appointment.rs"], "the v2 spelling of .read"),
        ("user/Patient.cud launch", ["launch"], "more than registered is left out"),
        ("user/Observation.rs launch", ["launch"], "another resource is left out"),
        ("patient/Observation.rs", ["patient/Observation.rs"], "the star covers it"),
        ("system/Patient.rs launch", ["launch"], "another level is left out"),
    ],
)
def test_only_what_is_registered_is_granted(asked: str, granted: list[str], remark: str) -> None:
    assert grant(asked, REGISTERED, levels=("patient", "user")) == granted, remark


@pytest.mark.parametrize(
    "asked", ["", "   ", "offline_access", "user/Observation.rs", "system/Patient.rs", "user/Patient.", "user/patient.rs"]
)
def test_a_request_of_which_nothing_is_left_is_refused(asked: str) -> None:
    with pytest.raises(OAuthError, match="invalid_scope"):
        grant(asked, REGISTERED, levels=("patient", "user"))


def test_a_backend_service_gets_system_scopes_and_nothing_else() -> None:
    assert grant("openid launch system/Patient.rs user/Patient.rs", REGISTERED, levels=("system",)) == ["system/Patient.rs"]


@pytest.mark.parametrize(
    ("scope", "letter", "levels"),
    [
        ("user/Patient.rs", "r", {"user"}),
        ("user/Patient.r", "s", set()),
        ("user/Patient.s", "r", set()),
        ("user/Patient.read", "s", {"user"}),
        ("user/Patient.write", "r", set()),
        ("patient/*.rs user/Patient.r", "r", {"patient", "user"}),
        ("user/Appointment.rs", "r", set()),
        ("openid launch", "r", set()),
    ],
)
def test_a_scope_opens_what_it_says(scope: str, letter: str, levels: set[str]) -> None:
    assert opening(scope.split(), "Patient", letter) == levels  # type: ignore[arg-type]
