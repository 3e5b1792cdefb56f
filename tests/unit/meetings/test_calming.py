"""What stands in a clinician's way at Microsoft is said in a few words they can understand, each with a remedy."""

from __future__ import annotations

import pytest

from vestibule.errors import Gone, NotAllowed, NotFound, OutsideFailed, VestibuleError
from vestibule.meetings.calming import in_calm_words, problem

AT_THE_SIGN_IN = [
    "sign-in-declined",
    "sign-in-unavailable",
    "sign-in-failed",
    "sign-in-not-trusted",
    "sign-in-misconfigured",
    "teams-wrong-directory",
    "teams-guest-account",
    "teams-connection-changed",
    "teams-not-set-up",
    "binding-nobody",
]
AT_THE_ACCOUNT = [
    "teams-licence-missing",
    "teams-policy-missing",
    "teams-permission-missing",
    "teams-user-unknown",
    "teams-not-signed-in",
]


def outside(code: str, *, permanent: bool = True) -> OutsideFailed:
    return OutsideFailed(code, "Words for nobody.", phase="sign-in.token", permanent=permanent)


@pytest.mark.parametrize(
    ("met", "said"),
    [
        (outside("outside-timeout", permanent=False), "sign-in-unavailable"),
        (outside("openid-unavailable", permanent=False), "sign-in-unavailable"),
        (outside("openid-configuration-invalid"), "sign-in-misconfigured"),
        (outside("token-invalid-client"), "sign-in-misconfigured"),
        (NotAllowed("teams-not-signed-in", "No secret.", phase="teams.token"), "sign-in-misconfigured"),
        (outside("jwt-signature"), "sign-in-not-trusted"),
        (outside("id-token-nonce"), "sign-in-not-trusted"),
        (outside("entra-person-missing"), "sign-in-not-trusted"),
        (NotAllowed("callback-issuer", "Somebody else.", phase="x"), "sign-in-not-trusted"),
        (outside("token-invalid-grant"), "sign-in-failed"),
        (outside("something-new"), "sign-in-failed"),
        (NotAllowed("sign-in-declined", "No.", phase="x"), "sign-in-declined"),
        (NotAllowed("teams-guest-account", "No.", phase="x"), "teams-guest-account"),
        (NotFound("binding-nobody", "No.", phase="x"), "binding-nobody"),
        (Gone("session-over", "No.", phase="x"), "session-over"),
    ],
    ids=lambda value: value.code if isinstance(value, VestibuleError) else value,
)
def test_whatever_was_met_is_one_of_a_few_things(met: VestibuleError, said: str) -> None:
    assert in_calm_words(met).code == said


@pytest.mark.parametrize("code", [*AT_THE_SIGN_IN, *AT_THE_ACCOUNT])
def test_each_thing_has_a_title_what_it_is_and_a_remedy(code: str) -> None:
    found = problem(code)
    assert found is not None
    assert all((found.title, found.what, found.remedy))


@pytest.mark.parametrize("code", ["teams-licence-missing", "teams-policy-missing", "teams-permission-missing", "sign-in-misconfigured"])
def test_what_only_an_administrator_can_mend_says_how(code: str) -> None:
    found = problem(code)
    assert found is not None
    assert found.administrator


@pytest.mark.parametrize("code", ["", "nonsense", "teams-throttled", "<script>"])
def test_anything_else_is_no_problem_of_theirs(code: str) -> None:
    assert problem(code) is None
