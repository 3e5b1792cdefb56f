"""Which appointments are virtual, and where their patient is: the connection's rules, first match first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from vestibule.feed.model import Rule, RuleField
from vestibule.protocols.hl7v2.notice import Coded, Notice
from vestibule.visits.model import Place


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say of an appointment.

    Attributes:
        rule: which one decided, counted from 1; 0 when none fits.
    """

    virtual: bool = False
    place: Place = Place.HOME
    rule: int = 0


def rule_on(rules: Sequence[Rule], notice: Notice) -> Ruling:
    """The first rule that fits decides. Where none fits, the appointment is no virtual visit."""
    for number, rule in enumerate(rules, 1):
        if fits(rule, notice):
            return Ruling(rule.virtual, rule.place, number)
    return Ruling()


def fits(rule: Rule, notice: Notice) -> bool:
    """Whether a rule speaks of this appointment: its pattern is the whole code or the whole text, in any case."""
    if rule.field is RuleField.ANY:
        return True
    parts = _parts(rule.matches)
    return any(_looks_like(text, parts) for coded in said(rule.field, notice) for text in (coded.code, coded.text) if text)


def said(what: RuleField, notice: Notice) -> list[Coded]:
    """What an appointment says in the field a rule looks at. A resource's kind counts as much as its name."""
    if what is RuleField.RESOURCE:
        return [coded for resource in notice.resources for coded in (resource.id, resource.kind)]
    if what is RuleField.DEPARTMENT:
        return [notice.department, *notice.groups]
    single = {
        RuleField.APPOINTMENT_TYPE: notice.appointment_type,
        RuleField.VISIT_TYPE: notice.visit_type,
        RuleField.REASON: notice.appointment_reason,
    }
    return [single[what]] if what in single else []


@lru_cache(2_000)
def _parts(matches: str) -> tuple[str, ...]:
    """What stands between the stars, in the order in which it must be found."""
    return tuple(" ".join(matches.split()).casefold().split("*"))


def _looks_like(text: str, parts: tuple[str, ...]) -> bool:
    """Whether a text is made of these parts with anything, also nothing, between them. Each is looked for once, from the left."""
    text = " ".join(text.split()).casefold()
    first, *middle = parts
    if not middle:
        return text == first
    last = middle.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
