"""Opens a case: reads everything a review of one model version depends on, and binds it by digest.

The same reading serves the review (what is judged) and the clearance (what is there now), so the two cannot
drift apart. A model directory is copied before it is hashed: the bytes hashed are the bytes scored.

What does not belong here: judging any of it.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from modelrisk.cases import Case, CasePaths, IntakeRecord
from modelrisk.champions import Champion, Standing, champion_of
from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.estimates import census
from modelrisk.evidence import Manifest
from modelrisk.identity import ModelVersion
from modelrisk.intake import LINEAGE, Intake, IntakeDocument, intake_gaps, rollback_gap
from modelrisk.ledger import LedgerReader, champion
from modelrisk.lineage import Lineage, lineage_gaps, lineage_notes, training_source
from modelrisk.policy import Scope
from modelrisk.records import BoundDigests, Problem, StageEvidence
from resources.datasets import Datasets
from resources.evidence_store import manifest_of
from resources.governance import Governance
from resources.model_registry import Registry

_ENVIRONMENT_FILES = frozenset({"requirements.txt", "conda.yaml", "python_env.yaml"})
_NO_CHAMPION = "none"


@dataclass(frozen=True)
class _Copy:
    """A model directory copied from the registry, with its digests."""

    path: Path
    digest: str
    environment: str


class CaseFiles:
    """Reads registry, governance, ledger and data sets into cases.

    Args:
        registry: the model registry.
        governance: policy and intake files.
        ledger: recorded releases.
        datasets: the reader of data files.
        models: where copies of model directories are kept, by digest.
        today: tells the present day, for declared dates that must lie in the past.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        governance: Governance,
        ledger: LedgerReader,
        datasets: Datasets,
        models: Path,
        today: Callable[[], date],
    ) -> None:
        self._registry = registry
        self._governance = governance
        self._ledger = ledger
        self._datasets = datasets
        self._models = models
        self._today = today

    def intake(self, version: ModelVersion) -> IntakeRecord:
        """What the team declares about the model, and the tier that follows.

        Raises:
            InvalidDocument: the governance directory breaks its contract.
        """
        document = self._governance.intake(version.name)
        intake = None if document is None else document.intake
        tier = self._governance.policy().tier_of(intake)
        asked = self._governance.obligations(version.name, tier, intake)
        compares_groups = any(each.is_required and each.rule.scope is Scope.GROUPS for each in asked)
        gaps = intake_gaps(intake, compares_groups=compares_groups)
        rollback = rollback_gap(intake, today=self._today())
        open_points = [*gaps, *([] if rollback is None else [rollback])]
        evidence = StageEvidence(
            stage="inventory/intake",
            version=version,
            bound=self._documents(document),
            estimates=(
                census("intake_missing", 1 if intake is None else 0, n=1),
                census("rollback_untested", 0 if rollback is None else 1, n=1),
                census("card_facts_missing", len(gaps), n=1),
            ),
            tables={
                "left open": tuple(
                    {"key": gap.key, "consequence": gap.consequence, "do next": gap.remedy}
                    for gap in open_points
                )
            },
            details={
                "intake_missing": "no intake file declares the model",
                "rollback_untested": "" if rollback is None else rollback.consequence,
                "card_facts_missing": ", ".join(gap.key for gap in gaps),
            },
        )
        return IntakeRecord(evidence, intake, tier)

    def open(self, version: ModelVersion) -> Case:
        """Everything a review of `version` depends on, read now.

        What cannot be read becomes a problem in the case; its digest stays None.

        Raises:
            CallerMistake: the registry does not know the version.
            Unavailable: the registry cannot be reached.
        """
        document = self._governance.intake(version.name)
        intake = None if document is None else document.intake
        lineage = self._registry.lineage(version)
        problems: dict[str, Problem] = {}
        paths: dict[str, str] = {}
        model = self._copied(version, "model", problems, paths)
        judged_by = self._champion(version, intake)
        challenged = (
            None
            if judged_by.version is None
            else self._copied(judged_by.version, "champion", problems, paths)
        )
        digests = self._documents(document)
        bound = BoundDigests(
            model=None if model is None else model.digest,
            environment=None if model is None else model.environment,
            evaluation=self._evaluation(document, problems, paths),
            training=self._training(document, lineage, problems, paths),
            champion=_champion_text(judged_by, challenged),
            intake=digests.intake,
            policy=digests.policy,
            catalogue=digests.catalogue,
        )
        return Case(
            evidence=_lineage_evidence(version, lineage, bound),
            version=version,
            intake=intake,
            lineage=lineage,
            champion=judged_by,
            champion_lineage=self._champion_lineage(judged_by, problems),
            bound=bound,
            paths=CasePaths(**paths),
            problems=problems,
        )

    def _documents(self, document: IntakeDocument | None) -> BoundDigests:
        """The digests of what is written down, with nothing else read."""
        return BoundDigests(
            model=None,
            environment=None,
            evaluation=None,
            training=None,
            champion=None,
            intake=None if document is None else document.digest,
            policy=self._governance.policy().digest,
            catalogue=self._governance.catalogue().digest,
        )

    def _champion(self, version: ModelVersion, intake: Intake | None) -> Champion:
        alias = "champion" if intake is None else intake.champion
        return champion_of(
            version,
            recorded=self._recorded_champion(version.name),
            aliased=self._registry.alias(version.name, alias),
            alias=alias,
        )

    def _recorded_champion(self, name: str) -> ModelVersion | None:
        finished = champion(self._ledger, name)
        return None if finished is None else ModelVersion.from_key(finished.subject)

    def _champion_lineage(self, champion: Champion, problems: Mapping[str, Problem]) -> Lineage | None:
        if champion.version is None or "champion" in problems:
            return None
        return self._registry.lineage(champion.version)

    def _copied(
        self, version: ModelVersion, role: str, problems: dict[str, Problem], paths: dict[str, str]
    ) -> _Copy | None:
        self._models.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self._models, prefix="incoming-"))
        try:
            manifest = manifest_of(downloaded := self._registry.download(version, scratch))
            home = self._models / manifest.digest.removeprefix("sha256:")
            _keep(downloaded, home, manifest)
        except (Unavailable, IntegrityError) as error:
            problems[role] = Problem.from_error(error)
            return None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        paths[role] = str(home)
        return _Copy(home, manifest.digest, _environment(manifest))

    def _evaluation(
        self, document: IntakeDocument | None, problems: dict[str, Problem], paths: dict[str, str]
    ) -> str | None:
        if document is None:
            return None
        path = self._governance.resolve(document.intake.data.evaluation, intake_path=document.path)
        return self._described(path, "evaluation", problems, paths)

    def _training(
        self,
        document: IntakeDocument | None,
        lineage: Lineage,
        problems: dict[str, Problem],
        paths: dict[str, str],
    ) -> str | None:
        if document is None:
            return None
        declared = document.intake.data.training
        source = training_source(lineage) if declared == LINEAGE else declared
        if isinstance(source, Problem):
            problems["training"] = source
            return None
        path = self._governance.resolve(source, intake_path=document.path)
        digest = self._described(path, "training", problems, paths)
        if digest is None and declared == LINEAGE:
            remedy = "Restore it, or write `training: path` under `data:` in the intake, naming a copy"
            problems["training"] = replace(problems["training"], remedy=remedy)
        return digest

    def _described(
        self, path: Path, role: str, problems: dict[str, Problem], paths: dict[str, str]
    ) -> str | None:
        description = self._datasets.describe(path)
        if isinstance(description, Problem):
            problems[role] = description
            return None
        paths[role] = str(path)
        return description.digest


