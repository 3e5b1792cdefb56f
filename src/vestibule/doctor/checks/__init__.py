"""What the doctor looks at, one module for each part of a connection. A check returns findings and never raises for what it finds."""
