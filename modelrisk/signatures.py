"""Signed statements: who said what about which bytes, checkable without us.

What is signed is an in-toto Statement v1 inside a DSSE envelope (ed25519). The signed bytes stay opaque: they
are verified as they are stored and never written anew. A key found beside what it signed proves nothing, so
every verification takes the keys the verifier already trusts.

What does not belong here: private keys and key files (`resources.signer`), and what a statement says
(`modelrisk.decisions`, `modelrisk.ledger`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, TypeVar, cast

from modelrisk.errors import CallerMistake, IntegrityError
from modelrisk.evidence import Json, canonical_bytes, decoded, digest, hex_of, parsed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from securesystemslib.dsse import Envelope

T = TypeVar("T")

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
STATEMENT_PAYLOAD_TYPE = "application/vnd.in-toto+json"


class BadSignature(IntegrityError):
    """A signature of a trusted key does not fit the bytes: they were changed after signing."""


class UntrustedSigner(IntegrityError):
    """The bytes are signed, but by nobody the verifier trusts."""


@dataclass(frozen=True)
class Subject:
    """What a statement is about: a name and the digest of its bytes."""

    name: str
    digest: str


@dataclass(frozen=True)
class Statement:
    """The parsed view of a signed in-toto Statement, beside the exact bytes that were signed.

    Attributes:
        subjects: what it is about.
        predicate_type: what kind of thing it says, such as `modelrisk.decisions.PREDICATE_TYPE`.
        predicate: what it says.
        payload: the signed bytes, as they were.
    """

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Json]
    payload: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """Digest of the signed bytes."""
        return digest(self.payload)

    def predicate_as(self, cls: type[T]) -> T:
        """The predicate as a domain object.

        Raises:
            IntegrityError: it does not fit `cls`.
        """
        return decoded(cls, canonical_bytes(self.predicate))


def statement_bytes(*, subjects: Iterable[Subject], predicate_type: str, predicate: object) -> bytes:
    """Canonical bytes of an in-toto Statement v1, ready to be signed as `STATEMENT_PAYLOAD_TYPE`."""
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": subject.name, "digest": {"sha256": hex_of(subject.digest)}} for subject in subjects
            ],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def statement_from(payload: bytes, *, predicate_type: str) -> Statement:
    """The statement in verified payload bytes.

    Raises:
        IntegrityError: not an in-toto Statement v1, or of another predicate type.
    """
    match parsed(payload):
        case {
            "_type": str(kind),
            "subject": [*subjects],
            "predicateType": str(found_type),
            "predicate": Mapping() as predicate,
        } if kind == STATEMENT_TYPE and found_type == predicate_type:
            return Statement(tuple(map(_subject, subjects)), found_type, predicate, payload)
        case {"predicateType": found_type} if found_type != predicate_type:
            raise _no_statement(f"a statement of type {found_type!r}", predicate_type)
        case _:
            raise _no_statement("signed bytes of another shape", predicate_type)


def _subject(plain: Json) -> Subject:
    match plain:
        case {"name": str(name), "digest": {"sha256": str(sha256)}}:
            named = f"sha256:{sha256}"
            hex_of(named)
            return Subject(name, named)
        case _:
            raise _no_statement("a subject without name and sha256", "in-toto Statement v1")


def _no_statement(found: str, expected: str) -> IntegrityError:
    return IntegrityError(
        found=found,
        expected=f"a statement of type {expected!r}",
        remedy="Give the file that holds this kind of statement",
    )


class Signer(Protocol):
    """Something that signs on our behalf: a key file today, a key service tomorrow."""

    @property
    def public_key(self) -> "PublicKey":
        """The key its signatures verify with."""
        ...

    @property
    def key_id(self) -> str:
        """`public_key.key_id`."""
        ...

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """The bytes of a DSSE envelope around `payload`."""
        ...


@dataclass(frozen=True)
class PublicKey:
    """A public key a verifier holds.

    Attributes:
        key_id: sha256 (hex) of the key's DER SubjectPublicKeyInfo; names the key, proves nothing.
        pem: the key as PEM.
    """

    key_id: str
    pem: bytes

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The ed25519 key in a PEM file.

        Raises:
            CallerMistake: no PEM, a private key, or a key of another kind.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_public_key,
        )

        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _no_public_key("bytes that are no PEM public key") from error
        if not isinstance(key, Ed25519PublicKey):
            raise _no_public_key(f"a {type(key).__name__}")
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return cls(hashlib.sha256(der).hexdigest(), text)


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys a verifier already trusts, from outside whatever is being verified."""

    keys: tuple[PublicKey, ...] = ()

    @classmethod
    def from_pems(cls, pems: Iterable[bytes]) -> Self:
        """Trust the keys in PEM files; the same key twice counts once.

        Raises:
            CallerMistake: one of them is no ed25519 public key.
        """
        keys = {key.key_id: key for key in map(PublicKey.from_pem, pems)}
        return cls(tuple(keys[key_id] for key_id in sorted(keys)))

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of the trusted keys."""
        return frozenset(key.key_id for key in self.keys)

    def and_also(self, other: "TrustedKeys") -> "TrustedKeys":
        """The keys of both."""
        return TrustedKeys.from_pems(key.pem for key in (*self.keys, *other.keys))


def signer_ids(envelope: bytes) -> tuple[str, ...]:
    """The key ids an envelope names: hints about who signed, not proof.

    Raises:
        IntegrityError: not a DSSE envelope.
    """
    return _signer_ids(parsed(envelope))


def _signer_ids(envelope: Json) -> tuple[str, ...]:
    match envelope:
        case {"payload": str(), "payloadType": str(), "signatures": [_, *_] as signatures}:
            return tuple(map(_named_key, signatures))
        case _:
            raise _no_envelope("JSON of another shape")


def unverified_payload(envelope: bytes) -> bytes:
    """The payload of a DSSE envelope, signed by anyone or no one: good for a refusal, never for a permission.

    Raises:
        IntegrityError: not a DSSE envelope.
    """
    return _opened(parsed(envelope)).payload


def is_canonical_envelope(envelope: bytes) -> bool:
    """Whether an envelope is written the one way we write it, so that not one of its bytes is free to change.

    Raises:
        IntegrityError: not a DSSE envelope.
    """
    return canonical_bytes(_opened(parsed(envelope)).to_dict()) == envelope


def verified_payload(
    envelope: bytes, trusted: TrustedKeys, *, payload_type: str = STATEMENT_PAYLOAD_TYPE
) -> bytes:
    """The payload of a DSSE envelope that a trusted key signed, byte for byte as it was signed.

    Args:
        envelope: the envelope's bytes.
        trusted: keys from outside the envelope.
        payload_type: the type the payload must have been signed as.

    Raises:
        UntrustedSigner: no signature names a trusted key.
        BadSignature: a signature names a trusted key but does not fit the bytes.
        IntegrityError: not an envelope, or a payload of another type.
    """
    from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
    from securesystemslib.signer import (
        SSlibKey,  # pyright: ignore[reportPrivateImportUsage] - documented, but left out of __all__
    )

    plain = parsed(envelope)
    named = _signer_ids(plain)
    sealed = _opened(plain)
    candidates = [key for key in trusted.keys if key.key_id in named]
    if not candidates:
        raise UntrustedSigner(
            found=f"a signature by {', '.join(name[:16] for name in named)}",
            expected="a signature by a trusted key",
            remedy="Get the signer's public key from someone you trust, outside this file, then pass --key",
        )
    keys = [SSlibKey.from_crypto(_crypto_key(key.pem), key.key_id) for key in candidates]
    try:
        sealed.verify(list(keys), 1)
    except (VerificationError, UnverifiedSignatureError) as error:
        raise BadSignature(
            found=f"a signature by {candidates[0].key_id[:16]} that does not fit the signed bytes",
            expected="bytes unchanged since they were signed",
            remedy="Treat the file as tampered with: get it again from its source",
        ) from error
    if sealed.payload_type != payload_type:
        raise _no_envelope(f"a payload of type {sealed.payload_type!r}, not {payload_type!r}")
    return sealed.payload


def verified_statement(envelope: bytes, trusted: TrustedKeys, *, predicate_type: str) -> Statement:
    """The statement of one kind in an envelope that a trusted key signed.

    Raises:
        UntrustedSigner: no signature names a trusted key.
        BadSignature: the bytes were changed after signing.
        IntegrityError: not an envelope, or a statement of another kind.
    """
    return statement_from(verified_payload(envelope, trusted), predicate_type=predicate_type)


def _opened(envelope: Json) -> "Envelope":
    from securesystemslib.dsse import Envelope

    _signer_ids(envelope)
    try:
        # `from_dict` empties the mapping it is given.
        return Envelope.from_dict(dict(cast("Mapping[str, object]", envelope)))
    except (ValueError, KeyError, TypeError) as error:
        raise _no_envelope(str(error)) from error


def _crypto_key(pem: bytes) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise _no_public_key(f"a {type(key).__name__}")
    return key


def _named_key(signature: Json) -> str:
    match signature:
        case {"keyid": str(key_id), "sig": str()}:
            return key_id
        case _:
            raise _no_envelope("a signature without keyid and sig")


def _no_envelope(found: str) -> IntegrityError:
    return IntegrityError(
        found=f"no usable DSSE envelope ({found})",
        expected="a DSSE envelope with payload, payloadType and signatures",
        remedy="Get the file again from its source",
    )


def _no_public_key(found: str) -> CallerMistake:
    return CallerMistake(
        found=found,
        expected="an ed25519 public key as PEM",
        remedy="Give the signer's .pub file, which lies beside the signing key",
    )
