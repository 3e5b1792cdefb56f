"""The hospital's interface engine: what happens on the schedule is told outwards as HL7 v2 scheduling messages (SIU)."""
