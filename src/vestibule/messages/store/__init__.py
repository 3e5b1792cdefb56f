"""All SQL of messages, a file for each group of tables."""
