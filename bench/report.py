"""How a measurement is kept: raw JSON, a table and a plot of the same name."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).with_name("results")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up in a terminal too."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]

    def drawn(line: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    rule = [("-" * (w - 1) + ":") if n else "-" * w for n, w in enumerate(widths)]
    return "\n".join(map(drawn, [head, rule, *rows])) + "\n"


def keep(place: Path, name: str, data: object, text: str) -> None:
    """Write the raw samples and the table."""
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    (place / f"{name}.md").write_text(text)


def bars(
    path: Path,
    title: str,
    unit: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
) -> bool:
    """Draw grouped bars on a logarithmic scale; False where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    # The same figures give the same bytes, so that a new run shows as a change only of figures.
    matplotlib.rcParams["svg.hashsalt"] = "cozysync"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(1.6 * len(groups) + 3, 4.5), layout="constrained")
    width = 0.85 / len(series)
    for n, (name, values) in enumerate(series.items()):
        places = [g + (n - (len(series) - 1) / 2) * width for g in range(len(groups))]
        there = [(p, v) for p, v in zip(places, values, strict=True) if v is not None]
        ours = name == "cozysync"
        axes.bar(
            [p for p, _ in there],
            [v for _, v in there],
            width,
            label=name,
            color="#c0392b" if ours else pyplot.get_cmap("Greys")(0.3 + 0.6 * n / len(series)),
        )
    axes.set_yscale("log")
    axes.set_ylabel(unit)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_title(title)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True
