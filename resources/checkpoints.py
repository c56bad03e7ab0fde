"""The ledger's memory kept in the registry, where whoever runs the home is not alone in control.

A home can be lost, put back to an earlier day, or made anew by a runner that keeps nothing, and a ledger that
begins again looks whole to itself. So after each decision and release the signed checkpoint is copied into a
tag of the registered model, and before each the ledger is held against that copy.

What does not belong here: what a checkpoint says (`modelrisk.ledger`).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.ledger import Checkpoint, LedgerStore
from modelrisk.registrations import CHECKPOINT_TAG
from modelrisk.signatures import Signer, TrustedKeys, UntrustedSigner
from resources.model_registry import Registry


class LedgerBehind(Unavailable):
    """The ledger ends before an entry that a copy of its checkpoint has seen: nothing may be added to it."""


class Checkpoints:
    """Copies of the ledger's checkpoint in the registry.

    Args:
        registry: where the copies are.
        ledger: the ledger they are of.
        signer: signs new checkpoints.
        trusted: tells the keys whose checkpoints are believed.
    """

    def __init__(
        self, *, registry: Registry, ledger: LedgerStore, signer: Signer, trusted: Callable[[], TrustedKeys]
    ) -> None:
        self._registry = registry
        self._ledger = ledger
        self._signer = signer
        self._trusted = trusted

    def copy(self, name: str) -> bytes | None:
        """The copy kept with a model; None when there is none.

        Raises:
            Unavailable: the registry did not answer.
        """
        kept = self._registry.model_tags(name).get(CHECKPOINT_TAG)
        return None if kept is None else kept.encode()

    def require_up_to_date(self, name: str) -> None:
        """Refuse to go on with a ledger that is not the one the registry remembers, or not all of it.

        Raises:
            LedgerBehind: the ledger ends before the entry that the copy has seen.
            IntegrityError: that entry is another one here, or the copy is altered or signed by nobody
                trusted.
            Unavailable: registry or ledger cannot be read.
        """
        kept = self.copy(name)  # read before the ledger, which only grows
        if kept is None:
            return
        try:
            seen = Checkpoint.unverified(kept)  # believed for a refusal only
        except IntegrityError as error:
            raise _no_checkpoint(name) from error
        newest = self._newest()
        if newest < seen.seq:
            raise _behind(newest, seen.seq, name)
        try:
            seen = Checkpoint.verified(kept, self._trusted())
        except UntrustedSigner as error:
            raise IntegrityError(
                found=f"a checkpoint in the tag `{CHECKPOINT_TAG}` of {name} with {error.found}",
                expected="the checkpoint of this ledger, signed by a trusted key",
                remedy="Put that key's public half into `trusted_keys` of the governance directory if you"
                " trust it; otherwise find out whose platform decides on this model too",
            ) from error
        contradiction = seen.contradiction(self._ledger.digest_at(seen.seq))
        if contradiction is not None:
            raise IntegrityError(
                found=f"a ledger that is not the one the registry remembers in the tag `{CHECKPOINT_TAG}` of"
                f" {name}: {contradiction}",
                expected="one ledger for a model",
                remedy="Find out which home decided on this model, and use that one",
            )

    def require_newest(self, copies: Mapping[str, str | None]) -> None:
        """Refuse to go on with a ledger that ends before an entry that any copy of *its own* has seen.

        Copies by keys that are not trusted are those of other platforms on the same registry.

        Args:
            copies: model -> the copy kept with it; None without one.

        Raises:
            LedgerBehind: the ledger ends before such an entry.
            Unavailable: the ledger cannot be read.
        """
        newest, trusted = self._newest(), self._trusted()
        for name, kept in copies.items():
            with suppress(IntegrityError):
                if kept is not None and Checkpoint.unverified(kept.encode()).seq > newest:
                    raise _behind(newest, Checkpoint.verified(kept.encode(), trusted).seq, name)

    def remembers(self, name: str, sequence: int | None) -> bool:
        """Whether the copy kept with a model has seen a ledger entry; True for no entry.

        Raises:
            Unavailable: the registry did not answer.
        """
        if sequence is None:
            return True
        kept = self.copy(name)
        with suppress(IntegrityError):
            return kept is not None and Checkpoint.unverified(kept).seq >= sequence
        return False

    def unpublished(self, name: str) -> str | None:
        """Copy the checkpoint to a model's tag; why that was not possible, None if it was.

        For a decision, which stands in the ledger whether the registry may be written or not.
        """
        try:
            self.publish(name)
        except (Unavailable, IntegrityError) as error:
            return str(error)
        return None

    def publish(self, name: str) -> None:
        """Sign how far the ledger has come, and copy that to a model's tag.

        Raises:
            Unavailable: the registry did not take it, or the ledger cannot be read.
            IntegrityError: the ledger contradicts the checkpoint beside it.
        """
        signed = self._ledger.checkpoint(self._signer, trusted=self._trusted())
        if signed is not None:
            self._registry.tag_model(name, {CHECKPOINT_TAG: signed.decode()})

    def _newest(self) -> int:
        head = self._ledger.head()
        return 0 if head is None else head.seq


def _behind(newest: int, seen: int, name: str) -> LedgerBehind:
    return LedgerBehind(
        found=f"a ledger that ends at entry {newest}, behind entry {seen}, which the registry remembers in"
        f" the tag `{CHECKPOINT_TAG}` of {name}",
        expected="the whole ledger that wrote it",
        remedy="Bring the home up to date from where it is kept, or use that home (docs/ci.md, `A home that"
        " is behind`)",
    )


def _no_checkpoint(name: str) -> IntegrityError:
    return IntegrityError(
        found=f"a tag `{CHECKPOINT_TAG}` of {name} that is no checkpoint",
        expected="the signed checkpoint as this platform wrote it",
        remedy="Find out who wrote it; put back the copy that lies beside the ledger, or remove the tag to"
        " begin anew",
    )
