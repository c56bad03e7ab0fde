"""Numbers, names and other people's words, written for people.

Every document goes through here, so a rate looks the same on a pull request, on the card and in a terminal,
and so a model name with a line break, a right-to-left override or markup in it stays a name.

What does not belong here: what a document says (`decision_report`, `card`) and how it looks (`templates/`).
"""

import math
import re
import unicodedata
from collections.abc import Sequence

from modelrisk.estimates import Cohort, Estimate
from modelrisk.verdicts import Verdict

NOT_PROVIDED = "not provided"
NOTHING = "–"

VERDICT_WORDS = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NOT_EVALUABLE: "not evaluable",
    Verdict.WAIVED: "waived",
    Verdict.NOT_APPLICABLE: "not applicable",
}
VERDICT_MARKS = {
    Verdict.PASSED: "✓",
    Verdict.FAILED: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_EVALUABLE: "!",
    Verdict.WAIVED: "≈",
    Verdict.NOT_APPLICABLE: NOTHING,
}

_METRIC_WORDS = {
    "auc": "AUC",
    "auc_difference": "AUC, difference to champion",
    "accuracy_difference": "Accuracy, difference to champion",
    "brier": "Brier score",
    "brier_difference": "Brier score, difference to champion",
    "brier_gain": "Brier gain over the naive model",
    "calibration_intercept": "Calibration intercept",
    "base_rate": "Base rate",
    "top_k_accuracy": "Top-k accuracy",
    "mae": "Mean absolute error",
    "mae_difference": "Mean absolute error, difference",
    "mae_difference_to_champion": "Mean absolute error, difference to champion",
    "mae_ratio": "Mean absolute error, ratio",
    "mae_ratio_to_champion": "Mean absolute error, ratio to champion",
    "rmse": "Root mean squared error",
    "r_squared": "R squared",
    "absolute_error_gain": "Absolute error gain over the naive model",
    "rows_seen_in_training": "Rows seen in training",
    "rows_seen_beyond_chance": "Rows seen in training, beyond chance",
    "ids_seen_in_training": "Identifiers seen in training",
}
_METHOD_WORDS = {
    "clopper_pearson": "Clopper–Pearson",
    "delong_newcombe": "the widest of DeLong, Newcombe and melded bounded means",
    "melded_difference": "melded exact limits of a difference",
    "melded_ratio": "melded exact limits of a ratio",
    "newcombe_paired": "Newcombe for paired proportions",
    "paired_delong": "DeLong for paired curves",
    "student_mean": "bounded Student’s t",
    "root_mean": "the root of a bounded Student’s t",
    "macro_share": "bounded Student’s t of rows weighted by class",
    "mean_difference": "Welch’s t with melded bounded means",
    "mean_ratio": "Welch’s t on the logarithmic scale with melded bounded means",
    "paired_ratio": "Fieller’s ratio of paired bounded means",
    "explained_share": "Fieller’s ratio of paired bounded means",
    "wald_normal": "Wald",
    "census": "a count of all rows",
}
_SHARES = frozenset(
    {
        "accuracy",
        "balanced_accuracy",
        "top_k_accuracy",
        "precision",
        "macro_precision",
        "true_positive_rate",
        "false_positive_rate",
        "true_negative_rate",
        "false_negative_rate",
        "selection_rate",
        "base_rate",
        "rows_seen_in_training",
        "rows_seen_beyond_chance",
        "ids_seen_in_training",
    }
)
_SHARE_DIFFERENCES = frozenset({f"{share}_difference" for share in _SHARES})
_COUNTS = frozenset(
    {
        "intake_missing",
        "lineage_missing",
        "card_facts_missing",
        "rollback_untested",
        "failed_expectations",
        "signature_mismatches",
    }
)

_KEPT_INVISIBLE = frozenset("\u200c\u200d\u00ad")  # joiners of emoji and of Persian, the soft hyphen
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MOST_DECIMALS = 6


# --- words -----------------------------------------------------------------------------------------------


