"""What codes are called: states, roles, ready-made messages, events. In the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vestibule.kit.ids import ParticipantId
from vestibule.platform.web.i18n import gettext as _
from vestibule.visits.fold import happened
from vestibule.visits.model import EventKind, Outcome, Participant, PersonRole, PersonState, Visit, VisitEvent, VisitState

_K = EventKind
# A moment as this page's people write a time of day.
ClockText = Callable[[datetime], str]


def message_text(code: str) -> str:
    """One of the clinic's ready-made sentences."""
    return messages().get(code, "")


def messages() -> dict[str, str]:
    """All of them, in the order in which they are offered."""
    return {
        "almost_ready": _("We are almost ready for you."),
        "running_late_5": _("We are running about 5 minutes late. Thank you for waiting."),
        "running_late_15": _("We are running about 15 minutes late. Thank you for waiting."),
        "check_camera": _("Please check your camera and microphone."),
        "call_us": _("Please call the clinic."),
        "thank_you": _("Thank you for your patience."),
    }


def role_text(role: PersonRole) -> str:
    """What somebody is in a visit."""
    return {
        PersonRole.PROVIDER: _("Clinician"),
        PersonRole.PATIENT: _("Patient"),
        PersonRole.INTERPRETER: _("Interpreter"),
        PersonRole.FAMILY: _("Family"),
        PersonRole.GUEST: _("Guest"),
    }[role]


def invitable() -> list[tuple[str, str]]:
    """Whom a clinician can invite by a link."""
    return [(role.value, role_text(role)) for role in (PersonRole.PATIENT, PersonRole.INTERPRETER, PersonRole.FAMILY, PersonRole.GUEST)]


def person_text(state: PersonState) -> str:
    """Where somebody stands, in a word or two."""
    return {
        PersonState.EXPECTED: _("Expected"),
        PersonState.TESTING: _("Checking devices"),
        PersonState.WAITING: _("Waiting"),
        PersonState.HELD: _("On hold"),
        PersonState.ADMITTED: _("Coming in"),
        PersonState.CONNECTED: _("Connected"),
        PersonState.DISCONNECTED: _("Connection lost"),
        PersonState.LEFT: _("Left"),
        PersonState.REMOVED: _("Removed"),
    }[state]


PILLS: Mapping[PersonState, str] = {
    PersonState.WAITING: "wait",
    PersonState.HELD: "wait",
    PersonState.ADMITTED: "brand",
    PersonState.CONNECTED: "good",
    PersonState.DISCONNECTED: "bad",
}


def visit_text(state: VisitState) -> str:
    """Where a visit stands."""
    return {
        VisitState.SCHEDULED: _("Scheduled"),
        VisitState.OPEN: _("Open"),
        VisitState.ENDED: _("Ended"),
        VisitState.CANCELLED: _("Cancelled"),
    }[state]


def outcome_text(outcome: Outcome) -> str:
    """What became of a visit."""
    return {
        Outcome.COMPLETED: _("Completed"),
        Outcome.NO_SHOW: _("Patient did not come"),
        Outcome.UNDETERMINED: _("Not determined"),
    }[outcome]


def checks_text(checks: Mapping[str, str]) -> str:
    """What somebody's device check said, for the clinician."""
    if not checks:
        return ""
    camera, sound = checks.get("camera"), checks.get("microphone")
    if camera == sound == "works":
        return _("Camera and sound checked.")
    if sound == "works":
        return _("Sound checked, no camera.")
    if camera == "works":
        return _("Camera checked, no microphone.")
    return _("No camera and no microphone.")


