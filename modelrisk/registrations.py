"""What a registry lists of models and versions, without a question about any single one.

What does not belong here: asking for the list (`resources.model_registry`), and which of the versions are to
be reviewed (`modelrisk.arrivals`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from modelrisk.identity import ModelVersion

CHECKPOINT_TAG = "model_risk.checkpoint"
"""The tag of a registered model that holds a copy of the ledger's signed checkpoint."""


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

    def is_before(self, instant: str | None) -> bool:
        """Whether something that happened at an instant can be about this registration.

        Clocks of registry and platform may differ by a day; a model that is deleted and made again within
        one is taken for the one before.

        Args:
            instant: UTC, ISO 8601; None for something that never happened.
        """
        if instant is None:
            return False
        happened = datetime.fromisoformat(instant).timestamp() * 1000
        return self.created_ms < happened + _CLOCKS_APART_MS


_CLOCKS_APART_MS = 86_400_000


@dataclass(frozen=True)
class RegisteredModel:
    """A model as a list of models has it.

    Attributes:
        name: its name, as the registry spells it.
        aliases: alias -> version number.
        checkpoint: the copy of a ledger's checkpoint kept with it; None without one.
    """

    name: str
    aliases: Mapping[str, str]
    checkpoint: str | None = None
