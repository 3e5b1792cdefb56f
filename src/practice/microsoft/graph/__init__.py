"""A Microsoft-Graph-like cloud: online meetings and what is told of them, strict where the real one is strict."""
