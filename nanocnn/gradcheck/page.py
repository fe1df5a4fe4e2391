"""The findings as one HTML page with the plots inside: no other file, no network."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Callable, Sequence

from nanocnn.gradcheck.everything import Finding
from nanocnn.gradcheck.report import Report

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1060px; color: #222;
       padding: 0 1em; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 3px 10px; border-bottom: 1px solid #ddd; }
td:nth-child(n+3) { white-space: nowrap; font-variant-numeric: tabular-nums; }
.passed { color: #0072B2; } .failed { color: #C1121F; font-weight: bold; }
pre { overflow-x: auto; background: #f6f6f6; padding: 0.8em; font-size: 12px; }
summary { cursor: pointer; padding: 2px 0; } img { max-width: 100%; }
h2 { margin-top: 2em; }
"""
_HELP = """Each gradient is compared with evidence that does not come from the backward pass.
The cells give the largest error of any gradient, and the number of checks. Open a line below for
the tables of all rungs, and for the plots of one of them (the first that failed, or else the last):
on the left analytic against numeric, on the right the error against the step size."""


def write_page(
    findings: Sequence[Finding],
    path: str | os.PathLike[str],
    title: str,
    tick: Callable[[], object] | None = None,
) -> None:
    """Write the page.

    Parameters
    ----------
    findings : sequence of Finding
    path : HTML file to write
    title : str
    tick : function, optional
        Called after each plot.
    """
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1><p>{_HELP}</p>",
        _overview(findings),
        "<h2>Reports and plots</h2>",
    ]
    for finding in findings:
        parts.append(_details(finding))
        if tick is not None:
            tick()
    parts.append("</body></html>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))


def _overview(findings: Sequence[Finding]) -> str:
    rungs = list(findings[0].reports) if findings else []
    head = "".join(f"<th>{html.escape(word)}</th>" for word in ("kind", "what", *rungs))
    lines = [f"<table><tr>{head}</tr>"]
    for finding in findings:
        cells = "".join(_cell(finding.reports[rung]) for rung in rungs)
        name = html.escape(finding.name)
        lines.append(f"<tr><td>{finding.kind}</td><td>{name}</td>{cells}</tr>")
    return "\n".join([*lines, "</table>"])


def _cell(report: Report) -> str:
    kind = "passed" if report.passed else "failed"
    worst = max((row.error for row in report.rows), default=float("nan"))
    return f"<td class='{kind}'>{kind} {worst:.0e} ({report.checks})</td>"


def _details(finding: Finding) -> str:
    """Return the reports of one case, which open on a click; those of a failed one are open."""
    wrong = [report for report in finding.reports.values() if not report.passed]
    kind, opened = ("failed", " open") if wrong else ("passed", "")
    drawn = wrong[0] if wrong else list(finding.reports.values())[-1]
    texts = [f"on {rung}: {report}" for rung, report in finding.reports.items()]
    name, text = html.escape(finding.name), html.escape("\n\n".join(texts))
    summary = f"<summary><span class='{kind}'>{kind}</span> {finding.kind} {name}</summary>"
    return f"<details{opened}>{summary}<pre>{text}</pre>{_picture(drawn, name)}</details>"


def _picture(report: Report, name: str) -> str:
    if not any(row.values.size for row in report.rows):
        return ""
    buffer = io.BytesIO()
    report.plot().savefig(buffer, dpi=80)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<img loading='lazy' alt='plots of {name}' src='data:image/png;base64,{data}'>"
