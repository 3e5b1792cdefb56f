"""Who is asking: sessions, roles, and one-time tickets."""
