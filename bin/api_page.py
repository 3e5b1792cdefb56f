"""Write the table of docs/reference/api.md from the routes themselves."""

import sys
from pathlib import Path

from vestibule.api.describe import description, problems_of
from vestibule.api.routes import OPERATIONS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "api.md"
START, END = "<!-- table: written by bin/api_page.py -->", "<!-- end of table -->"


def table() -> str:
    """Every operation: what it is called, where it is, what it says, who may, and how else it may answer."""
    lines = ["| operation | request | what it does | token of | answers |", "|---|---|---|---|---|"]
    for route in OPERATIONS:
        operation, path = route.opt["api"], next(iter(route.paths))
        method = next(iter(sorted(route.http_methods)))
        who = route.opt["access"].words.removeprefix("token: ")
        usual = set(problems_of(type(operation)("", ""), ""))
        answers = [operation.status, *(status for status in problems_of(operation, path) if status not in usual)]
        shown = path.replace(":uuid}", "}").replace(":str}", "}")
        lines.append(f"| `{operation.name}` | `{method} {shown}` | {operation.says} | {who} | {', '.join(map(str, answers))} |")
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with its table as it should be."""
    before, _, rest = page.partition(START)
    return "\n".join([before + START, "", table(), "", END]) + rest.partition(END)[2]


def main() -> int:
    """Rewrite the part between the marks."""
    if not description(OPERATIONS, "")["paths"]:
        raise SystemExit("What cannot be described cannot be listed.")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
