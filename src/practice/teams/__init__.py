"""A Teams-like meeting: who is in its lobby and in its call, the pages on which people meet, and what the cloud hears of it."""
