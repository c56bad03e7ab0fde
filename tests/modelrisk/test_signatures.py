import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake, IntegrityError
from modelrisk.evidence import canonical_bytes, digest
from modelrisk.signatures import (
    STATEMENT_PAYLOAD_TYPE,
    BadSignature,
    PublicKey,
    Subject,
    TrustedKeys,
    UntrustedSigner,
    is_canonical_envelope,
    statement_bytes,
    statement_from,
    verified_payload,
    verified_statement,
)
from resources.signer import KeyFile

KIND = "urn:model-risk:decision:v1"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("keys") / "signing.pem")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("strange") / "signing.pem")


def statement() -> bytes:
    subjects = [Subject("loan-default@3", digest(b"model"))]
    return statement_bytes(subjects=subjects, predicate_type=KIND, predicate={"verdict": "refused"})


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_the_payload_comes_back_byte_for_byte(signer: KeyFile, payload: bytes) -> None:
    envelope = signer.sign("application/x", payload)
    assert verified_payload(envelope, signer.trusted, payload_type="application/x") == payload
    assert is_canonical_envelope(envelope)


def test_a_statement_is_read_beside_the_bytes_that_were_signed(signer: KeyFile) -> None:
    payload = statement()
    found = verified_statement(
        signer.sign(STATEMENT_PAYLOAD_TYPE, payload), signer.trusted, predicate_type=KIND
    )
    assert found.payload == payload
    assert found.digest == digest(payload)
    assert found.subjects == (Subject("loan-default@3", digest(b"model")),)
    assert found.predicate == {"verdict": "refused"}
    assert json.loads(payload)["_type"] == "https://in-toto.io/Statement/v1"


def test_a_payload_that_is_not_canonical_is_verified_as_it_stands(signer: KeyFile) -> None:
    payload = json.dumps(json.loads(statement()), indent=3).encode()
    envelope = signer.sign(STATEMENT_PAYLOAD_TYPE, payload)
    assert verified_statement(envelope, signer.trusted, predicate_type=KIND).payload == payload


def test_a_foreign_key_is_untrusted_not_merely_wrong(signer: KeyFile, stranger: KeyFile) -> None:
    envelope = stranger.sign(STATEMENT_PAYLOAD_TYPE, statement())
    with pytest.raises(UntrustedSigner):
        verified_payload(envelope, signer.trusted)
    with pytest.raises(UntrustedSigner):
        verified_payload(envelope, TrustedKeys())


def test_a_foreign_signature_under_a_trusted_name_is_a_bad_signature(
    signer: KeyFile, stranger: KeyFile
) -> None:
    envelope = json.loads(stranger.sign(STATEMENT_PAYLOAD_TYPE, statement()))
    envelope["signatures"][0]["keyid"] = signer.key_id
    with pytest.raises(BadSignature):
        verified_payload(canonical_bytes(envelope), signer.trusted)


def test_one_changed_byte_of_the_payload_is_a_bad_signature(signer: KeyFile) -> None:
    envelope = json.loads(signer.sign(STATEMENT_PAYLOAD_TYPE, statement()))
    changed = statement().replace(b"refused", b"refuser")
    envelope["payload"] = base64.b64encode(changed).decode()
    with pytest.raises(BadSignature):
        verified_payload(canonical_bytes(envelope), signer.trusted)


def test_every_flipped_byte_of_an_envelope_is_refused(signer: KeyFile) -> None:
    envelope = signer.sign(STATEMENT_PAYLOAD_TYPE, b"{}")
    for place in range(len(envelope)):
        flipped = bytearray(envelope)
        flipped[place] ^= 1
        try:
            held = is_canonical_envelope(bytes(flipped))
            verified_payload(bytes(flipped), signer.trusted)
        except IntegrityError:
            continue
        assert not held, f"byte {place} can be flipped unseen"


def test_a_signed_checkpoint_does_not_pass_for_a_statement(signer: KeyFile) -> None:
    envelope = signer.sign("application/vnd.model-risk.checkpoint+json", statement())
    with pytest.raises(IntegrityError, match="payload of type"):
        verified_payload(envelope, signer.trusted)


def test_a_statement_of_another_kind_is_refused(signer: KeyFile) -> None:
    with pytest.raises(IntegrityError, match="urn:model-risk:decision:v1"):
        statement_from(statement(), predicate_type="urn:model-risk:waiver:v1")


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"[]",
        b'{"_type":"x","subject":[],"predicateType":"urn:model-risk:decision:v1","predicate":{}}',
        statement().replace(b'"sha256"', b'"sha1"'),
        statement().replace(digest(b"model").removeprefix("sha256:").encode(), b"00"),
    ],
)
def test_what_is_no_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(IntegrityError):
        statement_from(payload, predicate_type=KIND)


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{}",
        b"null",
        b'{"payload":"","payloadType":"x","signatures":[]}',
        b'{"payload":"","payloadType":"x","signatures":[{"sig":""}]}',
        b'{"payload":"!","payloadType":"x","signatures":[{"sig":"","keyid":"a"}]}',
        b'{"payload":"","payloadType":"x","signatures":[{"sig":"","keyid":"a"},{"sig":"","keyid":"a"}]}',
    ],
)
def test_what_is_no_envelope_is_refused(envelope: bytes, signer: KeyFile) -> None:
    with pytest.raises(IntegrityError):
        verified_payload(envelope, signer.trusted)


def test_a_second_foreign_signature_does_no_harm(signer: KeyFile, stranger: KeyFile) -> None:
    ours = json.loads(signer.sign(STATEMENT_PAYLOAD_TYPE, statement()))
    theirs = json.loads(stranger.sign(STATEMENT_PAYLOAD_TYPE, statement()))
    ours["signatures"] = theirs["signatures"] + ours["signatures"]
    assert verified_payload(canonical_bytes(ours), signer.trusted) == statement()


def test_a_key_of_another_kind_is_refused_as_trusted() -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    other = generate_private_key(SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(CallerMistake, match="ed25519"):
        PublicKey.from_pem(pem)
    with pytest.raises(CallerMistake, match="PEM"):
        PublicKey.from_pem(b"not a key")


def test_trusting_the_same_key_twice_is_trusting_it_once(signer: KeyFile, stranger: KeyFile) -> None:
    both = signer.trusted.and_also(stranger.trusted).and_also(signer.trusted)
    assert both.key_ids == {signer.key_id, stranger.key_id}
    assert len(both.keys) == 2


def test_a_key_is_named_by_the_digest_of_its_der_form(signer: KeyFile, tmp_path: Path) -> None:
    import hashlib

    body = signer.public_key.pem.decode().splitlines()[1:-1]
    assert signer.key_id == hashlib.sha256(base64.b64decode("".join(body))).hexdigest()
