"""The control catalogue, for people: what each control is for, asks of which tier, and does not show.

A pure function of catalogue and policy, so the page in the repository and the one a team prints for its own
policy are made alike, and neither can say something that no gate does.

What does not belong here: how one model fared (`decision_report`, `card`).
"""

from collections.abc import Iterator, Mapping, Sequence

from modelrisk.catalogue import Catalogue, Clause, Control, Framework, Metric, Source
from modelrisk.documents import text
from modelrisk.intake import Task
from modelrisk.policy import Direction, OnInconclusive, Policy, Rule, Scope

_STAGE_WORDS: Mapping[str, str] = {
    "inventory/intake": "What the model's owner declares",
    "inventory/lineage": "What the registry holds about its making",
    "validation/evaluation_data": "The data it is judged on",
    "evaluation/quality": "How good it is",
    "evaluation/fairness": "How it treats groups",
    "evaluation/champion_comparison": "How it compares with the version in use",
}
_ESTIMATED = "evaluation/"
_THRESHOLD_SETS: Mapping[Direction, str] = {
    Direction.FLOOR: "a smallest value",
    Direction.CEILING: "a largest value",
    Direction.WITHIN: "a largest distance from no difference",
}


def as_markdown(catalogue: Catalogue, policy: Policy) -> str:
    """The whole catalogue under a policy: an overview, then every control, then the frameworks it maps to.

    Args:
        catalogue: the controls.
        policy: what is asked of them in which tier.
    """
    parts = [_introduction(catalogue, policy), _overview(catalogue, policy)]
    for stage, controls in catalogue.stages.items():
        parts.append(f"## {_STAGE_WORDS.get(stage, 'More')}: {text.code_for_markdown(stage)}")
        parts += [_control(control, policy.rules.get(control.id), policy, catalogue) for control in controls]
    parts += ["## Frameworks", _frameworks(catalogue)]
    return "\n\n".join(parts) + "\n"


def by_stage(catalogue: Catalogue, *, page: str) -> str:
    """A short table: what is looked at, and the gates that do, each a link into the catalogue's page.

    Args:
        catalogue: the controls.
        page: where the page of `as_markdown` lies, from where the table is shown.
    """
    rows = [
        (
            _STAGE_WORDS.get(stage, "More"),
            ", ".join(f"[{text.code_for_markdown(control.id)}]({page}#{control.id})" for control in controls),
        )
        for stage, controls in catalogue.stages.items()
    ]
    return text.markdown_table(("what is looked at", "gates"), rows)


def _introduction(catalogue: Catalogue, policy: Policy) -> str:
    names = ", ".join(text.code_for_markdown(name) for name in policy.names)
    policy_digest, catalogue_digest = map(text.code_for_markdown, (policy.digest, catalogue.digest))
    return f"""# The control catalogue

What each gate is for, how it judges, what it asks in which tier, and what a pass does not show: the catalogue
under {names}, as `model-risk controls` prints it. A control's name is the name of its asset check.

*Own* in the table: asks for nothing until an intake sets a limit under `thresholds:`. Such a limit may only
tighten policy. Controls of `inventory/` and `validation/` count all there is; those of `evaluation/` are
estimated, and a limit must hold for the whole interval. *Evidence for* says where a pass can serve as
evidence, not that a clause is fulfilled.

The digests that decisions are bound to: policy {policy_digest}, catalogue
{catalogue_digest}."""


def _tasks(tasks: Sequence[Task]) -> str:
    """`all`, or the tasks a control judges, in the order in which tasks are named everywhere."""
    if set(tasks) == set(Task):
        return "all"
    return ", ".join(task.value.removesuffix("_classification") for task in Task if task in tasks)


def _overview(catalogue: Catalogue, policy: Policy) -> str:
    rows = [
        (
            f"[{text.code_for_markdown(control.id)}](#{control.id})",
            _tasks(control.tasks),
            *(_asked(policy.rules.get(control.id), tier) for tier in policy.tiers),
        )
        for control in catalogue.controls.values()
    ]
    return text.markdown_table(("control", "tasks", *(f"tier {tier}" for tier in policy.tiers)), rows)


def _asked(rule: Rule | None, tier: int) -> str:
    """What a tier asks, in a cell: the limit, `own` where a model's threshold may ask, or nothing."""
    if rule is None:
        return text.NOTHING
    if rule.is_slot or tier not in rule.tiers:
        return "own"
    return _limit(rule)


def _control(control: Control, rule: Rule | None, policy: Policy, catalogue: Catalogue) -> str:
    metric = catalogue.metrics[control.metric]
    safe = text.for_markdown
    rows = [
        ("purpose", safe(control.risk)),
        ("mechanism", f"{_told(control.evidence)} {_metric(metric)}"),
        ("asks", _demand(control, rule, policy)),
        ("tasks", _tasks(control.tasks)),
        ("does not show", _told(control.limitations)),
        ("remedy", _told(control.how_to_pass)),
        ("evidence for", _clauses(control.mappings)),
    ]
    table = text.markdown_table(("", safe(control.title)), [(f"**{name}**", words) for name, words in rows])
    return f"### {control.id}\n\n{table}"


