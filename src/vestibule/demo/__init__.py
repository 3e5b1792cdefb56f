"""`vestibule demo`: everything on one machine with the practice hospital, for looking at and for the journeys."""

from vestibule.demo.running import Demo, forget, prepare, run_demo, running

__all__ = ["Demo", "forget", "prepare", "run_demo", "running"]
