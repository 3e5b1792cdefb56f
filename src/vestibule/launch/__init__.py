"""Launches from a record and short links from a message: how people come to their visit."""
