"""A call record reduced to how well each person heard and saw. Pure.

Addresses of networks and machines, subnets, names of wireless networks, of devices and their drivers stand in a call record too. What is
kept is listed here by name; whatever else Microsoft says or will say is not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from statistics import fmean
from typing import Any, Final

from vestibule.adapters.meetings.teams.people import of_record, of_set
from vestibule.adapters.meetings.teams.reading import each, instant, member, number, seconds, text
from vestibule.meetings.model import IdentityKind, Leg

_Read = Callable[[Mapping[str, Any]], float | None]
_ENUM = re.compile(r"[A-Za-z][A-Za-z0-9]{0,23}")
_NETWORKS: Final = frozenset({"wired", "wifi", "mobile", "tunnel"})


def _ms(name: str) -> _Read:
    def read(stream: Mapping[str, Any]) -> float | None:
        found = seconds(stream, name)
        return None if found is None else found * 1000

    return read


def _plain(name: str) -> _Read:
    return lambda said: number(said, name)


# measure -> (how streams are put together, what of a stream). `audio` and `video` streams each have their own.
_AUDIO: Final[Mapping[str, tuple[Callable[[list[float]], float], _Read]]] = {
    "audio_jitter_ms": (fmean, _ms("averageJitter")),
    "audio_jitter_max_ms": (max, _ms("maxJitter")),
    "audio_loss": (fmean, _plain("averagePacketLossRate")),
    "audio_loss_max": (max, _plain("maxPacketLossRate")),
    "audio_degradation": (fmean, _plain("averageAudioDegradation")),
    "audio_concealed": (fmean, _plain("averageRatioOfConcealedSamples")),
    "rtt_ms": (fmean, _ms("averageRoundTripTime")),
    "rtt_max_ms": (max, _ms("maxRoundTripTime")),
}
_VIDEO: Final[Mapping[str, tuple[Callable[[list[float]], float], _Read]]] = {
    "video_fps": (fmean, _plain("averageVideoFrameRate")),
    "video_loss": (fmean, _plain("averageVideoPacketLossRate")),
    "video_frames_lost": (fmean, _plain("averageVideoFrameLossPercentage")),
    "video_freeze_ms": (fmean, _ms("averageFreezeDuration")),
    "video_slow": (fmean, _plain("lowFrameRateRatio")),
}
_DEVICE: Final[Mapping[str, str]] = {
    "microphone_silent": "captureNotFunctioningEventRatio",
    "speaker_silent": "renderNotFunctioningEventRatio",
    "processor_short": "cpuInsufficentEventRatio",  # their spelling
}
_NETWORK: Final[Mapping[str, str]] = {
    "network_slow": "bandwidthLowEventRatio",
    "network_delays": "delayEventRatio",
    "wifi_signal": "wifiSignalStrength",
}


def legs_of(record: Mapping[str, Any]) -> tuple[Leg, ...]:
    """The connections of a record, in the order in which they began; each has the person's side measured."""
    sessions = sorted(each(record, "sessions"), key=lambda said: (text(said, "startDateTime"), text(said, "id")))
    return tuple(_leg(seat, said) for seat, said in enumerate(sessions))


def _leg(seat: int, session: Mapping[str, Any]) -> Leg:
    side = _side(session)
    endpoint = member(session, side)
    identity = of_set(member(endpoint, "identity"))
    if identity.kind is IdentityKind.UNKNOWN:
        identity = of_record(member(endpoint, "associatedIdentity"))
    measures = dict(_measures(session, side)) | dict(_client(endpoint))
    return Leg(seat, identity, instant(session, "startDateTime"), instant(session, "endDateTime"), measures)


def _side(session: Mapping[str, Any]) -> str:
    """Which end is the person: `caller`, or `callee` where only that one says who it is."""
    caller, callee = member(session, "caller"), member(session, "callee")
    nameless = not any(member(caller, name) for name in ("identity", "associatedIdentity"))
    return "callee" if nameless and any(member(callee, name) for name in ("identity", "associatedIdentity")) else "caller"


def _measures(session: Mapping[str, Any], side: str) -> Iterator[tuple[str, float | str]]:
    media = [one for segment in each(session, "segments") for one in each(segment, "media")]
    for kind, table in (("audio", _AUDIO), ("video", _VIDEO)):
        streams = [stream for one in media if _is(one, kind) for stream in each(one, "streams")]
        for name, (together, read) in table.items():
            values = [value for value in map(read, streams) if value is not None]
            if values:
                yield name, round(together(values), 4)
    networks = [member(one, f"{side}Network") for one in media]
    yield from _worst(_NETWORK, networks)
    yield from _worst(_DEVICE, [member(one, f"{side}Device") for one in media])
    kinds = {text(one, "connectionType").casefold() for one in networks} & _NETWORKS
    if kinds:
        yield "network", min(kinds)


def _worst(names: Mapping[str, str], found: list[Any]) -> Iterator[tuple[str, float]]:
    for ours, theirs in names.items():
        values = [value for value in (number(one, theirs) for one in found) if value is not None]
        if values:
            yield ours, round(min(values) if ours == "wifi_signal" else max(values), 4)


def _client(endpoint: Any) -> Iterator[tuple[str, float | str]]:
    """By what they came. The client's full header names their machine, and stays where it is."""
    agent = member(endpoint, "userAgent")
    for ours, theirs in (("platform", "platform"), ("product", "productFamily")):
        word = text(agent, theirs, longest=60)
        if _ENUM.fullmatch(word):
            yield ours, word
    rating = text(member(endpoint, "feedback"), "rating", longest=30)
    if _ENUM.fullmatch(rating):
        yield "rating", rating


def _is(media: Mapping[str, Any], kind: str) -> bool:
    """`main-audio`, `main-video`, `applicationsharing-video`: shared screens count as neither."""
    label = text(media, "label").casefold()
    return kind in label and "sharing" not in label
