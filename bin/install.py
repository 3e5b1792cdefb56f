"""Install a locked set into this environment: `python bin/install.py requirements/base.txt`. Hashes are required either way.

uv does it in a quarter of pip's time, so it is fetched first (it is locked and hashed like the rest). Where uv cannot work, pip does the
job.
"""

import os
import subprocess
import sys
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
ROOT = Path(__file__).parents[1]


def run(*command: str) -> bool:
    """True when it went well; what it said is shown only when it did not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "UV_LINK_MODE": "copy"})
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode == 0


def fast(requirements: str) -> bool:
    """With uv, into the environment this Python belongs to."""
    uv = Path(sys.executable).with_name("uv")
    ready = uv.exists() or run(*PIP, "install", "--no-compile", "--require-hashes", "-r", str(ROOT / "requirements" / "tools.txt"))
    return ready and run(str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--require-hashes", "-r", requirements)


def main() -> int:
    """0 when everything is installed."""
    requirements = sys.argv[1]
    if fast(requirements):
        return 0
    sys.stderr.write("uv could not install it; trying with pip ...\n")
    return 0 if run(*PIP, "install", "--no-compile", "--require-hashes", "-r", requirements) else 1


if __name__ == "__main__":
    sys.exit(main())
