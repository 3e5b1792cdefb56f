"""Azure Communication Services: texts and numbers by its REST API, reports and incoming texts by Event Grid."""

from vestibule.adapters.carriers.azure.carrier import Azure
from vestibule.adapters.carriers.azure.numbers import AzureNumbers

__all__ = ["Azure", "AzureNumbers"]
