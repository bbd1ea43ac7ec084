#!/usr/bin/env python3
"""The fault matrix: each fault once, two seconds, under load; writes the table between the markers in docs/reliability.md.

    test/chaos/matrix.py             runs everything that this machine and this server have, then writes the table
    test/chaos/matrix.py --from-last only writes it, from the last run's figures in build/chaos
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys

from stage import Stage  # noqa: F401: fails early where the clients are not installed
from supervisor import PROJECT, flags_offered

DOCS = PROJECT / "docs/reliability.md"
BEGIN, END = "<!-- matrix:begin -->", "<!-- matrix:end -->"
OUTPUT = PROJECT / "build/chaos"


def runs() -> list[str]:
    """By where predictions are logged; PostgreSQL where this server and this machine have it."""
    from services import Postgres
    return ["sqlite", *(["postgres"] if "postgresql://" in flags_offered() and not Postgres.missing() else [])]


def measure(store: str) -> None:
    only = ["--only", "PostgreSQL down,PostgreSQL stopped,PostgreSQL slow,kill -9,SIGTERM"] if store == "postgres" else []
    subprocess.run([sys.executable, PROJECT / "test/chaos/run.py", "--matrix", "--seed", "1", "--store", store, *only,
                    "--output", OUTPUT / f"matrix-{store}.json"], check=True)


def table(figures: list[dict]) -> str:
    lines = [f"Made by `make chaos-matrix` on {datetime.date.today()}: {os.cpu_count()} processors ({platform.machine()}) shared by the server and all clients, "
             f"load average {os.getloadavg()[0]:.1f}. Ten clients of four kinds ask, each again 20 ms after its answer, in the mode `durable`; each fault lasts 2 s and "
             "what it needs to take hold.", "",
             "| log | fault | took, s | requests meanwhile | failed | p99 before, ms | added p99, ms | rows lost | as usual again after, s |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for run in figures:
        for row in run["rows"]:
            back = "more than 4" if row["recovery_s"] is None else f"{row['recovery_s']:.1f}"
            lines.append(f"| {run['store']} | {row['fault']}: {row['what']} | {row['lasted_s']:.1f} | {row['requests']:,} | {row['failed']:,} | {row['p99_before_ms']:.0f} | "
                         f"{row['added_p99_ms']:.0f} | {row['rows_lost']} | {back} |")
    return "\n".join(lines)


def main() -> int:
    stores = ["sqlite", "postgres"]
    if "--from-last" not in sys.argv[1:]:
        stores = runs()
        OUTPUT.mkdir(parents=True, exist_ok=True)
        for store in stores:
            measure(store)
    figures = [json.loads((OUTPUT / f"matrix-{store}.json").read_text()) for store in stores if (OUTPUT / f"matrix-{store}.json").exists()]
    text = DOCS.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    DOCS.write_text(f"{before}{BEGIN}\n{table(figures)}\n{END}{after}", encoding="utf-8")
    print(f"{DOCS.relative_to(PROJECT)}: {sum(len(run['rows']) for run in figures)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
