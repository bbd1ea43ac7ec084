"""What bench/overload.py says of a run: tables, plots, and their places in the documentation."""

from __future__ import annotations

from line_chart import Chart, draw
from machine import ROOT, Stop, shown
from tables import table

DOCS = ROOT / "docs/performance.md"
PLOTS = ROOT / "docs/plots"


def tables(run: dict) -> str:
    how = f" (`{run['precedence']}`)" if run.get("precedence") else ""
    parts = [f"Measured {run['date']}: {run['processor']}, {run['cores']} cores shared by server and generator{how}, load average before: "
             f"{run['load_average_before']:.1f}; {run['seconds']:g} s a point.\n"]  # fmt: skip
    for name, model in run["models"].items():
        best = max((point["goodput_per_s"] for setting in model["settings"].values() for point in setting["points"].values()), default=0)
        lines = []
        for setting, found in model["settings"].items():
            mine = max((point["goodput_per_s"] for point in found["points"].values()), default=0)
            lines += [row(setting, f"{share} ×", point, mine, best) for share, point in found["points"].items()]
            if "step" in found:
                lines.append(row(setting, "step", found["step"], 0, 0))
        head = ["setting", "load", "p99 of accepted, ms", "in time/s", "of its own best", "of the best of all", "refused", "refusals' p99, ms",
                "generator, cores", "generator late, p99, ms",
                "held back", "held back, p99, ms"]  # fmt: skip
        parts.append(f"**{name}**: capacity {model['capacity_per_s']:,.0f}/s, objective p99 = {model['objective_ms']:g} ms.\n\n{table(head, lines)}\n")
    return "\n".join(parts)


def row(setting: str, share: str, point: dict, mine: float, best: float) -> list[str]:
    """`mine`, `best`: the most that this setting, and that any, answered in time at one load; 0: not to be compared."""
    generator = point["generator"]
    return [setting, share, f"{point['accepted']['p99_ms']:.1f}" if point["accepted"]["count"] else "–", f"{point['goodput_per_s']:,.0f}",
            f"{point['goodput_per_s'] / mine:.2f}" if mine else "–", f"{point['goodput_per_s'] / best:.2f}" if best else "–",
            f"{100 * (point['refused'] + point['expired']) / max(1, point['offered']):.0f} %",
            f"{point['refusals']['p99_ms']:.1f}" if point["refusals"]["count"] else "–",
            f"{generator['cpu_share']:.2f}", f"{generator['late_to_send']['p99_ms']:.2f}" if generator["late_to_send"]["count"] else "–",
            f"{100 * held_back(point):.0f} %", f"{generator['held_back']['p99_ms']:.1f}" if held_back(point) else "–"]  # fmt: skip


def held_back(point: dict) -> float:
    """The share that found no free connection when it was due, or was never sent: the server, or a starved generator, had them all."""
    return (point["generator"]["held_back"]["count"] + point["unsent"]) / max(1, point["offered"])


def charts(name: str, model: dict) -> dict[str, Chart]:
    """Of one model, by file name: how long the accepted waited, and how many were answered in time, at each load."""
    late, good = {}, {}
    for setting, found in model["settings"].items():
        points = sorted((float(share), point) for share, point in found["points"].items())
        late[setting] = [(share, point["accepted"]["p99_ms"]) for share, point in points if point["accepted"]["count"]]
        good[setting] = [(share, point["goodput_per_s"]) for share, point in points]
    loads = sorted({share for line in late.values() for share, _ in line})
    objective = model["objective_ms"]
    return {f"overload-{name}-p99.svg": Chart(f"{name}: p99 of what was accepted", "load, × capacity", "ms", late,
                                              (f"objective, {objective:g} ms", objective), log_x=True, log_y=True, x_ticks=loads),
            f"overload-{name}-in-time.svg": Chart(f"{name}: answered within {objective:g} ms", "load, × capacity", "predictions/s", good,
                                                  log_x=True, x_ticks=loads)}  # fmt: skip


def update_docs(run: dict) -> None:
    begin, end = "<!-- overload:begin -->", "<!-- overload:end -->"
    text = DOCS.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise Stop(f"{shown(DOCS)} has no place for the table: {begin} … {end}")
    PLOTS.mkdir(parents=True, exist_ok=True)
    shown_plots = []
    for name, model in run["models"].items():
        for file, chart in charts(name, model).items():
            (PLOTS / file).write_text(draw(chart), encoding="utf-8")
            shown_plots.append(f"![{chart.title}](plots/{file})")
    content = "\n".join(shown_plots) + "\n\n" + tables(run)
    DOCS.write_text(text[:text.index(begin)] + begin + "\n" + content + text[text.index(end):], encoding="utf-8")
