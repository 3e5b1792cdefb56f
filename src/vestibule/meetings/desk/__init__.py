"""The pages on which an organisation chooses where visits take place, and connects Microsoft Teams."""

from vestibule.meetings.desk import connecting, home, options, people, testing

ROUTES = [
    *home.ROUTES,
    *connecting.ROUTES,
    *options.ROUTES,
    *testing.ROUTES,
    *people.ROUTES,
]
