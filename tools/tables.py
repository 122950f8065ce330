"""Tables of a page that are made of results, each between `<!-- NAME -->` and `<!-- /NAME -->`: never typed."""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def render(page, made):
    """The page with its tables made anew; every table of the page has its results, and all results their table."""
    placed = re.findall(r"<!-- ([a-z][a-z0-9-]*) -->", page)
    if missing := [name for name in placed if name not in made]:
        raise SystemExit(f"the page has a table {missing[0]!r}, of which there are no results")
    if missing := [name for name in made if name not in placed]:
        raise SystemExit(f"there are results of {missing[0]!r}, and the page has no <!-- {missing[0]} -->")
    for name in placed:
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise SystemExit(f"the page needs one {begin} and one {end}")
        body = "\n".join([begin, *made[name], end])
        page = re.sub(f"{begin}.*{end}", lambda _: body, page, flags=re.DOTALL)
    return page


def run(name, results, sections):
    """The command line of a script that writes the tables of docs/NAME.md; `sections` makes them, lines by name, of the folder of
    results."""
    parser = argparse.ArgumentParser(description=f"Write the tables of docs/{name}.md")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / f"{name}.md")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "results" / results)
    parser.add_argument("--check", action="store_true", help="fail when the page is not up to date")
    arguments = parser.parse_args()
    page = arguments.page.read_text(encoding="utf-8")
    fresh = render(page, sections(arguments.results))
    if arguments.check:
        if fresh != page:
            sys.exit(f"{arguments.page}: not what the results say; run {sys.argv[0]}")
    elif fresh != page:
        arguments.page.write_text(fresh, encoding="utf-8")
