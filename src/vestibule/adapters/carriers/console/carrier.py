"""Prints messages instead of sending them. The terminal is not the log: nothing of a message goes there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from vestibule.adapters.carriers.meaning import forged
from vestibule.messages.model import Accepted, Account, Channel, Outgoing, Refused
from vestibule.messages.ports import Hook, HookAnswer

_SHOWN = 4  # digits of a number
_RULE = "-" * 60


def to_terminal(text: str) -> None:
    """Standard output of this process."""
    sys.stdout.write(text)
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Console:
    """The port `Carrier` for developers.

    Attributes:
        write: where to print.
    """

    write: Callable[[str], None] = to_terminal

    @property
    def answers_keywords(self) -> bool:
        """Nobody can answer it."""
        return False

    async def send(self, account: Account, message: Outgoing) -> Accepted | Refused:  # noqa: ARG002  there is nothing to sign in to
        """Print it."""
        head = f"{message.sender.channel.value} from {message.sender.address} to {masked(message)}"
        lines = [_RULE, head, *([message.subject] if message.subject else []), message.text, _RULE]
        self.write("\n".join(_harmless(line) for line in lines) + "\n")
        return Accepted(f"console-{message.id}", final=True)

    def read_hook(self, account: Account, hook: Hook) -> HookAnswer:  # noqa: ARG002  nobody proves anything here
        """A terminal sends none."""
        raise forged()

    async def check(self, account: Account) -> None:
        """Always there."""


def masked(message: Outgoing) -> str:
    """To whom, so that a developer tells two apart and nobody else learns who it was."""
    if message.sender.channel is Channel.EMAIL:
        name, _, host = message.to.partition("@")
        return f"{name[:1]}***@{host}"
    return f"*** {message.to[-_SHOWN:]}"


def _harmless(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(c for c in text if c == "\n" or c.isprintable())
