"""Public specifications without I/O, one folder each, citing their paragraphs."""
