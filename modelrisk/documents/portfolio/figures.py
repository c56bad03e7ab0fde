"""Where the marks of the report's charts go; the template draws them as inline SVG.

What does not belong here: colours and shapes (`templates/`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelrisk.documents import charts, text
from modelrisk.documents.portfolio.words import percent
from modelrisk.portfolio.refusals import GroupGate, Margin
from modelrisk.portfolio.report import Counts, TrendPoint


@dataclass(frozen=True)
class Piece:
    """One part of a stacked bar.

    Attributes:
        tone: the class of colours it is drawn in.
        words: what it is.
        count: how many models.
        start: its left end, in percent.
        width: its width, in percent.
    """

    tone: str
    words: str
    count: int
    start: float
    width: float


def use_bar(counts: Counts) -> tuple[Piece, ...]:
    """Models in use by how they stand; empty when none is in use."""
    parts = (
        ("passed", "whose decision holds", counts.holding),
        ("failed", "refused by the newest decision", counts.refused_in_use),
        ("not_evaluable", "put there past the gate", counts.bypassed),
        ("inconclusive", "never decided on", counts.undecided),
        (
            "not_applicable",
            "overdue, or not to be proven",
            counts.in_use - counts.holding - counts.refused_in_use - counts.bypassed - counts.undecided,
        ),
    )
    found: list[Piece] = []
    start = 0.0
    for tone, words, count in parts:
        if count > 0:
            width = 100.0 * count / counts.in_use
            found.append(Piece(tone, words, count, round(start, 3), round(width, 3)))
            start += width
    return tuple(found)


@dataclass(frozen=True)
class Bar:
    """One quarter of a trend; positions in the chart's own units, from its top left.

    Attributes:
        quarter: its name.
        x: left end.
        height: height of the whole bar.
        part: height of the part that is filled.
        words: what stands above it.
        is_known: whether there is anything to draw.
    """

    quarter: str
    x: float
    height: float
    part: float
    words: str
    is_known: bool


@dataclass(frozen=True)
class Trend:
    """One measure over the quarters.

    Attributes:
        title: what is drawn.
        key: what the filled part is.
        bars: a bar for each quarter, the earliest first.
        width: width of one bar.
        tone: the class of colours of the filled part.
    """

    title: str
    key: str
    bars: tuple[Bar, ...]
    width: float
    tone: str


CHART_WIDTH, CHART_HEIGHT = 280.0, 90.0


def trends(points: Sequence[TrendPoint]) -> tuple[Trend, ...]:
    """Models in use, decisions, and gates passed at the first attempt, by quarter."""
    return (
        _trend(
            "Models in use",
            "whose decision holds",
            points,
            [(point.counts.in_use, point.counts.holding) for point in points],
            tone="passed",
        ),
        _trend(
            "Decisions",
            "that refused",
            points,
            [(point.activity.decisions, point.activity.refused) for point in points],
            tone="failed",
        ),
        _trend(
            "Versions decided for the first time",
            "releasable at once",
            points,
            [(point.first_attempts, point.passed_at_first) for point in points],
            tone="passed",
            as_share=True,
        ),
    )


def _trend(
    title: str,
    key: str,
    points: Sequence[TrendPoint],
    values: Sequence[tuple[int, int]],
    *,
    tone: str,
    as_share: bool = False,
) -> Trend:
    highest = max((whole for whole, _ in values), default=0) or 1
    step = CHART_WIDTH / max(len(points), 1)
    width = min(34.0, 0.7 * step)
    bars = [
        Bar(
            quarter=point.quarter,
            x=round(place * step + (step - width) / 2, 1),
            height=round(CHART_HEIGHT * whole / highest, 1),
            part=round(CHART_HEIGHT * part / highest, 1),
            words=_words(whole, part, as_share=as_share),
            is_known=whole > 0,
        )
        for place, (point, (whole, part)) in enumerate(zip(points, values, strict=True))
    ]
    return Trend(title, key, tuple(bars), round(width, 1), tone)


def _words(whole: int, part: int, *, as_share: bool) -> str:
    if not whole:
        return text.NOTHING
    return percent(part / whole) if as_share else f"{text.count(part)}/{text.count(whole)}"


def strip_of(gate: Margin | GroupGate) -> charts.Strip | None:
    """A gate's measurement against its limits."""
    if gate.estimate is None or not gate.estimate.is_evaluable:
        return None
    axis = charts.axis_for([gate.estimate], floor=gate.floor, ceiling=gate.ceiling)
    return charts.strip(gate.estimate, axis, floor=gate.floor, ceiling=gate.ceiling)
