"""The portal's addresses, by group of pages."""

from vestibule.portal.routes import approvals, connections, departments, home, organisation, organisations, wizard

ROUTES = [
    *home.ROUTES,
    *organisation.ROUTES,
    *organisations.ROUTES,
    *departments.ROUTES,
    *connections.ROUTES,
    *wizard.ROUTES,
    *approvals.ROUTES,
]
