"""What the record is told: connects and disconnects, as effects."""
