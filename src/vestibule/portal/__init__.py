"""The pages with which an organisation sets itself up: home, organisation, departments, connections, approvals."""
