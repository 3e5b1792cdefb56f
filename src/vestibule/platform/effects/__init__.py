"""The transactional outbox: what must still be done to the outside world, and how it went."""

from vestibule.platform.effects.model import (
    Attempt,
    Dead,
    Done,
    Effect,
    EffectRow,
    EffectState,
    Handler,
    Mourner,
    Outcome,
    Policy,
    Promise,
    Retry,
    Together,
    Unknown,
)
from vestibule.platform.effects.service import Effects
from vestibule.platform.effects.worker import Worker

__all__ = [
    "Attempt",
    "Dead",
    "Done",
    "Effect",
    "EffectRow",
    "EffectState",
    "Effects",
    "Handler",
    "Mourner",
    "Outcome",
    "Policy",
    "Promise",
    "Retry",
    "Together",
    "Unknown",
    "Worker",
]
