"""Figures of how well somebody heard and saw, made up from their presence so that they stay the same, within what is found in life.

Addresses of networks and machines stand among them, as they do in the real records: a reader must know to leave them.
"""

from __future__ import annotations

import random
from typing import Any

from practice.hospital import Hospital
from practice.microsoft.graph.afterwards import identity
from practice.teams.model import Call, Presence

_RECORDS = "#microsoft.graph.callRecords."
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def session(house: Hospital, call: Call, one: Presence, *, segments: bool) -> dict[str, Any]:
    """One person's connection to the service; its parts only where they were asked for."""
    dice = random.Random(one.id)  # noqa: S311 - figures, not secrets
    span = {"startDateTime": one.admitted, "endDateTime": one.over or call.ended}
    caller, callee = _person(house, one, dice), {"@odata.type": f"{_RECORDS}serviceEndpoint", "userAgent": _service()}
    body = {"id": one.id, "caller": caller, "callee": callee, "failureInfo": None, **span}
    if not segments:
        return {**body, "modalities": ["audio", "video"], "isTest": False}
    media = [_media("main-audio", dice, span, audio=True), _media("main-video", dice, span, audio=False)]
    return {**body, "modalities": ["audio", "video"], "isTest": False, "segments": [{**body, "media": media}]}


def whose(house: Hospital, one: Presence) -> dict[str, Any]:
    """An identity set: under `user` with an account; without one as has been seen (a user of no directory and no name), or as a guest."""
    who = identity(house, one)
    if one.who == "guest" and house.book.cloud.guest_ids == "other":
        return {"user": {**who, "id": who["id"].removeprefix("8:"), "displayName": None}}
    return {one.who: who}


def _service() -> dict[str, Any]:
    return {"@odata.type": f"{_RECORDS}serviceUserAgent", "headerValue": None, "applicationVersion": None, "role": "mediationServer"}


def _person(house: Hospital, one: Presence, dice: random.Random) -> dict[str, Any]:
    platform = "windows" if one.who == "user" else "web"
    agent = {
        "@odata.type": f"{_RECORDS}clientUserAgent",
        "headerValue": "Microsoft Teams/1.7" if one.who == "user" else _BROWSER,
        "applicationVersion": "27/1.7.00.1",
        "platform": platform,
        "productFamily": "teams",
    }
    return {
        "@odata.type": f"{_RECORDS}participantEndpoint",
        "userAgent": agent,
        "name": f"EMC-WS-{dice.randint(1000, 9999)}",
        "cpuName": "Example CPU",
        "identity": whose(house, one),
        "associatedIdentity": identity(house, one),
        "feedback": None,
    }


def _media(label: str, dice: random.Random, span: dict[str, str], *, audio: bool) -> dict[str, Any]:
    streams = [
        {**_stream(dice, audio=audio), "streamId": str(dice.randint(1, 10**9)), "streamDirection": way, **span}
        for way in ("callerToCallee", "calleeToCaller")
    ]
    return {
        "label": label,
        "callerNetwork": _network(dice),
        "calleeNetwork": {**_network(dice), "connectionType": "wired"},
        "callerDevice": _device(dice),
        "calleeDevice": None,
        "streams": streams,
    }


def _network(dice: random.Random) -> dict[str, Any]:
    last, kind = dice.randint(2, 254), dice.choice(("wired", "wifi", "mobile"))
    return {
        "connectionType": kind,
        "networkTransportProtocol": "udp",
        "ipAddress": f"192.0.2.{last}",
        "reflexiveIPAddress": f"198.51.100.{last}",
        "relayIPAddress": f"203.0.113.{last}",
        "subnet": "192.0.2.0",
        "port": dice.randint(50_000, 50_019),
        "relayPort": 3478,
        "macAddress": f"00-00-5E-00-53-{last:02X}",
        "basicServiceSetIdentifier": f"00-00-5e-00-53-{last:02x}",
        "dnsSuffix": "corp.example",
        "linkSpeed": 1_000_000_000,
        "wifiSignalStrength": dice.randint(40, 99) if kind == "wifi" else None,
        "bandwidthLowEventRatio": round(dice.uniform(0, 0.02), 4),
        "delayEventRatio": round(dice.uniform(0, 0.02), 4),
        "receivedQualityEventRatio": round(dice.uniform(0, 0.05), 4),
        "sentQualityEventRatio": round(dice.uniform(0, 0.05), 4),
        "traceRouteHops": [],
    }


def _device(dice: random.Random) -> dict[str, Any]:
    return {
        "captureDeviceName": "Microphone (Example Audio)",
        "captureDeviceDriver": "Example: 10.0.1",
        "renderDeviceName": "Speakers (Example Audio)",
        "captureNotFunctioningEventRatio": 0.0,
        "renderNotFunctioningEventRatio": 0.0,
        "cpuInsufficentEventRatio": round(dice.uniform(0, 0.02), 4),
        "howlingEventCount": 0,
        "lowSpeechLevelEventRatio": round(dice.uniform(0, 0.02), 4),
    }


def _stream(dice: random.Random, *, audio: bool) -> dict[str, Any]:
    loss, trip = round(dice.uniform(0, 0.02), 4), dice.randint(15, 120)
    shared = {
        "averagePacketLossRate": loss,
        "maxPacketLossRate": round(loss * 3, 4),
        "averageJitter": f"PT0.{dice.randint(2, 25):03}S",
        "maxJitter": f"PT0.{dice.randint(30, 90):03}S",
        "averageRoundTripTime": f"PT0.{trip:03}S",
        "maxRoundTripTime": f"PT0.{trip * 2:03}S",
        "averageBandwidthEstimate": dice.randint(1_500_000, 9_000_000),
        "packetUtilization": dice.randint(2_000, 90_000),
        "wasMediaBypassed": False,
    }
    if audio:
        sound = {"audioCodec": "opus", "averageAudioDegradation": round(dice.uniform(0, 0.4), 4)}
        return {**shared, **sound, "averageRatioOfConcealedSamples": round(dice.uniform(0, 0.03), 4)}
    return {
        **shared,
        "videoCodec": "h264",
        "averageVideoFrameRate": round(dice.uniform(14, 30), 2),
        "averageVideoFrameLossPercentage": round(dice.uniform(0, 2), 2),
        "averageVideoPacketLossRate": loss,
        "averageFreezeDuration": f"PT0.{dice.randint(0, 200):03}S",
        "lowFrameRateRatio": round(dice.uniform(0, 0.05), 4),
    }