def visible(text: str) -> str:
    r"""One line in which nothing hides: line breaks become spaces, other control characters are spelled out.

    Bidirectional overrides, zero-width characters, tag characters, NUL and lone surrogates are written as
    `\u202e`; so the result may be put into XML, a terminal or a log line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in re.sub(r"\r\n|[\r\n\t\v\f]", " ", text))


def visible_lines(text: str) -> str:
    """Like `visible`, for prose: line breaks are kept."""
    return "\n".join(visible(line) for line in re.split(r"\r\n|[\r\n]", text))


def _visible(character: str) -> str:
    code = ord(character)
    hidden = unicodedata.category(character) in _HIDDEN_CATEGORIES and character not in _KEPT_INVISIBLE
    if hidden or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return character


def for_markdown(text: str) -> str:
    """Text that Markdown shows as it is: no markup, links, HTML, formulas, table borders or mentions."""
    shown = visible(text).strip()
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = re.sub(r"([\\`*\[\]|~#$])", r"\\\1", shown)
    shown = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", shown)  # inside a word it is no markup
    shown = re.sub(r"^([-+=])", r"\\\1", shown)
    shown = re.sub(r"^(\d+)([.)])(?!\S)", r"\1\\\2", shown)
    shown = re.sub(r"(?i)\b(https?|ftp|mailto|javascript|www)([:.])", "\\1\u2060\\2", shown)
    return re.sub(r"(?<![\w.])@(?=\w)", "@\u2060", shown)  # a word joiner: nobody is notified


def code_for_markdown(text: str) -> str:
    """A Markdown code span, safe inside a table."""
    shown = visible(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if shown.startswith("`") or shown.endswith("`") or not shown.strip() else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the cells must already be safe."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines)


def metric_words(metric: str) -> str:
    """The metric's name for people: `Selection rate ratio`."""
    words = visible(metric.replace("_", " "))
    return _METRIC_WORDS.get(metric, words[:1].upper() + words[1:])


def method_words(method: str) -> str:
    """An interval method's name for people."""
    return _METHOD_WORDS.get(method, visible(method.replace("_", " ")))


def group_words(group: str | None) -> str:
    """A group's name; a missing value is a group of its own."""
    return "(missing)" if group is None else visible(group) if group else "(empty)"


def cohort_words(cohort: Cohort) -> str:
    """`all rows`, `sex = F`, `sex = F, race = (missing)`."""
    if not cohort:
        return "all rows"
    return ", ".join(f"{visible(name)} = {group_words(group)}" for name, group in cohort.items())


def is_about_all_rows(estimate: Estimate) -> bool:
    """Whether an estimate is about neither a group nor a class."""
    return not estimate.cohort and estimate.group is None and estimate.outcome is None


def rows_words(estimate: Estimate) -> str:
    """Which rows an estimate is about: its class, its cohort, and what that is compared with."""
    words = cohort_words(estimate.cohort)
    if estimate.outcome is not None:
        words = f"class {group_words(estimate.outcome)}" + (f", {words}" if estimate.cohort else "")
    if estimate.reference is None:
        return words
    if not estimate.cohort:
        return f"{group_words(estimate.group)} against {group_words(estimate.reference)}"
    return f"{words} against {group_words(estimate.reference)}"


def verdict_words(verdict: Verdict, *, blocks: bool) -> str:
    """`✗ failed`, `? inconclusive (finding)`: never a colour alone."""
    aside = " (finding)" if verdict is Verdict.INCONCLUSIVE and not blocks else ""
    return f"{VERDICT_MARKS[verdict]} {VERDICT_WORDS[verdict]}{aside}"


def instant_words(instant: str) -> str:
    """`2026-11-02T09:15:00.123456+00:00` as `2026-11-02 09:15 UTC`; anything else as it is."""
    found = re.fullmatch(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|\+00:00)", instant)
    return f"{found[1]} {found[2]} UTC" if found else visible(instant)


# --- numbers ---------------------------------------------------------------------------------------------


def number(metric: str, value: float) -> str:
    """One value of a metric: `81.2 %`, `+1.4 pp`, `0.812`, `3`."""
    decimals = 0 if value == 0 or _is_count(metric, value) else _decimals(metric, [value])
    return _with_unit(metric, _digits(metric, value, decimals))


