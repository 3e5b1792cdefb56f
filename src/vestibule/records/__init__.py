"""What is copied into an electronic health record, the comparison with what stands there, and addresses taken apart."""
