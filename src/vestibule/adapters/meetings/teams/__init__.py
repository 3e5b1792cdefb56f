"""Microsoft Teams as the meeting: Microsoft Graph asked through the outbound door, and what it tells us opened."""

from vestibule.adapters.meetings.teams.cloud import GraphCloud
from vestibule.adapters.meetings.teams.notices import GraphNotices
from vestibule.adapters.meetings.teams.places import Places

__all__ = ["GraphCloud", "GraphNotices", "Places"]
