"""The pages on which messages are set up, looked after and reported."""

from vestibule.messages.desk import carriers, home, log, numbers, plans, reporting, texts, trying

ROUTES = [
    *home.ROUTES,
    *carriers.ROUTES,
    *numbers.ROUTES,
    *plans.ROUTES,
    *texts.ROUTES,
    *trying.ROUTES,
    *reporting.ROUTES,
    *log.ROUTES,
]
