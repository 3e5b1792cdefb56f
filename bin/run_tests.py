"""Run the whole test suite as `make test` does; or, given arguments, just what they name.

Three rounds: everything that shares nothing, two at a time; the browser journeys, alone, because video wants both cores; and the store
tests once more on PostgreSQL 15 where Debian's is installed.
"""

import os
import subprocess
import sys
from pathlib import Path

PYTEST = [sys.executable, "-m", "pytest"]
# Files in the order of their names, not the ones with most tests first: whole installations, few tests but long, start in the middle, and
# the quick unit tests come last, so that both processes end together.
TWO_AT_A_TIME = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin/postgres")
# Whatever speaks SQL, judged on the real thing.
STORES = [
    *(f"tests/integration/platform/db/test_{name}.py" for name in ("bus", "isolation", "migrate", "notify", "pool")),
    "tests/integration/platform/test_effects.py",
    "tests/integration/platform/test_effects_person.py",
    *(f"tests/integration/identity/test_{name}.py" for name in ("members", "sessions", "staff_sessions", "tokens")),
    *(f"tests/integration/tenancy/test_{name}.py" for name in ("approval", "approval_rules", "organisations", "register")),
    "tests/integration/audit/test_writing.py",
    "tests/integration/audit/test_tampering.py",
    "tests/integration/visits",
    *(f"tests/integration/feed/test_{name}.py" for name in ("inbox", "applying", "processing")),
    *(f"tests/integration/messages/test_{name}.py" for name in ("settings", "report", "sending", "receipts")),
    *(f"tests/integration/meetings/test_{name}.py" for name in ("bindings", "delays", "making", "notices")),
]
# Where journeys stand: to look for them everywhere takes as long as a dozen of them.
JOURNEYS = ["tests/journeys", "tests/integration/practice/test_browser.py"]


def rounds() -> list[tuple[str, list[str], dict[str, str]]]:
    """(title, arguments, environment) of each round."""
    planned = [
        ("everything but the browser", [*TWO_AT_A_TIME, "-m", "not journey"], {}),
        ("journeys in Chromium", ["-m", "journey", *JOURNEYS], {}),
    ]
    if DEBIAN_15.exists():
        planned.append(("stores on PostgreSQL 15", [*TWO_AT_A_TIME, *STORES], {"VESTIBULE_TEST_PG": "15"}))
    return planned


def main() -> int:
    """0 when every round passed."""
    # Five processes and some hundred commands read the same files: compiled once, whatever the caller's shell says of that.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if len(sys.argv) > 1:
        return subprocess.call([*PYTEST, *sys.argv[1:]])
    failed = []
    for title, arguments, environment in rounds():
        print(f"\n== {title} ==", flush=True)
        if subprocess.call([*PYTEST, "-q", *arguments], env={**os.environ, **environment}) != 0:
            failed.append(title)
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
