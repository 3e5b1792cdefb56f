"""Who is in a meeting elsewhere: whom a name stands for, and what notifications make of the roster, in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.model import CallEvent, CallEventKind, Identity, IdentityKind, Seen, Way
from vestibule.meetings.roster import Around, Roster, Step, StepKind, counted, identity_key
from vestibule.meetings.store.roster import Call, Presence
from vestibule.visits.model import Participant, PersonRole, PersonState, Visit, VisitState

BOX = SecretBox([("k1", b"1" * 32)])
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DIRECTORY = "4f7f0d63-0b4c-4b0e-9f57-0c6ad9c2a111"
ROSA_AT_MICROSOFT = "AA11AA11-0000-4000-8000-000000000001"
CAME, WENT, KNOCKED = StepKind.CAME, StepKind.WENT, StepKind.KNOCKED


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def person(role: PersonRole, name: str) -> Participant:
    return Participant(ParticipantId(new_id()), role, PersonState.ADMITTED, NOON, name=name)


ROSA = person(PersonRole.PROVIDER, "Rosa Okafor")
ANN = person(PersonRole.PATIENT, "Ann Lee")
BEN = person(PersonRole.FAMILY, "Ben Lee")
TOM = person(PersonRole.PROVIDER, "Tom Wells")  # of whom no account is known


def visit(*people: Participant) -> Visit:
    return Visit(VisitId(new_id()), TenantId(new_id()), None, None, VisitState.OPEN, 1, people=people or (ROSA, ANN, BEN, TOM))


@dataclass
class Meeting:
    """A meeting that is told of, and what it told the visit."""

    people: Visit = field(default_factory=visit)
    ways: list[Way] = field(default_factory=list)
    roster: Roster = field(default_factory=lambda: Roster({}, Call()))

    @property
    def around(self) -> Around:
        accounts = {ROSA_AT_MICROSOFT.lower(): ROSA.id}
        return Around(self.people, self.ways, accounts, DIRECTORY, lambda identity: identity_key(BOX, identity))

    def shown(self, *people: Participant) -> Meeting:
        """The way in, one after the other; the last one is the latest."""
        for one in people:
            self.ways.insert(0, Way(one.id, NOON))
        return self

    def told(self, *people: Seen, when: float = 0, kind: CallEventKind = CallEventKind.ROSTER) -> list[Step]:
        return self.roster.take(CallEvent(kind, at=at(when), people=people), self.around, at(when))

    def who(self, name: str) -> ParticipantId | None:
        return self.roster.rows[name].participant


def user(object_id: str = ROSA_AT_MICROSOFT, name: str = "Rosa", directory: str = DIRECTORY) -> Identity:
    return Identity(IdentityKind.USER, object_id, name, directory)


def guest(name: str = "", id_: str = "") -> Identity:
    return Identity(IdentityKind.GUEST, id_, name)


# ---------------------------------------------------------------------- who is who


@pytest.mark.parametrize(
    ("identity", "shown", "expected"),
    [
        pytest.param(user(), [ROSA], ROSA, id="a clinician is known by their account"),
        pytest.param(user(ROSA_AT_MICROSOFT.lower()), [], ROSA, id="in whatever case it is written, and though nobody was shown the way"),
        pytest.param(
            user("bb22", "Ann Lee"), [ANN], None, id="a colleague whom nobody in the visit is, is a stranger, whatever their name"
        ),
        pytest.param(user("cc33", "Annie", "another-directory"), [ANN], ANN, id="a patient's own account elsewhere is the patient's"),
        pytest.param(guest("Ann Lee"), [ANN, BEN], ANN, id="a guest is the one of that name"),
        pytest.param(guest("  ann   LEE (Guest)"), [ANN, BEN], ANN, id="spaces, case and what Teams adds are no name"),
        pytest.param(guest("Somebody Else"), [ANN], ANN, id="under another name the only one who was shown the way"),
        pytest.param(guest("Somebody Else"), [ANN, BEN], BEN, id="of several the one who was shown it last"),
        pytest.param(guest(""), [BEN, ANN], ANN, id="without a name too"),
        pytest.param(guest("Ann Lee"), [], None, id="who was not shown the way did not come through us"),
        pytest.param(guest("Rosa Okafor"), [ROSA], None, id="nobody gets a clinician's place by the name, where their account is known"),
        pytest.param(guest("Tom Wells"), [TOM], TOM, id="a clinician without a known account by the name"),
        pytest.param(guest("Somebody"), [TOM], None, id="and by nothing else"),
        pytest.param(Identity(IdentityKind.PHONE, "+1555"), [ANN], None, id="nobody is shown a number to call"),
        pytest.param(Identity(IdentityKind.UNKNOWN, "x", "Ann Lee"), [ANN], ANN, id="a kind that is new is a guest"),
    ],
)
def test_who_somebody_is_taken_for(identity: Identity, shown: Sequence[Participant], expected: Participant | None) -> None:
    meeting = Meeting().shown(*shown)
    steps = meeting.told(Seen("g1", identity))
    assert meeting.who("g1") == (expected.id if expected else None)
    assert steps == ([Step(CAME, expected.id, at(0))] if expected else [])


def test_a_bot_is_neither_a_person_nor_a_stranger() -> None:
    meeting = Meeting().shown(ANN)
    assert meeting.told(Seen("b1", Identity(IdentityKind.APPLICATION, "recorder"))) == []
    assert meeting.roster.rows == {}


def test_two_guests_are_two_people() -> None:
    meeting = Meeting().shown(ANN, BEN)
    meeting.told(Seen("g1", guest("x", "1")), Seen("g2", guest("y", "2")), Seen("g3", guest("z", "3")))
    assert [meeting.who(name) for name in ("g1", "g2", "g3")] == [BEN.id, ANN.id, None]


def test_who_comes_again_under_the_same_identity_is_the_same() -> None:
    meeting = Meeting().shown(ANN, BEN)
    meeting.told(Seen("g1", guest("Ann Lee", "8:acs:ann")))
    meeting.told(Seen("g1", guest("Ann Lee", "8:acs:ann"), gone=True), when=1)
    meeting.told(Seen("g2", guest("Somebody", "8:acs:ann")), when=2)
    assert meeting.who("g2") == ANN.id


def test_a_second_device_under_the_same_name_is_the_same_person() -> None:
    meeting = Meeting().shown(ANN)
    meeting.told(Seen("g1", guest("Ann Lee", "1")))
    meeting.told(Seen("g2", guest("Ann Lee", "2")), when=1)
    assert meeting.who("g2") == ANN.id
    assert meeting.told(Seen("g1", guest("Ann Lee", "1"), gone=True), when=2) == [], "she is still there with the other"
    assert meeting.told(Seen("g2", guest("Ann Lee", "2"), gone=True), when=3) == [Step(WENT, ANN.id, at(3))]


def test_identities_are_known_again_whatever_their_case_and_not_across_kinds() -> None:
    assert identity_key(BOX, user("AB")) == identity_key(BOX, user("ab"))
    assert identity_key(BOX, user("ab")) != identity_key(BOX, guest("", "ab"))
    assert identity_key(BOX, guest("Ann")) is None


# ---------------------------------------------------------------------- what happens


def lobby(when: float) -> tuple[Seen, float]:
    return Seen("g1", guest("Ann Lee", "1"), in_lobby=True), when


def inside(when: float) -> tuple[Seen, float]:
    return Seen("g1", guest("Ann Lee", "1")), when


def gone(when: float) -> tuple[Seen, float]:
    return Seen("g1", guest("Ann Lee", "1"), gone=True), when


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param([lobby(0), inside(1), gone(2)], [(KNOCKED, 0), (CAME, 1), (WENT, 2)], id="in order"),
        pytest.param([lobby(0), lobby(0), lobby(1)], [(KNOCKED, 0)], id="who knocks is said once"),
        pytest.param([inside(0), inside(0)], [(CAME, 0)], id="the same again says nothing"),
        pytest.param([inside(1), lobby(0)], [(CAME, 1)], id="who is in is not put into the lobby by older news"),
        pytest.param([gone(2), inside(1)], [(CAME, 1), (WENT, 2)], id="who went before we heard of them was there, and is gone"),
        pytest.param([gone(2), inside(1), inside(1)], [(CAME, 1), (WENT, 2)], id="which is said once"),
        pytest.param([inside(0), gone(2), inside(1)], [(CAME, 0), (WENT, 2)], id="older news of somebody known to have been there is old"),
        pytest.param([gone(1), lobby(0)], [], id="who only knocked and went"),
        pytest.param([lobby(0), gone(1)], [(KNOCKED, 0)], id="who gave up in the lobby was never there"),
        pytest.param([lobby(0), inside(0), gone(0)], [(KNOCKED, 0), (CAME, 0), (WENT, 0)], id="words of one moment, in their order"),
        pytest.param([inside(0), lobby(0)], [(CAME, 0)], id="words of one moment, turned round"),
        pytest.param([inside(0), lobby(1)], [(CAME, 0), (WENT, 1), (KNOCKED, 1)], id="back into the lobby"),
        pytest.param([inside(0), gone(1), inside(2)], [(CAME, 0), (WENT, 1), (CAME, 2)], id="gone and back"),
    ],
)
def test_what_the_visit_is_told(words: Sequence[tuple[Seen, float]], expected: Sequence[tuple[StepKind, float]]) -> None:
    meeting = Meeting().shown(ANN)
    steps = [step for seen, when in words for step in meeting.told(seen, when=when)]
    once = [step for n, step in enumerate(steps) if step not in steps[:n]]  # the visit itself passes over what it knows
    assert once == [Step(kind, ANN.id, at(when)) for kind, when in expected]


def test_words_of_one_moment_are_told_apart_by_the_rosters_number() -> None:
    meeting = Meeting().shown(ANN)
    meeting.told(Seen("g1", guest("Ann Lee"), gone=True, sequence=4))
    meeting.told(Seen("g1", guest("Ann Lee"), sequence=5))
    assert meeting.roster.rows["g1"].state is Presence.IN


def test_news_without_a_time_is_of_the_moment_in_which_it_came() -> None:
    meeting = Meeting().shown(ANN)
    event = CallEvent(CallEventKind.ROSTER, people=[Seen("g1", guest("Ann Lee"))])
    assert meeting.roster.take(event, meeting.around, at(7)) == [Step(CAME, ANN.id, at(7))]


def test_when_the_call_ends_everybody_is_gone() -> None:
    meeting = Meeting().shown(ANN, BEN)
    meeting.told(Seen("g1", user()), Seen("g2", guest("Ann Lee")), Seen("g3", guest("Ben Lee"), in_lobby=True))
    steps = meeting.told(when=9, kind=CallEventKind.ENDED)
    assert set(steps) == {Step(WENT, ROSA.id, at(9)), Step(WENT, ANN.id, at(9))}
    assert {row.state for row in meeting.roster.rows.values()} == {Presence.GONE}
    assert (meeting.roster.ended_at, meeting.roster.call.ended_at) == (at(9), at(9))


def test_an_end_that_is_told_twice_is_news_once() -> None:
    meeting = Meeting()
    meeting.told(when=9, kind=CallEventKind.ENDED)
    meeting.roster.ended_at = None
    assert meeting.told(when=9, kind=CallEventKind.ENDED) == []
    assert meeting.roster.ended_at is None


def test_an_old_end_ends_no_new_call() -> None:
    meeting = Meeting().shown(ANN)
    meeting.told(when=5, kind=CallEventKind.STARTED)
    meeting.told(Seen("g1", guest("Ann Lee")), when=6)
    assert meeting.told(when=3, kind=CallEventKind.ENDED) == []
    assert (meeting.roster.ended_at, meeting.roster.rows["g1"].state) == (None, Presence.IN)


def test_who_is_heard_of_only_after_the_calls_end_was_there_until_it() -> None:
    meeting = Meeting().shown(ANN)
    meeting.told(when=9, kind=CallEventKind.ENDED)
    assert meeting.told(Seen("g1", guest("Ann Lee")), when=4) == [Step(CAME, ANN.id, at(4)), Step(WENT, ANN.id, at(9))]
    assert meeting.roster.rows["g1"].state is Presence.GONE


def test_a_call_whose_beginning_was_not_told_began_with_the_first_who_came() -> None:
    meeting = Meeting().shown(ANN)
    meeting.told(Seen("g1", guest("Ann Lee")), when=4)
    assert meeting.roster.call.started_at == at(4)


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_somebody_without_a_name_of_any_use_is_passed_over(name: str) -> None:
    meeting = Meeting().shown(ANN)
    assert meeting.told(Seen(name, Identity(IdentityKind.GUEST, "", "Ann Lee"))) == []
    assert meeting.roster.rows == {}


_LIFE = [lobby(0), inside(1), gone(2)]


@given(st.lists(st.sampled_from(range(3)), min_size=1, max_size=9))
def test_in_whatever_order_and_however_often_the_last_word_counts(order: list[int]) -> None:
    meeting = Meeting().shown(ANN)
    for n in order:
        meeting.told(_LIFE[n][0], when=_LIFE[n][1])
    expected = [Presence.LOBBY, Presence.IN, Presence.GONE][max(order)]
    assert meeting.roster.rows["g1"].state is expected


@given(st.permutations(range(3)), st.lists(st.sampled_from(range(3)), max_size=6))
def test_once_all_was_told_they_have_come_and_gone_once(first: list[int], again: list[int]) -> None:
    meeting = Meeting().shown(ANN)
    steps = [step for n in (*first, *again) for step in meeting.told(_LIFE[n][0], when=_LIFE[n][1])]
    assert [step for step in steps if step.kind is not KNOCKED] == [Step(CAME, ANN.id, at(1)), Step(WENT, ANN.id, at(2))]


# ---------------------------------------------------------------------- the roster's number


@pytest.mark.parametrize(
    ("heard", "missing"),
    [
        ([[5], [6], [7]], 0),
        ([[5], [7]], 1),
        ([[5], [9]], 3),
        ([[5], [7], [6]], 0),
        ([[5], [7], [6], [6]], 0),
        ([[5, 6], [6, 7]], 0),
        ([[5], [], [6]], 0),
        ([[9]], 0),
    ],
)
def test_missing_numbers_are_counted(heard: list[list[int]], missing: int) -> None:
    number, lost = None, 0
    for some in heard:
        number, lost = counted(number, lost, some)
    assert lost == missing
    assert number == max(n for some in heard for n in some)