def name_of(person: Participant | None) -> str:
    """What somebody is called, or what they are when they have no name (any more)."""
    if person is None:
        return _("Somebody")
    return person.name or role_text(person.role)


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line of "What happened".

    Attributes:
        told: `sent`, `failed`, or empty: whether the record has heard of it.
    """

    seq: int
    at: datetime
    text: str
    told: str = ""


def story(visit: Visit, events: Sequence[VisitEvent], *, me: ParticipantId | None, clock: ClockText) -> list[StoryLine]:
    """What happened, in sentences, the latest last; what was sent to the record stands beside what it was about.

    A meeting elsewhere tells late and says when it was: the line stands where we heard of it, with the time at which it happened.
    """
    told: dict[int, str] = {}
    for event in events:
        if event.kind in {_K.RECORD_TOLD, _K.RECORD_FAILED} and isinstance(event.body.get("of"), int):
            told[event.body["of"]] = "sent" if event.kind is _K.RECORD_TOLD else "failed"
    lines = ((event, sentence(visit, event, me=me, clock=clock)) for event in events)
    return [StoryLine(e.seq, happened(e), text, told.get(e.seq, "")) for e, text in lines if text]


def sentence(visit: Visit, event: VisitEvent, *, me: ParticipantId | None, clock: ClockText) -> str:
    """One event as a sentence; empty for what is not worth a line."""
    if event.kind is _K.ATTENDED:
        return _attended(visit, event, clock)
    if event.participant is not None and event.participant == me and event.kind in _MINE:
        return _(_MINE[event.kind])
    if event.kind in _THEIRS and event.participant is not None:
        return _(_THEIRS[event.kind]) % {"name": name_of(visit.person(event.participant))}
    if event.kind is _K.MESSAGED:
        return _("Message to the waiting room: %(text)s") % {"text": message_text(str(event.body.get("message", "")))}
    if event.kind is _K.ENDED and "outcome" in event.body:
        return _("The visit ended: %(outcome)s") % {"outcome": outcome_text(Outcome(event.body["outcome"]))}
    if event.kind is _K.OUTCOME_MARKED and not event.body["outcome"]:
        return _("The mark was taken away")
    if event.kind is _K.OUTCOME_MARKED:
        return _("Marked as: %(outcome)s") % {"outcome": outcome_text(Outcome(event.body["outcome"]))}
    return _(_PLAIN[event.kind]) if event.kind in _PLAIN else ""


def _attended(visit: Visit, event: VisitEvent, clock: ClockText) -> str:
    """Who was in the meeting, and from when to when, as its report says."""
    who = name_of(visit.person(event.participant)) if event.participant else _("Somebody who did not come through the waiting room")
    began, over = (clock(datetime.fromisoformat(event.body[name])) for name in ("from", "to"))
    return _("Report: %(name)s was in the meeting from %(began)s to %(over)s") % {"name": who, "began": began, "over": over}


def _n(text: str) -> str:
    """Marks a text for the catalogue; it is translated where it is used."""
    return text


_MINE: Mapping[EventKind, str] = {
    _K.ADMITTED: _n("You came in"),
    _K.IN_LOBBY: _n("You wait in the meeting's own lobby"),
    _K.CONNECTED: _n("You connected"),
    _K.DISCONNECTED: _n("You disconnected"),
    _K.LEFT: _n("You left"),
}
_THEIRS: Mapping[EventKind, str] = {
    _K.JOINED: _n("%(name)s opened the waiting room"),
    _K.ARRIVED: _n("%(name)s arrived in the waiting room"),
    _K.HELD: _n("%(name)s put on hold"),
    _K.ADMITTED: _n("%(name)s admitted"),
    _K.PUT_BACK: _n("%(name)s put back into the waiting room"),
    _K.REMOVED: _n("%(name)s removed"),
    _K.IN_LOBBY: _n("%(name)s waits in the meeting's own lobby"),
    _K.CONNECTED: _n("%(name)s connected"),
    _K.DISCONNECTED: _n("%(name)s disconnected"),
    _K.LEFT: _n("%(name)s left"),
    _K.PATIENT_TOLD: _n("A message was sent to %(name)s"),
    _K.PATIENT_UNTOLD: _n("A message to %(name)s could not be delivered"),
}
_PLAIN: Mapping[EventKind, str] = {
    _K.RESCHEDULED: _n("The visit was moved"),
    _K.CANCELLED: _n("The visit was cancelled"),
    _K.OPENED: _n("The visit opened"),
    _K.CONTACT_ERASED: _n("The patient's phone number and e-mail address were erased"),
    _K.MERGED: _n("Two entries of this visit became one"),
    _K.LINK_MADE: _n("A link was made"),
    _K.LINK_REVOKED: _n("A link was revoked"),
    _K.MEETING_MADE: _n("The meeting is ready"),
    _K.MEETING_FAILED: _n("The meeting could not be made"),
    _K.LIVE_DELAYED: _n("Who is connected is known late from here on"),
    _K.LIVE_RESUMED: _n("Who is connected is known at once again"),
    _K.CALL_ENDED: _n("The call in the meeting ended"),
    _K.SETTLED: _n("The meeting's report settled who was there"),
}
