"""The generated tables of docs/feeds.md; ``python -m tests.feeds_page`` writes them anew."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from pathlib import Path

from pipeline.check import FeedCheck, check_fetches, feed_of, unpacked
from pipeline.deviations import EXPLANATION
from pipeline.gbfs_model import Feed
from pipeline.official import total
from pipeline.reading import Fetch
from pipeline.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "feeds.md"
SAMPLES = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "gbfs-samples"

READ_AT = datetime(2026, 11, 1, tzinfo=UTC)
"""All recorded documents are older."""

SETTINGS = Settings(stale_seconds=math.inf)


def documents(samples: Path) -> dict[str, tuple[Feed, bytes]]:
    """The recorded documents by their path in the folder, each with its feed; the schemas are none."""
    found = {}
    for path in sorted(samples.rglob("*.json*")):
        if "schemas" in path.parts:
            continue
        body = unpacked(path, SETTINGS.max_body_bytes)
        feed = feed_of(body, path.name)
        assert feed is not None, f"{path} is of no feed"
        found[path.relative_to(samples).as_posix()] = feed, body
    return found


def checked(samples: Path) -> dict[str, FeedCheck]:
    """What `bikewire check` finds in each document by itself."""
    return {
        name: check_fetches(name, {feed: Fetch(url=name, body=body)}, SETTINGS, READ_AT).feeds[0]
        for name, (feed, body) in documents(samples).items()
    }


def recorded_table(samples: Path) -> str:
    rows = [_row(name, check) for name, check in checked(samples).items()]
    head = "| document | version | entities | deviations | errors by the official schema |\n|---|---|---|---|---|"
    return "\n".join([head, *rows])


def _row(name: str, check: FeedCheck) -> str:
    found = ", ".join(f"{finding.count:,} `{finding.rule}`" for finding in check.findings) or "none"
    official = "no schema" if check.official is None else f"{total(check.official):,}"
    entities = "" if check.entities is None else f"{check.entities:,}"
    return f"| {name} | {check.version or '1.0'} | {entities} | {found} | {official} |"


def rule_table() -> str:
    rows = [f"| `{rule}` | {explanation} |" for rule, explanation in EXPLANATION.items()]
    return "\n".join(["| rule | what a feed should do |\n|---|---|", *rows])


def part(page: str, name: str) -> str:
    """The table that stands between the page's marks of that name."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", page, re.DOTALL)
    assert found, f"the page has no part {name}"
    return found[1]


def with_part(page: str, name: str, table: str) -> str:
    head, _, rest = page.partition(f"<!-- {name} -->\n")
    return f"{head}<!-- {name} -->\n{table}{rest[len(part(page, name)) :]}"


def main() -> None:
    page = with_part(PAGE.read_text(), "rules", rule_table())
    PAGE.write_text(with_part(page, "recorded", recorded_table(SAMPLES)))


if __name__ == "__main__":
    main()
