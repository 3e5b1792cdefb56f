"""The only room that names concrete classes: settings become doors, doors become services, services become the web app and the worker."""

from vestibule.wiring.parts import Parts, open_parts, read_keys
from vestibule.wiring.web import live, serve_web, web_app
from vestibule.wiring.work import effect_worker, keep_house, run_worker

__all__ = ["Parts", "effect_worker", "keep_house", "live", "open_parts", "read_keys", "run_worker", "serve_web", "web_app"]
