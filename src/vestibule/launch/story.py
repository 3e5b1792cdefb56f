"""The story of one launch: how long each step took, and whose pages may show it. Kept with the attempt, under its reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId


@dataclass(slots=True)
class Story:
    """Written as the launch goes along; codes and milliseconds, nothing about anybody.

    Attributes:
        reference: what the person can read out; a callback takes over its launch's.
        frame_origins: who may frame the answer, once the connection is known: error pages too.
        tenant: whose launch it is, once that is known: an error page then says whom to call.
    """

    clock: Clock
    reference: str
    frame_origins: tuple[str, ...] = ()
    tenant: TenantId | None = None
    phases: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, phase: str) -> Iterator[None]:
        """Time a step; a failure is written down with its code and goes on."""
        at, began = self.clock.now(), self.clock.monotonic()
        try:
            yield
        except VestibuleError as error:
            self._add(phase, at, began, error.code)
            raise
        self._add(phase, at, began, "")

    def failed(self, error: VestibuleError) -> None:
        """It ended with this, unless the step it happened in has said so already."""
        if not self.phases or self.phases[-1].get("code") != error.code:
            self._add(error.phase, self.clock.now(), self.clock.monotonic(), error.code)

    def _add(self, phase: str, at: datetime, began: float, code: str) -> None:
        elapsed = round((self.clock.monotonic() - began) * 1000, 1)
        line: dict[str, Any] = {"phase": phase, "at": at.isoformat(timespec="milliseconds"), "ms": elapsed}
        self.phases.append(line | ({"code": code} if code else {}))
