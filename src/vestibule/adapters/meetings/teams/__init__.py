"""Microsoft Teams as the meeting, over Microsoft Graph: the ports of `meetings`."""
