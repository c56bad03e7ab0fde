"""The newest evidence of each stage for each model version or quarter, as Dagster's IO manager.

A stage's value is stored once, as canonical JSON in the evidence store; a small pointer file says which
digest is the newest. Loading verifies the bytes against the digest and decodes them to the type the reader
annotates, so nothing is ever unpickled.

What does not belong here: deciding whether a stage is stale (`modelrisk.decisions` compares bound digests).
"""

import json
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from modelrisk.errors import Unavailable
from modelrisk.evidence import canonical_bytes, decoded
from modelrisk.identity import ModelVersion
from resources.evidence_store import EvidenceStore

T = TypeVar("T")


class StageStore(dg.IOManager):
    """Loads and stores stage values by (asset key, partition).

    Args:
        directory: where the pointers lie.
        evidence: where the values lie.
    """

    def __init__(self, directory: Path, evidence: EvidenceStore) -> None:
        self._directory = directory
        self._evidence = evidence

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store a stage's value and point at it."""
        if obj is None:
            return
        digest = self._evidence.put(canonical_bytes(obj))
        pointer = self._pointer(context.asset_key, _partition(context))
        pointer.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"digest": digest, "run": context.run_id})
        with tempfile.NamedTemporaryFile("w", dir=pointer.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(pointer)

    def load_input(self, context: dg.InputContext) -> Any:
        """The newest value of the stage, decoded to the annotated type."""
        digest = self.digest(context.asset_key, _partition(context))
        return decoded(context.dagster_type.typing_type, self._evidence.get(digest))

    def newest(self, cls: type[T], asset_key: dg.AssetKey, version: ModelVersion) -> T:
        """The newest value of a stage for a version, for readers outside a run.

        Raises:
            Unavailable: the stage was never materialized for this version.
        """
        return decoded(cls, self._evidence.get(self.digest(asset_key, version.key)))

    def digest(self, asset_key: dg.AssetKey, partition: str | None) -> str:
        """Digest of a stage's newest value; of an asset without partitions where that is None.

        Raises:
            Unavailable: the stage was never materialized for this version.
        """
        pointer = self._pointer(asset_key, partition)
        try:
            return str(json.loads(pointer.read_text(encoding="utf-8"))["digest"])
        except (OSError, ValueError, KeyError) as error:
            stage = asset_key.to_user_string()
            of = "" if partition is None else f" for {partition}"
            also = f", or run `model-risk review {partition}`" if partition and "@" in partition else ""
            raise Unavailable(
                found=f"no evidence of {stage}{of}",
                expected="the stage's newest evidence",
                remedy=f"Materialize {stage}{of} first{also}",
            ) from error

    def _pointer(self, asset_key: dg.AssetKey, partition: str | None) -> Path:
        return self._directory.joinpath(*asset_key.path) / f"{_stem(partition)}.json"


_WITHOUT_PARTITION = "newest"  # a version's stem has an @, a quarter's is a day


def _stem(partition: str | None) -> str:
    if partition is None:
        return _WITHOUT_PARTITION
    if "@" not in partition:
        return date.fromisoformat(partition).isoformat()
    return ModelVersion.from_key(partition).file_stem


def _partition(context: dg.OutputContext | dg.InputContext) -> str | None:
    return context.partition_key if context.has_partition_key else None
