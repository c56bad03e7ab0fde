"""Killed at any named point and started again: nothing is doubled or half promoted, and the gate stays shut.

One version is reviewed for real and released; each case works on a copy of that home. A challenger of the
same bytes is decided on by the same record, bound to the champion it would follow.
"""

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from modelrisk.champions import Standing
from modelrisk.decisions import DecisionRecord, Outcome
from modelrisk.errors import Unavailable
from modelrisk.evidence import canonical_bytes
from modelrisk.identity import ModelVersion
from modelrisk.ledger import EventKind
from pipelines import runs
from resources.assembly import Platform
from resources.releases import Promoted, Refused, Releases
from tests import crashing
from tests.workbench import CALIBRATED, declare, register, write_rows

NAME = "loan"


@dataclass(frozen=True)
class Base:
    """A home with a champion, a challenger that may follow it, and another one.

    Attributes:
        root: home, governance directory, data and registry.
        champion: reviewed and released.
        challenger: decided on, not released.
        rival: decided on too, against the same champion.
    """

    root: Path
    champion: ModelVersion
    challenger: ModelVersion
    rival: ModelVersion

    @property
    def platform(self) -> Platform:
        """A new assembly each time, as a new process would make it."""
        return crashing.platform_at(self.root)

    def copied(self, to: Path) -> "Base":
        """The same home in another place, with a registry of its own."""
        shutil.copytree(self.root, to, ignore=shutil.ignore_patterns("artifacts", "model-*"))
        return replace(self, root=to)

    def alias(self) -> ModelVersion | None:
        return self.platform.registry.alias(NAME, "champion")

    def count(self, kind: EventKind, version: ModelVersion) -> int:
        return len(list(self.platform.ledger.events(kind, subject=version.key)))

    def require_whole(self) -> None:
        """The ledger verifies, against its signed checkpoint and the copy in the registry."""
        platform = self.platform
        report = platform.ledger.verify(platform.trusted())
        assert report.broken is None, report.broken
        assert report.covered is not None


def decided_like(platform: Platform, version: ModelVersion, like: DecisionRecord) -> DecisionRecord:
    """The record of a version of the same bytes, bound to what is there now."""
    bound = replace(like.bound, champion=platform.case_files.open(version).bound.champion)
    return replace(like, id=f"of {version.key}", model=version.key, bound=bound)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, scorer: Any) -> Base:
    root = tmp_path_factory.mktemp("crash")
    (root / "governance" / "models").mkdir(parents=True)
    (root / "data").mkdir()
    write_rows(root / "data" / "training.parquet", seed=1)
    write_rows(root / "data" / "evaluation.parquet", seed=2)
    declare(root / "governance", NAME)
    platform = replace(crashing.platform_at(root), shared_scorer=scorer)
    uri = platform.settings.tracking_uri
    champion, challenger, rival = (
        register(uri, NAME, CALIBRATED, data=root / "data", root=root) for _ in range(3)
    )
    decision, _, _ = runs.review(platform, champion)
    assert decision.record.verdict is Outcome.RELEASABLE, decision.record.headline
    assert isinstance(platform.releases.promote(champion, by="tester", reason="first"), Promoted)
    for version in (challenger, rival):
        platform.register.register(decided_like(platform, version, decision.record), fresh=False)
    return Base(root, champion, challenger, rival)


@pytest.fixture
def home(base: Base, tmp_path: Path) -> Base:
    return base.copied(tmp_path / "copy")


# --- a decision ------------------------------------------------------------------------------------------

BEFORE_IT_EXISTS = [
    "evidence.before_rename",
    "evidence.after_rename",
    "decision.after_evidence",
    "ledger.before_commit",
]
AFTER_IT_EXISTS = [
    "ledger.after_commit",
    "decision.after_ledger",
    "checkpoint.before_rename",
    "checkpoint.after_rename",
]


