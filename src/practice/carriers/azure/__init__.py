"""A carrier in the manner of Azure Communication Services: texts, numbers, Event Grid deliveries."""
