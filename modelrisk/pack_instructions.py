"""What a pack says about itself: how to check it with nothing but Python and one library.

What does not belong here: the checks this package makes (`modelrisk.packs`).
"""

TEXT = """\
# How to check this evidence pack

This file is an ordinary zip archive, without compression. It holds one signed decision about one model
version and everything the decision rests on:

| member | what it is |
|---|---|
| `decision.dsse.json` | the decision record, an in-toto statement in a signed DSSE envelope |
| `stages/**.json` | what each stage measured; the record names the digest of each |
| `predictions.parquet` | row number, label, prediction, score and groups; its digest is in the record |
| `card.html`, `card.md` | the model card, for people |
| `datasheets/*` | what the data sets are, if they could be read: for people, and as Croissant for machines |
| `manifest.json` | the digest of every member above, of this text and of the key |
| `manifest.dsse.json` | the manifest, signed |
| `keys/signer.pub` | the signer's public key, **which proves nothing here** |

## Whom to trust

Anyone can make a pack and sign it with a key of their own. Get the signer's public key from someone you
trust, on another way than this file, and check against that one. If all you have is the key inside, you know
that the pack holds together, and not who made it.

## With this package

    model-risk verify PACK --key SIGNER.pub

It also computes every printed bound again from its inputs, and counts the headline numbers again from the
predictions.

## With Python and `cryptography` alone

Save the following as `verify.py` and run `python verify.py PACK SIGNER.pub`.

```python
import base64
import hashlib
import json
import sys
import zipfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

pack, trusted = sys.argv[1:]
with open(trusted, "rb") as file:
    key = load_pem_public_key(file.read())


def broken(reason):
    sys.exit(f"NOT VERIFIED: {reason}")


def signed_bytes(name, data):
    envelope = json.loads(data)
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    for signature in envelope["signatures"]:
        try:
            key.verify(base64.b64decode(signature["sig"]), message)
        except InvalidSignature:
            continue
        return payload
    return broken(f"{name} is not signed by the trusted key, or was altered")


with zipfile.ZipFile(pack) as archive:
    members = archive.infolist()
    if any(member.compress_type for member in members) or len({m.filename for m in members}) < len(members):
        broken("a member is compressed or stands twice")
    if sum(member.file_size for member in members) > 2**32:
        broken("it claims more than 4 GiB")
    files = {member.filename: archive.read(member) for member in members}

manifest = signed_bytes("manifest.dsse.json", files.pop("manifest.dsse.json"))
if manifest != files.pop("manifest.json"):
    broken("manifest.json is not what was signed")
expected = json.loads(manifest)["files"]
found = {name: "sha256:" + hashlib.sha256(data).hexdigest() for name, data in files.items()}
for name in sorted({*expected, *found}):
    if expected.get(name) != found.get(name):
        broken(f"{name} was altered, added or removed")

statement = json.loads(signed_bytes("decision.dsse.json", files["decision.dsse.json"]))
if statement["predicateType"] != "urn:model-risk:decision:v1":
    broken("the signed statement is not a decision")
record = statement["predicate"]
named = {f"stages/{stage}.json": digest for stage, digest in record["evidence"].items()}
if record["predictions"]:
    named["predictions.parquet"] = record["predictions"]
held = {name for name in found if name.startswith("stages/") or name == "predictions.parquet"}
for name in sorted({*named, *held}):
    if named.get(name) != found.get(name):
        broken(f"{name} is not what the signed record names")

print(f"VERIFIED: {record['model']} is {record['verdict']}, decided at {record['decided_at']}")
```

It exits with 0 only if every digest and both signatures hold.
"""