def _keep(downloaded: Path, home: Path, manifest: Manifest) -> None:
    """Move a fresh copy to its place, unless an identical one is there (a changed one is replaced)."""
    if home.exists():
        if manifest_of(home).digest == manifest.digest:
            return
        shutil.rmtree(home)
    try:
        downloaded.rename(home)
    except OSError:
        # Another review of the same bytes moved its copy in first; the two are equal by digest.
        if not home.exists():
            raise


def _environment(manifest: Manifest) -> str:
    files = {entry.path: entry.digest for entry in manifest.entries if entry.path in _ENVIRONMENT_FILES}
    return Manifest.of(files).digest


def _champion_text(champion: Champion, copy: _Copy | None) -> str | None:
    if champion.version is not None:
        return None if copy is None else f"{champion.version} {copy.digest}"
    return None if champion.standing is Standing.DISAGREED else _NO_CHAMPION


def _lineage_evidence(version: ModelVersion, lineage: Lineage, bound: BoundDigests) -> StageEvidence:
    gaps = lineage_gaps(lineage)
    return StageEvidence(
        stage="inventory/lineage",
        version=version,
        bound=bound.only("model"),
        estimates=(census("lineage_missing", len(gaps), n=1),),
        tables={
            "missing": tuple({"what": gap} for gap in gaps),
            "notes": tuple({"what": note} for note in lineage_notes(lineage)),
        },
        details={"lineage_missing": "; ".join(gaps)},
    )
