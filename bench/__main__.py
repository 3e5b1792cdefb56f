"""Run the benchmarks: `python -m bench` all of them, `python -m bench effects` one. Each writes bench/results/<name>.json."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
HELPERS = {"__init__", "__main__", "support"}


def names() -> list[str]:
    """Every benchmark: a module here with `run()`; those whose name begins with an underscore are parts of others."""
    return sorted(p.stem for p in HERE.glob("*.py") if p.stem not in HELPERS and not p.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    """Run those named, or all."""
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"No benchmark named {', '.join(sorted(unknown))}. There are: {', '.join(names())}")
        return 2
    for name in wanted or names():
        print(f"\n== {name}")
        rows = importlib.import_module(f"bench.{name}").run()
        (HERE / "results" / f"{name}.json").write_text(json.dumps(rows, indent=2) + "\n")
        for row in rows:
            verdict = "goal met" if reached(row) else "GOAL MISSED"
            print(f"{row['name']}: {row['ours']:g} against {row['peer']:g} {row['unit']} ({row['peer_name']})")
            print(f"  ratio {row['ratio']:g}, spread {row.get('spread', '-')}: {verdict}")
    return 0


def reached(row: dict[str, object]) -> bool:
    """Whether a row's ratio reaches its goal; `better` says in which direction."""
    ratio, goal = float(str(row["ratio"])), float(str(row["goal"]))
    return ratio >= goal if row["better"] == "higher" else ratio <= goal


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
