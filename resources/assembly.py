"""One platform assembled from settings: every resource once, sharing what it must share.

Nothing is opened or imported here beyond light modules; each resource waits for its first use.

What does not belong here: reading the environment (`resources.environments`).
"""

import os
from dataclasses import dataclass
from functools import cached_property

from modelrisk.signatures import TrustedKeys
from resources.case_files import CaseFiles
from resources.checkpoints import Checkpoints
from resources.datasets import Datasets
from resources.datasheets import DatasheetReader
from resources.decider import Decider
from resources.decision_register import DecisionRegister
from resources.environments import Settings
from resources.evaluation import Evaluator
from resources.evidence_store import EvidenceStore
from resources.governance import Governance
from resources.inventories import Inventories
from resources.ledger_store import SqliteLedger
from resources.model_registry import ModelRegistry
from resources.notifier import Notifier
from resources.portfolios import Portfolios
from resources.predictions import ScoredOnce
from resources.publications import Publications
from resources.releases import Releases
from resources.scorer import Scorer
from resources.signer import KeyFile, trusted_keys
from resources.stage_store import StageStore
from resources.validation import Validator


@dataclass(frozen=True)
class Platform:
    """Every resource of one platform.

    Attributes:
        settings: where everything is.
        shared_scorer: a scorer already warm, to be used instead of one of its own.
    """

    settings: Settings
    shared_scorer: Scorer | None = None

    @cached_property
    def scorer(self) -> Scorer:
        """Runs models; kept warm by whoever reviews several versions in a row."""
        return self.shared_scorer or Scorer(
            time_limit_s=self.settings.scoring_seconds, memory_limit_mb=self.settings.scoring_megabytes
        )

    @cached_property
    def governance(self) -> Governance:
        """Policy, intake and trusted keys."""
        return Governance(self.settings.governance)

    @cached_property
    def registry(self) -> ModelRegistry:
        """The model registry."""
        return ModelRegistry(self.settings.tracking_uri)

    @cached_property
    def evidence(self) -> EvidenceStore:
        """Records, stages, predictions and cards, by content."""
        return EvidenceStore(self.settings.home.evidence)

    @cached_property
    def ledger(self) -> SqliteLedger:
        """What happened, in order."""
        return SqliteLedger(self.settings.home.ledger)

    @cached_property
    def signer(self) -> KeyFile:
        """The key that signs decisions; made on first use only where nobody named one."""
        is_own = self.settings.signing_key == self.settings.home.signing_key
        return KeyFile(self.settings.signing_key, create=is_own)

    @cached_property
    def stages(self) -> StageStore:
        """The newest evidence of each stage."""
        return StageStore(self.settings.home.stages, self.evidence)

    @cached_property
    def datasets(self) -> Datasets:
        """The reader of data files."""
        return Datasets(self.settings.home.work / "data")

    @cached_property
    def register(self) -> DecisionRegister:
        """The signed decisions."""
        return DecisionRegister(
            evidence=self.evidence, ledger=self.ledger, signer=self.signer, trusted=self.trusted
        )

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Copies of the ledger's checkpoint in the registry."""
        return Checkpoints(
            registry=self.registry, ledger=self.ledger, signer=self.signer, trusted=self.trusted
        )

    @cached_property
    def case_files(self) -> CaseFiles:
        """Opens cases."""
        return CaseFiles(
            registry=self.registry,
            governance=self.governance,
            ledger=self.ledger,
            datasets=self.datasets,
            models=self.settings.home.models,
            today=lambda: self.settings.circumstances.now().date(),
        )

    @cached_property
    def publications(self) -> Publications:
        """Cards and packs."""
        return Publications(
            evidence=self.evidence,
            register=self.register,
            sheets=DatasheetReader(self.datasets),
            governance=self.governance,
            signer=self.signer,
            trusted=self.trusted,
            packs=self.settings.home.packs,
            cards=self.settings.home.cards,
        )

    @cached_property
    def releases(self) -> Releases:
        """Clearance and promotion."""
        return Releases(
            registry=self.registry,
            ledger=self.ledger,
            register=self.register,
            evidence=self.evidence,
            case_files=self.case_files,
            governance=self.governance,
            checkpoints=self.checkpoints,
            trusted=self.trusted,
            now=self.settings.circumstances.now,
        )

    @cached_property
    def notifier(self) -> Notifier:
        """Tells people."""
        return Notifier(os.environ, ui=self.settings.ui)

    @cached_property
    def inventories(self) -> Inventories:
        """Snapshots of the inventory."""
        return Inventories(
            registry=self.registry,
            governance=self.governance,
            ledger=self.ledger,
            evidence=self.evidence,
            checkpoints=self.checkpoints,
            now=self.settings.circumstances.now,
        )

    @cached_property
    def portfolios(self) -> Portfolios:
        """Quarterly reports."""
        return Portfolios(
            ledger=self.ledger,
            evidence=self.evidence,
            trusted=self.trusted,
            pages=self.settings.home.portfolio,
            tool=self.settings.circumstances.tool.version,
            now=self.settings.circumstances.now,
        )

    def trusted(self) -> TrustedKeys:
        """This platform's own key if it has one yet, and those the governance directory trusts."""
        own = self.signer.trusted if self.settings.signing_key.exists() else TrustedKeys()
        return own.and_also(trusted_keys(directories=[self.governance.trusted_keys_directory]))

    def resources(self) -> dict[str, object]:
        """What assets, checks and sensors ask for by name."""
        return {
            "io_manager": self.stages,
            "case_files": self.case_files,
            "governance": self.governance,
            "ledger": self.ledger,
            "validator": Validator(self.datasets, today=lambda: self.settings.circumstances.now().date()),
            "scored_once": ScoredOnce(
                scorer=self.scorer,
                datasets=self.datasets,
                evidence=self.evidence,
                work=self.settings.home.work,
            ),
            "evaluator": Evaluator(self.datasets, self.evidence),
            "decider": Decider(
                governance=self.governance,
                evidence=self.evidence,
                ledger=self.ledger,
                register=self.register,
                checkpoints=self.checkpoints,
                circumstances=self.settings.circumstances,
            ),
            "publications": self.publications,
            "releases": self.releases,
            "checkpoints": self.checkpoints,
            "inventories": self.inventories,
            "portfolios": self.portfolios,
            "registry": self.registry,
            "register": self.register,
            "notifier": self.notifier,
            "circumstances": self.settings.circumstances,
        }
