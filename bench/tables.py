"""From single rounds to the tables: medians, ratios, Markdown, and where it goes."""

from __future__ import annotations

import math
import re
import statistics
from pathlib import Path

import cases
import loads
from machine import ROOT, shown
from servers import LIMITS, SERVERS

FORMS = {row.name: row.form for server in SERVERS for row in server.rows}
OURS = {row.form: row.name for row in SERVERS[0].rows}
PEERS = [row.name for server in SERVERS[1:] for row in server.rows if row.name not in LIMITS]
KEYS = ("requests_per_s", "p50_us", "p90_us", "p99_us", "max_us", "cpu_us_per_request")


def ratio(above: list[dict], below: list[dict], key: str) -> float | None:
    """The median of each round's own ratio, so that what slows a whole round cancels out. A round in which a server answered nothing
    has no latency to compare."""
    found = [a[key] / b[key] if b[key] else math.inf for a, b in zip(above, below) if a["requests"] and (b["requests"] or key != "p99_us")]
    return statistics.median(found) if found else None


def summarise(results: dict) -> dict:
    """{model: {load: {row: medians}}}. "ahead" and "ahead_p99" are how many times Saccade, asked in the same form, answers as often as
    this row and waits as short at p99; above 1 is ahead. They are there for the others' rows."""
    summary: dict = {}
    for model, by_load in results.items():
        summary[model] = {}
        for load, rows in by_load.items():
            summary[model][load] = {}
            for name, mine in rows.items():
                row = {key: statistics.median(result[key] for result in mine) for key in KEYS}
                row["errors"] = sum(result["errors"] for result in mine)
                ours = rows.get(OURS[FORMS[name]])
                if ours and name not in OURS.values():
                    row["ahead"] = ratio(ours, mine, "requests_per_s")
                    row["ahead_p99"] = ratio(mine, ours, "p99_us")
                summary[model][load][name] = row
    return summary


# --- Markdown --------------------------------------------------------------------------------------------------


