"""The application permissions of Microsoft Graph that visits in Teams need. The doctor compares, the pages name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Permission:
    """An application permission of Microsoft Graph.

    Attributes:
        name: as Microsoft calls it; what is to be granted.
        why: what it is for, in words.
        wider: permissions that hold this one.
        needed: visits cannot do without it.
    """

    name: str
    why: str
    wider: frozenset[str] = frozenset()
    needed: bool = True

    @property
    def names(self) -> frozenset[str]:
        """Any of these will do."""
        return self.wider | {self.name}


PERMISSIONS: Final = (
    Permission("OnlineMeetings.ReadWrite.All", "meetings are made and changed, and who comes and goes is heard"),
    # Microsoft's own pages disagree whether applications may ask for that link; without it patients take the meeting's ordinary one.
    Permission(
        "VirtualAppointment.Read.All",
        "patients get the link that is made for joining in a browser",
        frozenset({"VirtualAppointment.ReadWrite.All"}),
        needed=False,
    ),
    Permission("OnlineMeetingArtifact.Read.All", "the attendance report is read"),
    # The whole directory's records: an organisation may well not want to give that.
    Permission("CallRecords.Read.All", "how well people heard and saw is read", needed=False),
    Permission("User.Read.All", "the doctor sees whether an organizer exists and has Teams", needed=False),
)
