"""Prints tags.json and retry_ids.json, computed with Python's standard library alone and no code of this crate.

    python3 vectors.py tags > tags.json
    python3 vectors.py retry_ids > retry_ids.json
"""

import hashlib
import json
import struct
import sys
import uuid

LOG = [
    ("job:created:v1", '{"job":"7","kind":"search"}'),
    ("search:result:v1", '{"job":"7","index":0,"title":"Grüße 🚂"}'),
    ("search:result:v1", '{"job":"7","index":0,"title":"Grüße 🚂"}'),
    ("", ""),
    ("job:completed:v1", '{"job":"7","kind":"search"}'),
]

IDS = ["0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80", "00000000-0000-0000-0000-000000000000"]


def tags():
    tag = bytes(8)
    entries = []
    for name, payload in LOG:
        data = tag
        for part in (name.encode(), payload.encode()):
            data += struct.pack(">I", len(part)) + part
        tag = hashlib.sha256(data).digest()[:8]
        entries.append({"name": name, "payload": payload, "tag": tag.hex()})
    return {"start": bytes(8).hex(), "entries": entries}


def retry_ids():
    # RFC 9562 section 5.5: SHA-1 over the namespace (the old id) and the name (the attempt, 4 bytes, big-endian).
    vectors = []
    for old in IDS:
        for attempt in (1, 2, 4294967295):
            digest = hashlib.sha1(uuid.UUID(old).bytes + struct.pack(">I", attempt)).digest()[:16]
            new = bytearray(digest)
            new[6] = new[6] & 0x0F | 0x50
            new[8] = new[8] & 0x3F | 0x80
            vectors.append({"id": old, "attempt": attempt, "retry": str(uuid.UUID(bytes=bytes(new)))})
    return vectors


print(json.dumps({"tags": tags, "retry_ids": retry_ids}[sys.argv[1]](), indent=2, ensure_ascii=False))
