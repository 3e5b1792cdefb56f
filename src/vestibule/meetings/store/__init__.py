"""All SQL of meetings elsewhere, a file for each group of tables."""
