"""What a registry lists of models and versions, without a question about any single one.

What does not belong here: asking for the list (`resources.model_registry`), and which of the versions are to
be reviewed (`modelrisk.arrivals`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelrisk.identity import ModelVersion


@dataclass(frozen=True)
class Registration:
    """A version as a list of versions has it.

    Attributes:
        version: which one.
        created_ms: when it was registered by the registry's clock, milliseconds since 1970; 0 when unknown.
        is_ready: whether registration has finished.
    """

    version: ModelVersion
    created_ms: int
    is_ready: bool = True


@dataclass(frozen=True)
class RegisteredModel:
    """A model as a list of models has it.

    Attributes:
        name: its name, as the registry spells it.
        aliases: alias -> version number.
    """

    name: str
    aliases: Mapping[str, str]