def heading(where: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return (f"Measured {where['date']}: {where['processor']}, {where['cores']} cores shared by server and load "
            f"generator, {where['system']}; load average before: {where['load_average_before']:.1f}. {versions}.\n"
            f"Medians of {where['rounds']} round(s), servers taking turns. Only the ratios carry over to another run or machine.\n")  # fmt: skip


def table(head: list[str], lines: list[list[str]], left: int = 1) -> str:
    rule = ["---"] * left + ["--:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *lines])


def times(value: float | None) -> str:
    if value is None or math.isinf(value):
        return "–"
    text = f"{value:.2f}" if value < 10 else f"{value:,.0f}"
    return text if value >= 1 else f"**{text}**"


def rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def milliseconds(us: float) -> str:
    return f"{us / 1000:.3f}" if us < 1000 else f"{us / 1000:.2f}" if us < 100_000 else f"{us / 1000:,.0f}"


def http_loads(by_load: dict) -> list[loads.Load]:
    return [load for load in loads.HTTP if load.name in by_load]


def behind(summary: dict) -> str:
    """The last line: where Saccade is not ahead of a peer."""
    found, compared = [], 0
    for model, by_load in summary.items():
        for load in loads.LOADS:
            for name, row in by_load.get(load.name, {}).items():
                if name not in PEERS:
                    continue
                for key, what in (("ahead", "throughput"), ("ahead_p99", "p99")):
                    if row.get(key) is None:
                        continue
                    compared += 1
                    if row[key] < 1:
                        found.append(f"{model}, {load.title}: {what} of {name} (× {row[key]:.2f})")
    if not compared:
        return ""
    if not found:
        return f"Saccade is ahead in all {compared} comparisons with a peer."
    return f"Saccade is **not** ahead in {len(found)} of {compared} comparisons with a peer: {'; '.join(found)}."


def short(summary: dict) -> str:
    """How many times Saccade is ahead of each peer, a line per model and load."""
    parts = []
    for key, title in (("ahead", "Throughput: how many times a peer's requests/s Saccade answers"),
                       ("ahead_p99", "Latency: how many times as long as Saccade's a peer's p99 is")):  # fmt: skip
        peers = [name for name in PEERS if any(name in rows for by_load in summary.values() for rows in by_load.values())]
        peers = [name for name in peers if FORMS[name] != "binary"]
        lines = []
        for model, by_load in summary.items():
            for load in http_loads(by_load):
                rows = by_load[load.name]
                ours = rows.get(OURS["native"])
                own = "–" if not ours else rate(ours["requests_per_s"]) if key == "ahead" else milliseconds(ours["p99_us"])
                lines.append([model, str(load.connections), own, *(times(rows.get(name, {}).get(key)) for name in peers)])
        if peers and lines:
            unit = "Saccade, requests/s" if key == "ahead" else "Saccade, p99 in ms"
            parts.append(f"{title}.\n\n" + table(["model", "connections", unit, *peers], lines) + "\n")
    return "\n".join([*parts, behind(summary)]) + "\n"


def full(summary: dict) -> str:
    """One table per model, a line per server; then WebSocket."""
    parts = []
    for model in cases.MODELS:
        if model.name in summary:
            parts.append(f"**{model.name}**: {model.title}.\n\n{one_model(summary[model.name])}\n")
    return "\n".join(part for part in parts if part)


def one_model(by_load: dict) -> str:
    over = http_loads(by_load)
    parts = []
    if over:
        head = ["server"] + [text for load in over for text in (f"{load.connections} conn.: requests/s", "p50, ms", "p99, ms")]
        head += [f"CPU/request, µs, {over[-1].connections} conn.", "errors"]
        lines = []
        for name in [name for name in FORMS if any(name in by_load[load.name] for load in over)]:
            cells = [name]
            for load in over:
                row = by_load[load.name][name]
                cells += [rate(row["requests_per_s"]), milliseconds(row["p50_us"]), milliseconds(row["p99_us"])]
            cells += [f"{by_load[over[-1].name][name]['cpu_us_per_request']:,.1f}"]
            lines.append([*cells, str(sum(by_load[load.name][name]["errors"] for load in over))])
        lines.append(["Saccade × best peer", *(cell for load in over for cell in best(by_load[load.name])), "", ""])
        for limit in LIMITS:
            if limit in by_load[over[0].name]:
                lines.append([f"Saccade × {limit}", *(cell for load in over for cell in against(by_load[load.name], limit)), "", ""])
        parts.append(table(head, lines))
    messages = [load for load in loads.WEBSOCKET if load.name in by_load]
    if messages:
        head = ["load", "server", "messages/s", "p50, ms", "p99, ms", "CPU/message, µs", "Saccade is ahead ×", "in p99 ×", "errors"]
        parts.append(table(head, [
            [load.title, name, rate(row["requests_per_s"]), milliseconds(row["p50_us"]), milliseconds(row["p99_us"]),
             f"{row['cpu_us_per_request']:,.1f}", times(row.get("ahead")), times(row.get("ahead_p99")), str(row["errors"])]
            for load in messages for name, row in by_load[load.name].items()], left=2))  # fmt: skip
    return "\n\n".join(parts)


def best(rows: dict) -> tuple[str, str, str]:
    """Against the peer that comes closest, in throughput and (another one, maybe) in p99."""
    cells = []
    for key in ("ahead", "ahead_p99"):
        found = [row[key] for name, row in rows.items() if name in PEERS and row.get(key) is not None]
        cells.append(times(min(found)) if found else "–")
    return cells[0], "", cells[1]


def against(rows: dict, name: str) -> tuple[str, str, str]:
    return times(rows[name].get("ahead")), "", times(rows[name].get("ahead_p99"))


# --- into the documents ----------------------------------------------------------------------------------------

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def update(where: dict, summary: dict) -> None:
    """Between the markers: the short tables in README.md, all of them in docs/performance.md."""
    texts = {ROOT / "README.md": short(summary), ROOT / "docs/performance.md": short(summary) + "\n" + full(summary)}
    for file, text in texts.items():
        write_between_markers(file, f"{heading(where)}\n{text}")


def write_between_markers(file: Path, text: str) -> None:
    old = file.read_text() if file.is_file() else ""
    if BEGIN not in old or END not in old:
        print(f"{shown(file)} has no {BEGIN} … {END}: nothing written there")
        return
    new = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _found: f"{BEGIN}\n{text}\n{END}", old, count=1, flags=re.DOTALL)
    file.write_text(new)
    print(f"{shown(file)}: tables written")
