"""What a schedule or sensor does and how it fails, shown in the UI where its ticks are looked at.

What does not belong here: the stories; each stands in the docstring of its function.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Definition = TypeVar("Definition")


def told(
    describe: Callable[[str], Callable[[Callable[..., Any]], Definition]], *, summary: str
) -> Callable[[Callable[..., Any]], Definition]:
    """A decorator whose description is the summary, then the function's docstring: its failure story.

    Dagster shows it as plain text and drops line breaks, so it has no emphasis.

    Args:
        describe: Dagster's decorator, given the description.
        summary: what it does, in a sentence or two.
    """

    def decorated(function: Callable[..., Any]) -> Definition:
        story = " ".join((inspect.getdoc(function) or "").split())
        return describe(f"{summary} {story.replace('*', '')}")(function)

    return decorated
