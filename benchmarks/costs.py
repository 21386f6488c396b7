"""What 1,000 hours of video cost by the measured runs, at prices of VP_PRICE_…, or example ones."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.report import LABELS, table
from benchmarks.results import Results, Row
from components.costs import bill
from components.costs.machine import Machine
from components.records.bill import Bill
from components.settings import PriceSettings, Settings

EXAMPLE = PriceSettings(
    VP_PRICE_CORE_HOUR=0.04, VP_PRICE_GB_MONTH=0.023, VP_PRICE_1000_REQUESTS=0.005
)
_ROWS = ("ours-exact", "ours-reference", "ours-keyframes")


def prices() -> PriceSettings:
    """Return the prices that are set, the example's where none is."""
    found = Settings.load().prices
    return EXAMPLE if found.core_hour is None else found


def costs(results: Results, priced: PriceSettings) -> str:
    """Return the prices, and a table a set of what 1,000 hours of its videos cost, by phase."""
    currency = priced.currency
    said = [
        f"{getattr(priced, variable.field):g} {currency} {what} (`{variable.name}`)"
        for variable in priced.variables()
        if (what := _UNITS.get(variable.field)) and getattr(priced, variable.field) is not None
    ]
    lines = [f"At {', '.join(said)}; per 1,000 hours of video:"]
    columns = ("", "core hours", "cores", "S3 requests", f"together, {currency}", "cores, by phase")
    for name in results.document["sets"]:
        rows = [row for row in map(results.rows(name).get, _ROWS) if row and row.best.get("phases")]
        cells = [_cells(row, bill_of(row, name, results, priced)) for row in rows]
        lines += ["", f"### {name}", "", *table((*columns, "storage a month"), cells)]
    return "\n".join(lines)


_UNITS = {
    "core_hour": "for a core hour",
    "gb_month": "for a GB a month",
    "thousand_requests": "for 1,000 requests",
}


def bill_of(row: Row, of: str, results: Results, priced: PriceSettings) -> Bill:
    """Return the bill of a measured run: all cores from its start to its end, as digests have it.

    Phases share the whole by their seconds; requests are those that they declare.
    """
    facts, machine = results.document["sets"][of], results.document["machine"]
    seconds = {phase: spent for phase, spent in row.best["phases"].items() if spent}
    held = bill.held_here(seconds, row.best["wall_s"], Machine(machine["cpu"], machine["cores"]))
    videos = dict.fromkeys(row.best["phases"], facts["videos"])
    requests = bill.requests(videos, (row.pictures or 0) / facts["videos"])
    stored = bill.Stored(requests, row.best.get("s3_bytes", 0))
    return bill.billed(held, stored, facts["seconds"], priced)


def _cells(row: Row, found: Bill) -> list[str]:
    def thousand(amount: float | None) -> float:
        return found.a_thousand_hours(amount) or 0.0

    return [
        LABELS[row.name],
        f"{thousand(found.core_hours):.0f}",
        f"{thousand(found.cores):.2f}",
        f"{thousand(found.s3):.2f}",
        f"{thousand(found.total):.2f}",
        ", ".join(_by_phase(found)),
        f"{thousand(found.storage_a_month):.2f}",
    ]


def _by_phase(found: Bill) -> Iterator[str]:
    for phase, amount in sorted(found.phases.items(), key=lambda item: -item[1]):
        shown = f"{found.a_thousand_hours(amount):.2f}"
        if float(shown):
            yield f"{phase} {shown}"
