"""HL7 v2: reading scheduling messages (SIU) and writing acknowledgements. Sans-I/O."""
