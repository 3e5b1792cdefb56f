"""MLLP, the minimal lower layer protocol (HL7 v2 Transport Specification, appendix C): frames in a stream of bytes. Sans-I/O."""
