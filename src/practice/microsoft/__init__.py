"""A Microsoft-like OpenID Connect sign-in: many organisations' directories behind one address, strict where the real one is."""
