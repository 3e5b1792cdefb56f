"""The practice hospital: the world outside, on loopback, sharing no code with what it judges."""