@pytest.mark.parametrize("failpoint", BEFORE_IT_EXISTS + AFTER_IT_EXISTS)
def test_a_decision_killed_at_any_point_is_made_once_or_not_at_all_and_once_by_the_next_run(home, failpoint):
    version = home.champion
    platform = home.platform
    earlier = platform.register.newest(version)
    # Other inputs than the newest decision's, so that it is not simply answered again.
    record = replace(earlier.record, id="new", bound=replace(earlier.record.bound, environment=None))
    made_before = home.count(EventKind.DECISION, version)

    assert crashing.killed("register", home.root, canonical_bytes(record), failpoint=failpoint)

    home.require_whole()
    exists = failpoint in AFTER_IT_EXISTS
    assert home.count(EventKind.DECISION, version) == made_before + exists
    assert home.platform.register.newest(version).record.id == ("new" if exists else earlier.record.id)

    again = home.platform.register.register(replace(record, id="again"), fresh=False)
    assert again.record.id == ("new" if exists else "again")
    assert home.count(EventKind.DECISION, version) == made_before + 1
    home.require_whole()


def test_a_review_killed_after_its_decision_is_answered_with_that_decision_and_finished(home):
    version = register(
        home.platform.settings.tracking_uri, NAME, CALIBRATED, data=home.root / "data", root=home.root
    )
    assert crashing.killed("review", home.root, version, failpoint="decision.after_ledger")
    home.require_whole()
    made = home.platform.register.newest(version)
    assert made is not None
    assert not list(home.platform.settings.home.packs.glob(f"{version.file_stem}-*"))

    decision, card, pack = runs.review(home.platform, version)

    assert (decision.digest, decision.sequence) == (made.digest, made.sequence)
    assert home.count(EventKind.DECISION, version) == 1
    assert Path(pack.path).is_file()
    assert home.platform.publications.text(card.html)
    home.require_whole()


# --- a release -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failpoint", "aliased", "finished"),
    [
        ("release.after_started", False, False),
        ("release.after_alias", True, False),
        ("release.after_tags", True, False),
        ("release.after_finished", True, True),
    ],
)
def test_a_release_killed_at_any_point_is_finished_once_by_the_next_one(home, failpoint, aliased, finished):
    version = home.challenger
    assert crashing.killed("promote", home.root, version, failpoint=failpoint)

    home.require_whole()
    assert home.alias() == (version if aliased else home.champion)
    assert home.count(EventKind.RELEASE_STARTED, version) == 1
    assert home.count(EventKind.RELEASE_FINISHED, version) == finished
    # Nobody is compared with a version that is half promoted.
    standing = home.platform.case_files.open(home.rival).champion.standing
    assert standing is (Standing.DISAGREED if aliased and not finished else Standing.AGREED)

    outcome = home.platform.releases.promote(version, by="another", reason="again")

    assert isinstance(outcome, Promoted), outcome
    assert outcome.by == "tester"  # who asked for it, not who completed it
    assert (outcome.resumed, outcome.moved) == (not finished, not finished)
    assert home.alias() == version
    assert home.platform.registry.tags(version)["model_risk.decision"] == outcome.record
    assert home.count(EventKind.RELEASE_STARTED, version) == 1
    assert home.count(EventKind.RELEASE_FINISHED, version) == 1
    home.require_whole()
    report = home.platform.ledger.verify(
        home.platform.trusted(),
        copies=[home.platform.registry.model_tags(NAME)["model_risk.checkpoint"].encode()],
    )
    assert report.broken is None
    assert report.covered == home.platform.ledger.head().seq


def test_after_a_killed_release_the_champion_can_be_restored_instead(home):
    assert crashing.killed("promote", home.root, home.challenger, failpoint="release.after_alias")
    outcome = home.platform.releases.promote(home.champion, by="tester", reason="stay with what works")
    assert isinstance(outcome, Promoted), outcome
    assert home.alias() == home.champion
    assert home.platform.case_files.open(home.rival).champion.standing is Standing.AGREED
    home.require_whole()


def test_after_a_killed_release_a_rival_judged_against_the_same_champion_waits(home):
    assert crashing.killed("promote", home.root, home.challenger, failpoint="release.after_alias")
    outcome = home.platform.releases.promote(home.rival, by="tester", reason="hurry")
    assert isinstance(outcome, Refused)
    assert "champion" in " ".join(outcome.clearance.reasons)
    assert home.count(EventKind.RELEASE_STARTED, home.rival) == 0


def test_a_killed_release_whose_model_was_swapped_meanwhile_is_not_finished(home):
    assert crashing.killed("promote", home.root, home.challenger, failpoint="release.after_started")
    declare(home.root / "governance", NAME, purpose="Something else entirely.")
    outcome = home.platform.releases.promote(home.challenger, by="tester", reason="again")
    assert isinstance(outcome, Refused)
    assert "intake" in " ".join(outcome.clearance.reasons)
    assert home.alias() == home.champion


