"""The visit, its people, its events, and the pages that show them."""
