"""The configuration as a file: export it, see what a file would change, apply it.

What a file says of an organisation is all of it: a field left out has its usual value. What the file does not name stays as it is,
unless pruning is asked for. People are not configuration, secrets are never in it, and approval stays with the approver.
"""
