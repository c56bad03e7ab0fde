"""What validation found, for people: what was expected and why, how many rows are otherwise, and where.

A pure function of the stage's evidence, which holds counts and row numbers and no values.

What does not belong here: how the Dagster UI lays it out (`assets.validation`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from modelrisk.documents.text import code_for_markdown, count, for_markdown, measured, metric_words
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.leakage import BEYOND_CHANCE, IDS_SEEN, ROWS_SEEN
from modelrisk.records import Scalar, StageEvidence, Table

_LISTED = 10
_SECTIONS: Mapping[str, str] = {
    "failed": "Failed: the data is not fit to judge the model by",
    "could not be evaluated": "Could not be evaluated, so nobody knows",
    "noted": "Noted: shown, and refuses nothing",
}
_SHOWN_AS_NUMBERS: Mapping[str, Kind] = {
    "rows that repeat another": Kind.ROWS_DIFFER,
    "rows equal to one with another label": Kind.LABELS_AGREE,
}


_MET = (ROWS_SEEN, BEYOND_CHANCE, IDS_SEEN)


def answer(evidence: StageEvidence) -> str:
    """Whether the data is fit to judge the model by, and how many expectations say so, in plain text."""
    if evidence.problem is not None:
        return f"The data could not be validated. {evidence.problem}"
    found = Counter(str(row["outcome"]) for row in evidence.tables.get("expectations", ()))
    return " ".join(_headline(found, len(evidence.tables.get("signature", ()))))


def as_markdown(evidence: StageEvidence) -> str:
    """The report: the answer first, then what is not as expected, most serious first."""
    if evidence.problem is not None:
        return f"**The data could not be validated.** {for_markdown(str(evidence.problem))}"
    table = evidence.tables.get("expectations", ())
    found = Counter(str(row["outcome"]) for row in table)
    verdict, counted = _headline(found, len(evidence.tables.get("signature", ())))
    parts = [
        f"**{verdict}** {counted}",
        *(
            _section(title, [row for row in table if row["outcome"] == outcome], _expectation)
            for outcome, title in _SECTIONS.items()
        ),
        _section("Not as the model's signature says", evidence.tables.get("signature", ()), _mismatch),
        _leakage(evidence),
        _times(evidence.tables.get("time span", ())),
    ]
    return "\n\n".join(part for part in parts if part)


def plotted_numbers(evidence: StageEvidence) -> dict[str, int]:
    """The numbers worth following from version to version, under stable names."""
    table = evidence.tables.get("expectations", ())
    if not table:
        return {}
    found = Counter(str(row["outcome"]) for row in table)
    numbers = {f"expectations {outcome}": found[outcome] for outcome in (*_SECTIONS, "as expected")}
    for name, kind in _SHOWN_AS_NUMBERS.items():
        expected = ExpectationSpec("", kind).description
        for row in table:
            unexpected = row["unexpected"]
            if row["expected"] == expected and isinstance(unexpected, int):
                numbers[name] = unexpected
    unseen = [row["rows"] for row in evidence.tables.get("unseen categories", ())]
    numbers["values unseen in training, rows"] = sum(rows for rows in unseen if isinstance(rows, int))
    for row in evidence.tables.get("time span", ()):
        age = row.get("days old")
        if row["data"] == "evaluation" and isinstance(age, int):
            numbers["newest observation, days old"] = age
    return numbers


def _headline(found: Counter[str], mismatches: int) -> tuple[str, str]:
    """The answer, and the counts behind it."""
    if found["failed"] or mismatches:
        verdict = "Not fit to judge the model by."
    elif found["could not be evaluated"]:
        verdict = "Not known to be fit to judge the model by."
    else:
        verdict = "Fit to judge the model by."
    counted = ", ".join(
        f"{count(found[outcome])} {outcome}" for outcome in (*_SECTIONS, "as expected") if found[outcome]
    )
    columns = f" {_of(mismatches, 'column')} not as the model's signature says." if mismatches else ""
    return verdict, f"{_of(sum(found.values()), 'expectation')}: {counted}.{columns}"


def _section(
    title: str, rows: Sequence[Mapping[str, Scalar]], line: Callable[[Mapping[str, Scalar]], str]
) -> str:
    if not rows:
        return ""
    more = [f"- and {count(len(rows) - _LISTED)} more, in the table"] if len(rows) > _LISTED else []
    return "\n".join([f"#### {title}", "", *(f"- {line(row)}" for row in rows[:_LISTED]), *more])


def _expectation(row: Mapping[str, Scalar]) -> str:
    column = row.get("column")
    subject = "The table" if column is None else code_for_markdown(str(column))
    found = f" Found: {for_markdown(str(row['found']))}." if row.get("found") else ""
    expected = f"{subject}: {for_markdown(str(row['expected']))}.{found}"
    sentences = [expected, _otherwise(row), _sentence(row.get("problem"))]
    if row.get("because"):
        sentences.append(f"*Why it is expected:* {_sentence(row['because'])}")
    return " ".join(sentence for sentence in sentences if sentence)


def _otherwise(row: Mapping[str, Scalar]) -> str:
    """How many rows are otherwise, and where; empty for an expectation that counts no rows."""
    unexpected, rows, allowed, values = (
        row.get(name) for name in ("unexpected", "rows", "allowed", "values")
    )
    if not isinstance(unexpected, int) or not isinstance(rows, int):
        return ""
    with_values = f", with {_of(values, 'such value')}" if isinstance(values, int) else ""
    most = f"; {count(allowed)} would be accepted" if isinstance(allowed, int) and allowed else ""
    where = f" First rows: {for_markdown(str(row['first rows']))}" if row.get("first rows") else ""
    end = "" if where.endswith("…") or not where else "."
    return f"**{count(unexpected)} of {_of(rows, 'row')}** otherwise{with_values}{most}.{where}{end}"


def _sentence(words: Scalar) -> str:
    """Somebody's words as a sentence; empty without any."""
    shown = "" if words is None else for_markdown(str(words).rstrip("."))
    return f"{shown[:1].upper()}{shown[1:]}." if shown else ""


def _mismatch(row: Mapping[str, Scalar]) -> str:
    return (
        f"{code_for_markdown(str(row['column']))}: found {for_markdown(str(row['found']))}, "
        f"expected {for_markdown(str(row['expected']))}."
    )


def _leakage(evidence: StageEvidence) -> str:
    lines: list[str] = []
    for one in evidence.estimates:
        if one.metric in _MET:
            more = one.problem or (evidence.details.get(one.metric) if one.value else None)
            why = f": {for_markdown(more.rstrip('.'))}" if more else ""
            lines.append(f"- {metric_words(one.metric)}: {measured(one)}{why}")
    return "\n".join(["#### Met in training", "", *lines]) if lines else ""


def _times(table: Table) -> str:
    lines: list[str] = []
    for row in table:
        age = row.get("days old")
        old = f", the newest {_of(age, 'day')} before {row['as of']}" if isinstance(age, int) else ""
        span = f"{for_markdown(str(row['oldest']))} to {for_markdown(str(row['newest']))}"
        lines.append(f"- {str(row['data']).capitalize()} data: {span}{old}.")
    return "\n".join(["#### Observed", "", *lines]) if lines else ""


def _of(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"
