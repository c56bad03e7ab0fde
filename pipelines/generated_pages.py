"""What the repository's pages show of the code, made from the code: `python -m pipelines.generated_pages`.

Whole files (the control catalogue, the record's JSON Schema) and blocks of other pages between two comments
(`<!-- made by ... -->` to `<!-- end -->`). A test compares what is committed with what this makes.

What does not belong here: what a page says in sentences; those are written by hand.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import dagster as dg

from modelrisk.catalogue import shipped_catalogue
from modelrisk.documents.control_catalogue import as_markdown, by_stage
from modelrisk.documents.record_schema import decision_schema
from modelrisk.policy_documents import shipped_policy

COMMAND = "python -m pipelines.generated_pages"
CATALOGUE = "docs/controls.md"
SCHEMA = "docs/schemas/decision-record.schema.json"
_BLOCK = re.compile(
    rf"(?P<start><!-- (?P<name>[a-z ]+), made by `{re.escape(COMMAND)}` -->\n).*?(?P<end><!-- end -->)",
    re.DOTALL,
)
_Edge = tuple[str, str]


def pages(root: Path) -> Mapping[str, str]:
    """Every generated page as it should be, by its path in the repository.

    Args:
        root: the repository; hand-written pages are read from it, and keep all but their blocks.
    """
    blocks: Mapping[str, Callable[[str], str]] = {
        "asset graph": lambda _: f"```mermaid\n{graph_picture()}```\n",
        "gates": lambda page: by_stage(shipped_catalogue(), page=_from(page, CATALOGUE)) + "\n",
    }

    def renewed(page: str) -> str:
        def block(found: re.Match[str]) -> str:
            return f"{found['start']}{blocks[found['name']](page)}{found['end']}"

        return _BLOCK.sub(block, (root / page).read_text(encoding="utf-8"))

    return {
        CATALOGUE: as_markdown(shipped_catalogue(), shipped_policy()),
        SCHEMA: json.dumps(decision_schema(), indent=2, ensure_ascii=False) + "\n",
        **{page: renewed(page) for page in ("README.md", "docs/architecture.md")},
    }


def graph_picture() -> str:
    """The asset graph as a Mermaid flowchart: a box for each stage, and the gates each asset carries.

    An edge that follows from a longer path is left out; a check that stops what comes after it stands on the
    edge.
    """
    from pipelines.definitions import defs

    graph = defs.resolve_asset_graph()
    keys = sorted(graph.get_all_asset_keys(), key=lambda key: (_STAGES.index(key.path[0]), key.path[1]))
    edges = {(_node(parent), _node(key)) for key in keys for parent in graph.get(key).parent_keys}
    blocking = {_node(key.asset_key): key.name for key in graph.asset_check_keys if graph.get(key).blocking}
    lines = ["flowchart LR"]
    for stage in dict.fromkeys(key.path[0] for key in keys):
        lines.append(f"  subgraph {stage}")
        for key in keys:
            if key.path[0] == stage:
                checks = sum(check.asset_key == key for check in graph.asset_check_keys)
                lines.append(f'    {_node(key)}["{_label(key.path[1], checks)}"]')
        lines.append("  end")
    for parent, child in sorted(_needed(edges), key=lambda edge: [_position(keys, node) for node in edge]):
        stop = f'|"{blocking[parent]}"|' if parent in blocking else ""
        lines.append(f"  {parent} -->{stop} {child}")
    return "\n".join(lines) + "\n"


_STAGES = ("inventory", "validation", "evaluation", "release", "documentation", "portfolio")


def _node(key: dg.AssetKey) -> str:
    return "_".join(key.path)


def _position(keys: list[dg.AssetKey], node: str) -> int:
    return next(position for position, key in enumerate(keys) if _node(key) == node)


def _label(noun: str, checks: int) -> str:
    if not checks:
        return noun
    return f"{noun}<br/>{checks} check{'s' if checks > 1 else ''}"


def _needed(edges: set[_Edge]) -> set[_Edge]:
    """The edges that no longer path implies."""

    def reaches(start: str, end: str, without: _Edge) -> bool:
        onward = {child for parent, child in edges if parent == start and (parent, child) != without}
        return end in onward or any(reaches(child, end, without) for child in onward)

    return {edge for edge in edges if not reaches(*edge, edge)}


def _from(page: str, target: str) -> str:
    """A link from one page of the repository to another."""
    return target.removeprefix("docs/") if page.startswith("docs/") else target


def main(root: Path) -> None:
    """Write every generated page, and say which changed."""
    for page, text in pages(root).items():
        path = root / page
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {page}\n")


if __name__ == "__main__":
    main(Path(__file__).parents[1])
