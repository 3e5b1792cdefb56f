"""Messages printed in the terminal of the process that would send them, for development."""

from vestibule.adapters.carriers.console.carrier import Console

__all__ = ["Console"]
