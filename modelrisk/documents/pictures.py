"""Charts as small SVG images inside Markdown: for an asset's page, which shows Markdown but no HTML.

Dagster shows Markdown in place while it is shorter than a thousand characters, and behind a link when it is
longer. So a chart is one label a row and a few paths: all intervals are one path, all dots another.

What does not belong here: where the marks go (`modelrisk.documents.charts`), and the charts of the card as a
page (`templates/`).
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from modelrisk.documents import charts, text
from modelrisk.documents.card.classes import Confusion, confusion_of
from modelrisk.documents.card.stage_tables import DECILES_TABLE, RELIABILITY_TABLE, kept_tables
from modelrisk.estimates import Estimate
from modelrisk.records import StageEvidence
from modelrisk.verdicts import Limits

_LABELS = 250
_PLOT = 300
_MARGIN = 20
_ROW = 20
_LONGEST_LABEL = 38
_APART = 36
_SQUARE = 220
_NAMES = 80
_LONGEST_NAME = 11
_SHADES = ((50, "dimgray"), (15, "darkgray"), (3, "lightgray"))
"""Smallest share of a true class, in percent, with its colour; below the last nothing is drawn."""
_KEPT = "<>/:=',;.-+"  # what a Markdown link may hold as it is; spaces, parentheses and brackets it may not
_DASHED = "stroke='gray' stroke-dasharray='4'"
_WITHIN, _BEYOND = "dimgray", "firebrick"


def pictures(evidence: StageEvidence) -> Mapping[str, str]:
    """A stage's charts by name, each a Markdown image; nothing for counts and single numbers.

    Groups compared with a reference have one chart for each metric, shares of all rows share one, and so do
    the differences to a champion.
    """
    measured = [e for e in evidence.estimates if e.is_evaluable and e.method != "census"]
    compared = [e for e in measured if e.reference is not None]
    whole = [e for e in measured if e.reference is None and not e.cohort and e.outcome is None]
    differences = [e for e in whole if e.metric.endswith("_difference")]
    ratios = [e for e in whole if e.metric.endswith("_ratio_to_champion")]
    shares = [e for e in whole if e not in (*differences, *ratios) and _is_from_zero_to_one(e)]
    drawn = {
        "chart, all rows": _chart(shares, axis=charts.Axis(0.0, 1.0), ends=(0.0, 1.0)),
        "chart, reliability": reliability(
            charts.reliability_curve(evidence.tables.get(RELIABILITY_TABLE, ()))
        ),
        "chart, label by prediction": tenths(charts.tenths(evidence.tables.get(DECILES_TABLE, ()))),
        "chart, confusion": confusion(confusion_of(kept_tables([evidence]))),
        "chart, difference to champion": _chart(differences, at=0.0),
        "chart, ratio to champion": _chart(ratios, at=1.0),
    }
    for metric in dict.fromkeys(e.metric for e in compared):
        at = 1.0 if metric.endswith("_ratio") else 0.0
        drawn[f"chart, {metric}"] = intervals([e for e in compared if e.metric == metric], at=at)
    return {name: image for name, image in drawn.items() if image}


def intervals(
    estimates: Iterable[Estimate],
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    at: float | None = None,
) -> str:
    """Estimates of one metric under each other, against their limits; empty when none has a value.

    Args:
        estimates: what was measured; one whose interval leaves the limits is drawn in red.
        floor: smallest value admitted.
        ceiling: largest value admitted.
        at: a value to compare with, drawn as a dashed line.
    """
    return _chart(estimates, floor=floor, ceiling=ceiling, at=at)


def reliability(points: Sequence[charts.CurvePoint]) -> str:
    """Share of positives against mean score, bin by bin, with the diagonal; empty without bins."""
    if not points:
        return ""
    scale = _SQUARE / 100.0
    places = [(point, _n(_MARGIN + point.x * scale), _n(_MARGIN + point.y * scale)) for point in points]
    ends = [
        f"M{x},{_n(_MARGIN + point.y_low * scale)}V{_n(_MARGIN + point.y_high * scale)}"
        for point, x, _ in places
        if point.y_low is not None and point.y_high is not None
    ]
    corner, far = _MARGIN, _MARGIN + _SQUARE
    drawing = (
        f"{_frame()}{_lines(ends, _WITHIN)}{_dots([f'M{x},{y}h0' for _, x, y in places], _WITHIN)}"
        f"<text x='{corner}' y='14'>observed share</text>"
        f"<text x='{far}' y='{far + 15}' text-anchor='end'>mean score 0 to 1</text>"
    )
    return _image(drawing, far + _MARGIN, far + _MARGIN, "Reliability curve")


def tenths(points: Sequence[charts.TenthPoint]) -> str:
    """Mean label against mean prediction, tenth by tenth, with the diagonal; empty without tenths."""
    if not points:
        return ""
    scale = _SQUARE / 100.0
    dots = [f"M{_n(_MARGIN + point.x * scale)},{_n(_MARGIN + point.y * scale)}h0" for point in points]
    ends = [end for point in points for end in (point.predicted, point.observed)]
    corner, far = _MARGIN, _MARGIN + _SQUARE
    drawing = (
        f"{_frame()}{_dots(dots, _WITHIN)}"
        f"<text x='{corner}' y='14'>mean label {min(ends):.3g} to {max(ends):.3g}</text>"
        f"<text x='{far}' y='{far + 15}' text-anchor='end'>mean prediction</text>"
    )
    return _image(drawing, far + _MARGIN, far + _MARGIN, "Mean label against mean prediction")


def confusion(found: Confusion | None) -> str:
    """Which class is taken for which: the darker, the larger the share of the true class.

    Empty when no stage kept it, or when there are too many classes to see one.
    """
    if found is None or not found.matrix:
        return ""
    size = _SQUARE // len(found.classes)
    lines: dict[str, list[str]] = {}
    for row, cells in enumerate(found.matrix):
        for column, cell in enumerate(cells):
            shade = next((colour for least, colour in _SHADES if cell and cell.share >= least), None)
            if shade is not None:
                start = _NAMES + column * size
                lines.setdefault(shade, []).append(f"M{start},{_MARGIN + row * size + size // 2}h{size - 1}")
    far = _NAMES + size * len(found.classes)
    cells_drawn = "".join(
        f"<path d='{''.join(paths)}' stroke='{shade}' stroke-width='{size - 1}'/>"
        for shade, paths in lines.items()
    )
    names = "".join(
        f"<text y='{_MARGIN + row * size + size // 2 + 4}'>{escape(_short(name))}</text>"
        for row, name in enumerate(found.classes)
    )
    drawing = f"{cells_drawn}<text x='{_NAMES}' y='14'>true class down, answer across</text>{names}"
    return _image(drawing, far + _MARGIN, size * len(found.classes) + 2 * _MARGIN, "Confusion matrix")


def _frame() -> str:
    corner, far = _MARGIN, _MARGIN + _SQUARE
    return (
        f"<path d='M{corner},{corner}H{far}V{far}H{corner}Z' fill='none' stroke='silver'/>"
        f"<path d='M{corner},{far}L{far},{corner}' {_DASHED}/>"
    )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _chart(
    estimates: Iterable[Estimate],
    *,
    axis: charts.Axis | None = None,
    floor: float | None = None,
    ceiling: float | None = None,
    at: float | None = None,
    ends: tuple[float, ...] = (),
) -> str:
    shown = [estimate for estimate in estimates if estimate.is_evaluable]
    axis = axis or charts.axis_for(shown, floor=floor, ceiling=ceiling, at=at)
    if axis is None or not shown:
        return ""
    admitted: tuple[list[str], list[str]] = ([], [])
    others: tuple[list[str], list[str]] = ([], [])
    labels: list[str] = []
    for number, estimate in enumerate(shown):
        strip = charts.strip(estimate, axis, floor=floor, ceiling=ceiling)
        assert strip is not None
        y = number * _ROW + 13
        lines, dots = admitted if _is_admitted(estimate, floor, ceiling) else others
        lines.append(f"M{_x(strip.start)},{y}H{_x(strip.end)}")
        dots.append(f"M{_x(strip.dot)},{y}h0")
        labels.append(f"<text y='{y + 4}'>{escape(_label(estimate))}</text>")
    base = _ROW * len(shown) + 4
    named = [value for value in (floor, ceiling, at) if value is not None]
    drawing = (
        _band(axis, floor, ceiling, base),
        "" if at is None else f"<path d='M{_x(axis.position(at))},0V{base}' {_DASHED}/>",
        _lines(admitted[0], _WITHIN) + _dots(admitted[1], _WITHIN),
        _lines(others[0], _BEYOND) + _dots(others[1], _BEYOND),
        *labels,
        _scale(axis, named, ends or _ends(shown), base + 13),
    )
    return _image("".join(drawing), _LABELS + _PLOT + _MARGIN, base + 16, "Intervals")


def _scale(axis: charts.Axis, named: Sequence[float], ends: Sequence[float], y: int) -> str:
    """The limits and the value to compare with, written below; the ends of the intervals where they fit."""
    places: dict[int, float] = {}
    for value in (*named, *ends):
        x = round(_LABELS + _PLOT * axis.position(value) / 100.0)
        if all(abs(x - other) >= _APART for other in places):
            places[x] = value
    marks = "".join(f"<tspan x='{x}'>{value:.3g}</tspan>" for x, value in places.items())
    return f"<text y='{y}' text-anchor='middle'>{marks}</text>"


def _ends(estimates: Sequence[Estimate]) -> tuple[float, ...]:
    shown = [b for e in estimates for b in (e.value, e.low, e.high) if b is not None]
    return min(shown), max(shown)


def _band(axis: charts.Axis, floor: float | None, ceiling: float | None, height: int) -> str:
    if floor is None and ceiling is None:
        return ""
    start = _x(0.0 if floor is None else axis.position(floor))
    end = _x(100.0 if ceiling is None else axis.position(ceiling))
    return f"<path d='M{start},0H{end}V{height}H{start}Z' fill='gainsboro'/>"


def _is_admitted(estimate: Estimate, floor: float | None, ceiling: float | None) -> bool:
    if floor is None and ceiling is None:
        return True
    return Limits(floor=floor, ceiling=ceiling).admit(estimate.low, estimate.high)


def _lines(paths: Sequence[str], colour: str) -> str:
    return f"<path d='{''.join(paths)}' stroke='{colour}' stroke-width='2'/>" if paths else ""


def _dots(paths: Sequence[str], colour: str) -> str:
    """Lines of no length with round ends."""
    if not paths:
        return ""
    return f"<path d='{''.join(paths)}' stroke='{colour}' stroke-width='8' stroke-linecap='round'/>"


def _label(estimate: Estimate) -> str:
    words = (
        text.rows_words(estimate) if estimate.cohort or estimate.group else text.metric_words(estimate.metric)
    )
    return words if len(words) <= _LONGEST_LABEL else f"{words[: _LONGEST_LABEL - 1]}…"


def _is_from_zero_to_one(estimate: Estimate) -> bool:
    if estimate.metric.endswith("_gain"):
        return False
    bounds = (estimate.value, estimate.low, estimate.high)
    return all(bound is not None and 0.0 <= bound <= 1.0 for bound in bounds)


def _x(percent: float) -> str:
    return _n(_LABELS + _PLOT * percent / 100.0)


def _n(position: float) -> str:
    return f"{position:.0f}"


def _image(drawing: str, width: int, height: int, alt: str) -> str:
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"style='font:12px sans-serif;background:white'>{drawing}</svg>"
    )
    return f"![{text.for_markdown(alt)}](data:image/svg+xml,{quote(svg, safe=_KEPT)})"
