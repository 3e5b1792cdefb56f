"""One node with a visit of a clinician and a patient, and a second node for those who ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.rooms import Node, Scene, Sessions
from vestibule.adapters.meetings.room.passes import RelayConfig
from vestibule.kit.ids import TenantId
from vestibule.visits.model import PersonRole

RELAY = RelayConfig(stun_urls=("stun:relay.example.org:3478",), turn_urls=("turn:relay.example.org:3478",), secret="relay-secret")


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
async def node(db_url: str, sessions: Sessions) -> AsyncIterator[Node]:
    started = await Node(db_url, sessions, relay=RELAY).start()
    yield started
    await started.stop()


@pytest.fixture
async def other_node(db_url: str, sessions: Sessions) -> AsyncIterator[Node]:
    started = await Node(db_url, sessions, relay=RELAY).start()
    yield started
    await started.stop()


@pytest.fixture
async def scene(node: Node, tenant: TenantId, sessions: Sessions) -> Scene:
    made = Scene(node, tenant, sessions)
    await made.person("Dr. Okafor", PersonRole.PROVIDER)
    await made.person("Amy Shaw")
    return made
