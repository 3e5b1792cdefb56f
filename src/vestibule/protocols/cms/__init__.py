"""Detached CMS signatures (RFC 5652) over a message's bytes. Sans-I/O."""
