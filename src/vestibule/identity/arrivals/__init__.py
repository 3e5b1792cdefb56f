"""The rows of sign-ins under way."""
