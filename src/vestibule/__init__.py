"""Vestibule: the room before the visit, between an electronic health record and a video meeting."""

__version__ = "0.1.0"
