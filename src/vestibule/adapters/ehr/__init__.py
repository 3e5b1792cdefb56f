"""Electronic health records, one folder a vendor."""