# --- at once ---------------------------------------------------------------------------------------------


def test_two_releases_of_one_version_at_once_finish_one(home, tmp_path):
    answers = [tmp_path / "one", tmp_path / "other"]
    ended = crashing.together("promote", *((home.root, home.challenger, answer) for answer in answers))
    assert ended == [0, 0]
    assert [answer.read_text() for answer in answers] == ["Promoted", "Promoted"]
    assert home.alias() == home.challenger
    assert home.count(EventKind.RELEASE_STARTED, home.challenger) == 1
    assert home.count(EventKind.RELEASE_FINISHED, home.challenger) == 1
    home.require_whole()


class Overtaken:
    """The registry, but something happens right after a question was answered for the n-th time."""

    def __init__(self, registry: Any, question: str, nth: int, happens: Callable[[], object]) -> None:
        self._registry = registry
        self._question = question
        self._left = nth
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._registry, name)
        if name != self._question:
            return method

        def asked(*arguments: object) -> object:
            answer = method(*arguments)
            self._left -= 1
            if self._left == 0:
                self._happens()
            return answer

        return asked


def releases_of(platform: Platform, registry: Any) -> Releases:
    return Releases(
        registry=registry,
        ledger=platform.ledger,
        register=platform.register,
        evidence=platform.evidence,
        case_files=platform.case_files,
        governance=platform.governance,
        checkpoints=platform.checkpoints,
        trusted=platform.trusted,
        now=platform.settings.circumstances.now,
    )


@pytest.mark.parametrize("when", ["before it starts", "before it finishes"])
def test_of_two_candidates_released_at_once_only_one_follows_the_champion_both_were_judged_by(home, when):
    """Both are cleared, then the rival goes all the way, and alias and tags were read back whole."""
    cleared, go, outcome = threading.Event(), threading.Event(), []
    paused = Overtaken(home.platform.registry, "alias", 1, lambda: (cleared.set(), go.wait(60)))
    rival = threading.Thread(
        target=lambda: outcome.append(
            releases_of(home.platform, paused).promote(home.rival, by="tester", reason="first")
        )
    )
    rival.start()
    assert cleared.wait(60)
    nth = 1 if when == "before it starts" else 2
    overtaken = Overtaken(home.platform.registry, "alias", nth, lambda: (go.set(), rival.join(60)))

    with pytest.raises(Unavailable, match="released while") as caught:
        releases_of(home.platform, overtaken).promote(home.challenger, by="tester", reason="second")

    assert home.rival.key in str(caught.value)
    assert isinstance(outcome[0], Promoted)
    assert home.count(EventKind.RELEASE_FINISHED, home.challenger) == 0
    assert home.count(EventKind.RELEASE_FINISHED, home.rival) == 1
    assert home.alias() == home.rival
    assert isinstance(home.platform.releases.promote(home.challenger, by="tester", reason="again"), Refused)
    home.require_whole()


def test_two_reviews_of_one_version_at_once_make_one_decision(home, tmp_path):
    version = register(
        home.platform.settings.tracking_uri, NAME, CALIBRATED, data=home.root / "data", root=home.root
    )
    answers = [tmp_path / "one", tmp_path / "other"]
    ended = crashing.together("review", *((home.root, version, answer) for answer in answers))
    assert ended == [0, 0]
    one, other = (json.loads(answer.read_text()) for answer in answers)
    assert one[:2] == other[:2]
    assert home.count(EventKind.DECISION, version) == 1
    home.require_whole()


def test_an_interrupted_review_is_neither_a_refusal_nor_a_bug(home, tmp_path):
    begun = tmp_path / "begun"
    version = register(
        home.platform.settings.tracking_uri,
        NAME,
        f"open({str(begun)!r}, 'w').close()\ntime.sleep(600)",
        data=home.root / "data",
        root=home.root,
    )
    log = tmp_path / "log"
    options = ["--home", str(home.root / "home"), "--governance", str(home.root / "governance")]
    options += ["--tracking-uri", home.platform.settings.tracking_uri]
    status = crashing.alone("command", ["review", version.key, *options], log, begun)
    assert status == 2, log.read_text()
    assert "Traceback" not in log.read_text()
    assert "nothing that was recorded is lost" in log.read_text()
    assert home.platform.register.newest(version) is None
    home.require_whole()