def _told(words: str) -> str:
    """A sentence that may name things in `backticks`; nothing else in it is markup."""
    pieces = text.visible(words).split("`")
    if len(pieces) % 2 == 0:
        return text.for_markdown(words)
    return "".join(
        text.code_for_markdown(piece) if odd % 2 else _between(piece) for odd, piece in enumerate(pieces)
    )


def _between(piece: str) -> str:
    """Text beside a code span, with the space that joins them."""
    before = " " if piece[:1] == " " else ""
    after = " " if piece[-1:] == " " and piece.strip() else ""
    return f"{before}{text.for_markdown(piece)}{after}"


def _metric(metric: Metric) -> str:
    return f"{text.code_for_markdown(metric.name)}: {text.for_markdown(metric.meaning)}."


def _limit(rule: Rule) -> str:
    return text.limit_words(rule.metric, rule.floor, rule.ceiling)


def _demand(control: Control, rule: Rule | None, policy: Policy) -> str:
    """Limit, tiers, confidence, minimum and what an inconclusive verdict does, in sentences."""
    if rule is None:
        return "Nothing: this policy has no rule for it."
    said = [*_limits(rule, policy)]
    if rule.scope is Scope.GROUPS:
        said.append("Of every group but the reference.")
    if control.asset.startswith(_ESTIMATED):
        said += [f"Confidence {rule.confidence * 100:g} % for each bound.", *_minimum(rule)]
        said += _inconclusive(rule, policy)
    return " ".join(said)


def _limits(rule: Rule, policy: Policy) -> Iterator[str]:
    own = text.code_for_markdown(f"thresholds: {{{rule.metric}: …}}")
    if rule.is_slot:
        yield f"Nothing until an intake sets {_THRESHOLD_SETS[rule.sets]} ({own}), or policy does."
        return
    limit = _limit(rule)
    yield f"{limit[:1].upper()}{limit[1:]}, in {_tiers(rule.tiers)}."
    others = [tier for tier in policy.tiers if tier not in rule.tiers]
    if others:
        yield f"In {_tiers(others)} where an intake sets a limit of its own ({own})."


def _minimum(rule: Rule) -> Iterator[str]:
    amounts = [
        f"{amount:g} {noun}"
        for amount, noun in ((rule.minimum_rows, "rows"), (rule.minimum_events, "expected events"))
        if amount
    ]
    if amounts:
        yield f"Below {' or '.join(amounts)} in its smallest cell it is inconclusive."


def _inconclusive(rule: Rule, policy: Policy) -> Iterator[str]:
    words = {OnInconclusive.REFUSE: "refuses", OnInconclusive.FINDING: "is a finding"}
    effects = {
        tier: rule.on_inconclusive.get(tier, settings.on_inconclusive)
        for tier, settings in policy.tiers.items()
    }
    for effect in OnInconclusive:
        tiers = [tier for tier in rule.tiers if effects[tier] is effect]
        if tiers:
            yield f"Inconclusive {words[effect]} in {_tiers(tiers)}."


def _tiers(tiers: Sequence[int]) -> str:
    """`tier 3`, `tiers 1 and 2`, `tiers 1, 2 and 3`."""
    *first, last = [str(tier) for tier in tiers]
    return f"tiers {', '.join(first)} and {last}" if first else f"tier {last}"


def _clauses(clauses: Sequence[Clause]) -> str:
    """Clauses by framework: `nist-ai-rmf@1.0` MEASURE-2.3, MEASURE-2.5; `iso-42001@2023` A.6.2.4."""
    found: dict[str, list[str]] = {}
    for clause in clauses:
        found.setdefault(clause.framework_key, []).append(clause.clause)
    return "; ".join(
        f"[{text.code_for_markdown(key)}](#frameworks) {text.for_markdown(', '.join(names))}"
        for key, names in found.items()
    )


def _frameworks(catalogue: Catalogue) -> str:
    mapped = [clause.framework_key for control in catalogue.controls.values() for clause in control.mappings]
    rows = [
        (
            text.code_for_markdown(framework.key),
            text.for_markdown(framework.title),
            framework.nature.value,
            _dates(framework),
            str(mapped.count(framework.key)),
            " ".join(_notes(framework)),
        )
        for framework in catalogue.frameworks.values()
    ]
    return text.markdown_table(("framework", "title", "nature", "effective", "mappings", "note"), rows)


def _dates(framework: Framework) -> str:
    end = "" if framework.effective_to is None else f" until {framework.effective_to.isoformat()}"
    return f"from {framework.effective_from.isoformat()}{end}"


def _notes(framework: Framework) -> Iterator[str]:
    if framework.superseded_by is not None:
        yield f"Superseded by {text.code_for_markdown(framework.superseded_by)}."
    if framework.source is Source.SECONDARY:
        yield "Date from a secondary source."
    if framework.note is not None:
        yield text.for_markdown(framework.note)