def measured(estimate: Estimate, *, limits: Sequence[float | None] = ()) -> str:
    """The value with its interval: `0.812 (0.774–0.843)`, `81.2 % (77.4–84.3 %)`, or the number of a census.

    Args:
        estimate: what was measured.
        limits: what it is held against; so many decimals are written that a bound which differs from a
            limit also looks different.
    """
    if estimate.value is None or not estimate.is_evaluable:
        return VERDICT_WORDS[Verdict.NOT_EVALUABLE]
    metric = estimate.metric
    if estimate.method == "census":
        return number(metric, estimate.value)
    bounds = [bound for bound in (estimate.low, estimate.high) if bound is not None]
    held_against = [limit for limit in limits if limit is not None]
    decimals = _decimals(metric, [estimate.value, *bounds], limits=held_against)
    low, high = (
        "unbounded" if bound is None else _digits(metric, bound, decimals)
        for bound in (estimate.low, estimate.high)
    )
    dash = "–" if len(bounds) == 2 and min(bounds) >= 0 else " to "
    interval = f"{low}{dash}{high}" if estimate.high is None else _with_unit(metric, f"{low}{dash}{high}")
    return f"{_with_unit(metric, _digits(metric, estimate.value, decimals))} ({interval})"


def limit_words(metric: str, floor: float | None, ceiling: float | None) -> str:
    """`at least 80.0 %`, `at most 0`, `0.8 to 1.25`; `–` without limits."""
    if floor is not None and ceiling is not None:
        if floor == ceiling:
            return f"exactly {_limit(metric, floor)}"
        return _with_unit(metric, f"{_limit_digits(metric, floor)} to {_limit_digits(metric, ceiling)}")
    if floor is not None:
        return f"at least {_limit(metric, floor)}"
    return NOTHING if ceiling is None else f"at most {_limit(metric, ceiling)}"


def margin_words(metric: str, margin: float | None) -> str:
    """Distance of the nearest bound to its limit: `0.012 inside`, `7.1 pp beyond`; `–` without one."""
    if margin is None or not math.isfinite(margin):
        return NOTHING
    if margin == 0:
        return "just met"
    scaled = abs(margin) * (100 if _is_share(metric) else 1)
    amount = f"{scaled:.0f}" if _is_count(metric, margin) else _significant(scaled)
    unit = " pp" if _is_share(metric) else ""
    return f"{amount}{unit} {'beyond' if margin < 0 else 'inside'}"


def count(value: float) -> str:
    """A whole number with its thousands apart: `12,345`."""
    return f"{value:,.0f}"


def _is_share(metric: str) -> bool:
    return metric in _SHARES or metric in _SHARE_DIFFERENCES


def _is_count(metric: str, value: float) -> bool:
    return metric in _COUNTS and value == int(value)


def _with_unit(metric: str, digits: str) -> str:
    if metric in _SHARES:
        return f"{digits} %"
    return f"{digits} pp" if metric in _SHARE_DIFFERENCES else digits


def _limit(metric: str, value: float) -> str:
    return _with_unit(metric, _limit_digits(metric, value))


def _limit_digits(metric: str, value: float) -> str:
    """A limit as it was written: no digits are added."""
    return f"{value * (100 if _is_share(metric) else 1):.12g}".replace("-", "−")


def _decimals(metric: str, values: Sequence[float], *, limits: Sequence[float] = ()) -> int:
    """One for percentages, else three.

    Fewer for large quantities, so that four digits are left; more for tiny ones, and until nothing rounds
    onto a limit.
    """
    scale = 100.0 if _is_share(metric) else 1.0
    decimals = 1 if _is_share(metric) else 3
    largest = max((abs(value * scale) for value in values), default=0.0)
    if largest > 0.0:
        order = math.floor(math.log10(largest))
        if not _is_share(metric) and order > 0:
            decimals = max(0, decimals - order)
        decimals = min(_MOST_DECIMALS, max(decimals, decimals - 1 - order))
    while decimals < _MOST_DECIMALS and any(
        value != limit and round(value * scale, decimals) == round(limit * scale, decimals)
        for value in values
        for limit in limits
    ):
        decimals += 1
    return decimals


def _digits(metric: str, value: float, decimals: int) -> str:
    scaled = value * (100 if _is_share(metric) else 1)
    if abs(scaled) >= 1e6:
        return f"{scaled:.3g}".replace("-", "−")
    text = f"{scaled:,.{decimals}f}"
    negative_zero = text.startswith("-") and not text.strip("-0.,")
    return text.lstrip("-") if negative_zero else text.replace("-", "−")


def _significant(value: float) -> str:
    """Two significant digits, and every digit before the point up to a million."""
    if value == 0:
        return "0"
    if value >= 1e6:
        return f"{value:.2g}"
    decimals = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:,.{min(decimals, 9)}f}"
