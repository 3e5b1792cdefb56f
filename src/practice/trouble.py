"""The trouble switches: how the hospital misbehaves on request, one switch for each group of endpoints."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

Group = Literal[
    "discovery", "capability", "smart", "authorize", "token", "jwks", "fhir", "status", "microsoft", "graph", "twilio", "azure", "mail"
]
Mode = Literal[
    "off",
    "slow",
    "late",
    "error",
    "busy",
    "throttle",
    "lost",
    "hang",
    "refuse",
    "forbid",
    "invalid_client",
    "invalid_grant",
    "garbage",
    "truncated",
    "empty",
    "huge",
    "dribble",
    "redirect",
]
GROUPS: tuple[Group, ...] = get_args(Group)
PARTS: dict[str, Group] = {"metadata": "capability", "smart-configuration": "smart"}  # one document of `discovery` alone

MODES: dict[Mode, str] = {
    "off": "works as it should",
    "slow": "waits, then does it",
    "late": "does it, then keeps the answer back for a while",
    "error": "answers 500",
    "busy": "answers 429 with Retry-After",
    "throttle": "answers 429 without Retry-After",
    "lost": "does it, then hangs up without an answer",
    "hang": "does nothing, then hangs up without an answer",
    "refuse": "answers 401, as if the token were unknown",
    "forbid": "answers 403",
    "invalid_client": "answers invalid_client",
    "invalid_grant": "answers invalid_grant",
    "garbage": "answers 200 with garbage",
    "truncated": "answers half of it",
    "empty": "answers 200 with nothing",
    "huge": "answers with 64 megabytes",
    "dribble": "answers byte by byte, with a pause after each",
    "redirect": "sends elsewhere, to the setting's redirect_to",
}


class Switch(Struct, kw_only=True):
    """One switch. `seconds` is the delay or the Retry-After; `times` counts down to off, 0 means until somebody turns it off."""

    mode: Mode = "off"
    seconds: Annotated[float, Meta(ge=0, le=600)] = 5
    times: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class Trouble:
    """All the switches; they start off and are forgotten at a restart."""

    def __init__(self) -> None:
        self.switches: dict[Group, Switch] = {group: Switch() for group in GROUPS}

    def turn(self, group: Group, switch: Switch) -> None:
        """Set one switch."""
        self.switches[group] = switch

    def meet(self, group: Group, path: str) -> Switch:
        """What this call meets; counts it. A switch for one document alone comes before its group's."""
        part = PARTS.get(path.rpartition("/")[2]) if group == "discovery" else None
        return self.next(part if part and self.switches[part].mode != "off" else group)

    def next(self, group: Group) -> Switch:
        """What a group does to its next call; counts it."""
        switch = self.switches[group]
        if switch.mode != "off" and switch.times:
            left = switch.times - 1
            self.switches[group] = Switch(mode=switch.mode, seconds=switch.seconds, times=left) if left else Switch()
        return switch
