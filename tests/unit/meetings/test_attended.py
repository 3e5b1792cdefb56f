"""Who the people of a report are: by what the roster found out, by when they came, and by what is left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.attended import Named, intervals, whose
from vestibule.meetings.model import Attended, Identity, IdentityKind, Report, Way
from vestibule.meetings.roster import Around, identity_key
from vestibule.meetings.store.roster import Presence, Present
from vestibule.visits.model import Interval, Participant, PersonRole, PersonState, Visit, VisitState

BOX = SecretBox([("k1", b"1" * 32)])
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DIRECTORY, ROSA_THERE = "4f7f0d63-0b4c-4b0e-9f57-0c6ad9c2a111", "aa11aa11-0000-4000-8000-000000000001"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def person(role: PersonRole, name: str = "") -> Participant:
    return Participant(ParticipantId(new_id()), role, PersonState.LEFT, NOON, name=name)


ROSA, TOM = person(PersonRole.PROVIDER), person(PersonRole.PROVIDER, "Tom Wells")
ANN, BEN = person(PersonRole.PATIENT, "Ann Lee"), person(PersonRole.FAMILY)
USER = Identity(IdentityKind.USER, ROSA_THERE, "Rosa", DIRECTORY)


def guest(id_: str = "", name: str = "") -> Identity:
    return Identity(IdentityKind.GUEST, id_, name)


def row(who: Participant | None, identity: Identity, came: float | None = 0) -> Present:
    there = None if came is None else at(came)
    return Present(str(new_id()), identity_key(BOX, identity), who.id if who else None, Presence.GONE, at(900), None, there)


def around(*shown: Participant, accounts: dict[str, ParticipantId] | None = None, account: Participant | None = None) -> Around:
    """Those who were shown the way, the last one last; `account` had signed in when they were."""
    visit = Visit(VisitId(new_id()), TenantId(new_id()), None, None, VisitState.ENDED, 1, people=(ROSA, TOM, ANN, BEN))
    key = identity_key(BOX, USER)
    ways = [Way(one.id, NOON, key if one is account else None) for one in reversed(shown)]
    return Around(visit, ways, accounts or {}, DIRECTORY, lambda identity: identity_key(BOX, identity))


@pytest.mark.parametrize(
    ("people", "rows", "around_", "expected"),
    [
        pytest.param([Named(USER)], [], around(accounts={ROSA_THERE: ROSA.id}), [ROSA], id="by the account"),
        pytest.param([Named(USER)], [], around(ROSA, account=ROSA), [ROSA], id="by the account they had when they were shown the way"),
        pytest.param([Named(USER)], [], around(ROSA), [None], id="an account of the house that nobody has is a stranger's"),
        pytest.param([Named(guest("g7"))], [row(BEN, guest("g7"))], around(BEN, ANN), [BEN], id="by what the roster found out"),
        pytest.param(
            [Named(guest("x1"), at(61)), Named(guest("x2"), at(2))],
            [row(ANN, guest("g1"), 0), row(BEN, guest("g2"), 60)],
            around(BEN, ANN),
            [BEN, ANN],
            id="by when they came, where a report knows them by other names",
        ),
        pytest.param(
            [Named(guest("x1"), at(2))],
            [row(ROSA, USER, 2), row(ANN, guest("g1"), 9)],
            around(ANN),
            [ANN],
            id="a guest who came with a clinician is no clinician, though ours has forgotten whose account that is",
        ),
        pytest.param(
            [Named(guest(), at(500))], [row(ANN, guest("g1"), 0)], around(ANN, BEN), [BEN], id="who came at no such time is somebody else"
        ),
        pytest.param([Named(guest("", "Ann Lee"))], [], around(ANN, BEN), [ANN], id="by the name, while we have it"),
        pytest.param([Named(guest("", "Zed"))], [], around(ANN, BEN), [BEN], id="else who was shown the way last"),
        pytest.param([Named(guest("1", "Zed")), Named(guest("2", "Y"))], [], around(ANN, BEN), [BEN, ANN], id="each person once"),
        pytest.param(
            [Named(guest("1", "Zed")), Named(guest("2", "Zed"))], [], around(ANN, BEN), [BEN, BEN], id="unless they came under one name"
        ),
        pytest.param([Named(guest("1", "A")), Named(guest("2", "B"))], [], around(ANN), [ANN, ANN], id="or there is only one"),
        pytest.param([Named(guest("1", "Zed"))], [], around(TOM), [None], id="a clinician is taken for nobody's guess"),
        pytest.param([Named(guest("1", "Tom Wells"))], [], around(TOM), [TOM], id="but by the name"),
        pytest.param([Named(guest("1", "Zed"))], [], around(), [None], id="who was not shown the way did not come through us"),
        pytest.param([Named(Identity(IdentityKind.PHONE, "+1"))], [], around(ANN), [None], id="nobody is shown a number to call"),
    ],
)
def test_whom_a_report_names(
    people: Sequence[Named], rows: Sequence[Present], around_: Around, expected: Sequence[Participant | None]
) -> None:
    assert whose(people, rows, around_) == [one.id if one else None for one in expected]


def test_every_time_somebody_was_there_is_told_and_what_ends_before_it_begins_is_not() -> None:
    records = (
        Attended(USER, "Organizer", ((at(0), at(300)), (at(400), at(900)))),
        Attended(guest("g1"), "Attendee", ((at(30), at(20)), (at(40), at(800)))),
    )
    told = intervals(Report("r1", at(0), at(900), 2, records), [row(ANN, guest("g1"))], around(ROSA, ANN, account=ROSA))
    assert told == [Interval(ROSA.id, at(0), at(300)), Interval(ROSA.id, at(400), at(900)), Interval(ANN.id, at(40), at(800))]
