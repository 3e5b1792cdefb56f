"""Write the table of docs/reference/benchmarks.md from bench/results/*.json: measured ratios, misses included."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
START, END = "<!-- table: written by bin/benchmark_table.py -->", "<!-- end of table -->"


def line(row: dict[str, object]) -> str:
    """One measured figure as a table row."""
    ratio, goal = float(str(row["ratio"])), float(str(row["goal"]))
    met = ratio >= goal if row["better"] == "higher" else ratio <= goal
    sign = "≥" if row["better"] == "higher" else "≤"
    spread = row.get("spread")
    shown = f"{ratio:g} ({spread[0]:g} to {spread[1]:g})" if isinstance(spread, list) else f"{ratio:g}"
    cells = [
        row["name"],
        f"{row['ours']:g} {row['unit']}",
        f"{row['peer']:g}, {row['peer_name']}",
        shown,
        f"{sign} {goal:g}",
        "met" if met else "**missed**",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> int:
    """Rewrite the part between the marks."""
    rows = [row for file in sorted((ROOT / "bench" / "results").glob("*.json")) for row in json.loads(file.read_text(encoding="utf-8"))]
    table = ["| what | ours | beside | ratio, median (spread) | goal | |", "|---|---|---|---|---|---|", *map(line, rows)]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text("\n".join([before + START, "", *table, "", END]) + rest.partition(END)[2], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
