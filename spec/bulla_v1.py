#!/usr/bin/env python3
"""The bulla token format, version 1: reference implementation and test vectors.

Written from ``bulla-v1.md`` alone and in the same order; every function names the
section that it follows ("spec 7" is section 7). It is for reading and for comparison
with other implementations, not for production: the time to decode a key or a token
depends on its content.

As a module:

    ring = Ring.parse(open("ring", "rb").read())
    token = seal(ring, b"shop.example/reset-link", b"account 4711", now=now, lifetime=900)
    opened = open_sealed(token, ring, b"shop.example/reset-link", now=now, schemas=[1])

If a token is refused, the reader raises ``Refused`` with the name of the failed
step of spec 7. As a command, see ``python3 bulla_v1.py --help``.
"""

from __future__ import annotations

import argparse
import base64
import calendar
import hashlib
import hmac
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha20poly1305_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha20poly1305_encrypt,
)
from nacl.exceptions import CryptoError

LAST_SECOND = 253_402_300_799
LONGEST_TOKEN = 8_192
SECONDS_AHEAD = 60
NEWEST_SCHEMA = 2**32 - 1

KEY_LENGTH = 32
KEY_ID_LENGTH = 4
NONCE_LENGTH = 24
TAG_LENGTH = 16
MAC_LENGTH = 32

SEALED = "sealed"
SIGNED = "signed"
PREFIX = {SEALED: "b1.", SIGNED: "s1."}
SHORTEST = {SEALED: 48, SIGNED: 40}


class Malformed(ValueError):
    """Bytes or text that are malformed."""


class CannotMake(ValueError):
    """The maker must not or cannot make a token (spec 4 to 6)."""


class Refused(Exception):
    """A reader refuses a token. ``name`` is that of the failed step (spec 7)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class KeyRefused(Exception):
    """A key is refused (spec 3). ``name`` is that of ``key-text.json`` (spec 10)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class RingRefused(Exception):
    """A ring text is refused (spec 8). ``line`` has the fault; 0 means the text as a whole."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line


# --- 2. Conventions ---------------------------------------------------------------------


def to_base64url(data: bytes) -> str:
    """Encodes bytes as base64url without padding (spec 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Decodes base64url in the only encoding that spec 2 allows."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise Malformed("not base64url without padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(data) != text:
        raise Malformed("the trailing bits are not zero")
    return data


def to_varint(number: int) -> bytes:
    """Encodes varint(number) (spec 2)."""
    if not 0 <= number < 2**64:
        raise CannotMake("the number does not fit 64 bits")
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def take_varint(data: bytes) -> tuple[int, bytes]:
    """Returns the varint at the start of ``data`` and the bytes after it (spec 2)."""
    number = 0
    for index, byte in enumerate(data[:10]):
        number |= (byte & 0x7F) << (7 * index)
        if byte & 0x80:
            continue
        if byte == 0 and index > 0:
            raise Malformed("the varint is longer than needed")
        if number >= 2**64:
            raise Malformed("the varint does not fit 64 bits")
        return number, data[index + 1 :]
    raise Malformed("the varint has no end")


def hkdf(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF(key, info, length) (spec 2): RFC 5869 with SHA-256 and no salt."""
    pseudorandom_key = hmac.digest(bytes(32), key, "sha256")
    output = block = b""
    counter = 0
    while len(output) < length:
        counter += 1
        block = hmac.digest(pseudorandom_key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


# --- 3. Keys ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A key of 32 uniformly random bytes, and the values derived from it (spec 3)."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_LENGTH:
            raise KeyRefused("malformed")

    @property
    def id(self) -> bytes:
        return hkdf(self.secret, b"bulla/1/key-id", KEY_ID_LENGTH)

    def sealing_key(self, purpose: bytes) -> bytes:
        return hkdf(self.secret, b"bulla/1/seal\0" + checked_purpose(purpose), 32)

    def signing_key(self, purpose: bytes) -> bytes:
        return hkdf(self.secret, b"bulla/1/sign\0" + checked_purpose(purpose), 32)

    def text(self) -> str:
        """The key text of spec 3.1."""
        return f"bulla-key-1.{to_base64url(self.secret)}.{self.id.hex()}"

    @classmethod
    def parse(cls, text: str, *, allow_example_keys: bool = False) -> Key:
        """Reads a key text. Raises ``KeyRefused`` as spec 3.1 and 3.2 require."""
        shape = re.fullmatch(r"bulla-key-1\.([A-Za-z0-9_-]{43})\.([0-9a-f]{8})", text)
        if not shape:
            raise KeyRefused("malformed")
        try:
            key = cls(from_base64url(shape[1]))
        except Malformed:
            raise KeyRefused("malformed") from None
        if key.id.hex() != shape[2]:
            raise KeyRefused("id-mismatch")
        if has_low_entropy(key.secret):
            raise KeyRefused("low-entropy")
        if key in EXAMPLE_KEYS and not allow_example_keys:
            raise KeyRefused("example-key")
        return key


def checked_purpose(purpose: bytes) -> bytes:
    """Returns the purpose if spec 3 allows it. The bytes after 00 are not checked."""
    stem = purpose.split(b"\0", 1)[0]
    if not 1 <= len(stem) <= 255 or not all(0x21 <= byte <= 0x7E for byte in stem):
        raise ValueError("a purpose is 1 to 255 bytes, each from 0x21 to 0x7E")
    return purpose


def has_low_entropy(secret: bytes) -> bool:
    """Whether rule 1, 2 or 3 of spec 3.2 refuses the key."""
    differences = {(after - before) % 256 for before, after in zip(secret, secret[1:])}
    return (
        len(set(secret)) < 16
        or len(differences) < 8
        or all(0x20 <= byte <= 0x7E for byte in secret)
    )


def example_key(number: int) -> Key:
    """The example key with this number, 1 to 16 (spec 3.2, rule 4)."""
    return Key(hashlib.sha256(b"bulla/1 example key %d" % number).digest())


EXAMPLE_KEYS = frozenset(example_key(number) for number in range(1, 17))


# --- 4. Token layout --------------------------------------------------------------------


@dataclass(frozen=True)
class Body:
    """The body of a token (spec 4)."""

    issued_at: int
    lifetime: int
    schema: int
    payload: bytes
    padding: bytes = b""

    def encode(self) -> bytes:
        return (
            to_varint(self.issued_at)
            + to_varint(self.lifetime)
            + to_varint(self.schema)
            + to_varint(len(self.payload))
            + self.payload
            + self.padding
        )

    @classmethod
    def decode(cls, data: bytes) -> Body:
        """Decodes a body and checks it (step 7 of spec 7)."""
        issued_at, data = take_varint(data)
        lifetime, data = take_varint(data)
        schema, data = take_varint(data)
        length, data = take_varint(data)
        if length > len(data):
            raise Malformed("the payload ends beyond the body")
        if not 1 <= schema <= NEWEST_SCHEMA:
            raise Malformed("the schema version is out of range")
        if issued_at + lifetime > LAST_SECOND:
            raise Malformed("the token expires after the last second")
        return cls(issued_at, lifetime, schema, data[:length], data[length:])

    def unpadded(self) -> bytes:
        """The body without its padding. A copy in a renewal token has this form (spec 9)."""
        return Body(self.issued_at, self.lifetime, self.schema, self.payload).encode()


def make_body(
    payload: bytes, *, issued_at: int, lifetime: int, schema: int = 1, bucket: int = 1
) -> bytes:
    """Makes a body. Shortens the lifetime if necessary, and pads to the bucket (spec 4)."""
    if not 0 <= issued_at <= LAST_SECOND:
        raise CannotMake("the time of issue is out of range")
    if lifetime < 0:
        raise CannotMake("the lifetime is negative")
    if not 1 <= schema <= NEWEST_SCHEMA:
        raise CannotMake("the schema version is out of range")
    if not 1 <= bucket <= 255:
        raise CannotMake("the bucket is out of range")
    lifetime = min(lifetime, LAST_SECOND - issued_at)
    body = Body(issued_at, lifetime, schema, payload).encode()
    return body + bytes(-len(body) % bucket)


# --- 5. Sealing -------------------------------------------------------------------------


@dataclass(frozen=True)
class SealedToken:
    """The parts of a sealed token (spec 4)."""

    key_id: bytes
    nonce: bytes
    ciphertext: bytes
    tag: bytes

    def encode(self) -> bytes:
        return self.key_id + self.nonce + self.ciphertext + self.tag

    def text(self) -> str:
        return PREFIX[SEALED] + to_base64url(self.encode())


def sealed_associated_data(key_id: bytes) -> bytes:
    """The associated data of spec 5, step 4."""
    return PREFIX[SEALED].encode() + key_id


def seal_body(key: Key, purpose: bytes, nonce: bytes, body: bytes) -> SealedToken:
    """Encrypts a body (steps 4 and 5 of spec 5)."""
    encrypted = xchacha20poly1305_encrypt(
        body, sealed_associated_data(key.id), nonce, key.sealing_key(purpose)
    )
    return SealedToken(key.id, nonce, encrypted[:-TAG_LENGTH], encrypted[-TAG_LENGTH:])


def seal(
    ring: Ring,
    purpose: bytes,
    payload: bytes,
    *,
    now: int,
    lifetime: int,
    schema: int = 1,
    bucket: int = 1,
    nonce: bytes | None = None,
) -> str:
    """Makes a sealed token (spec 5). Only tests pass a nonce."""
    key = primary_key(ring, now)
    nonce = os.urandom(NONCE_LENGTH) if nonce is None else nonce
    body = make_body(payload, issued_at=now, lifetime=lifetime, schema=schema, bucket=bucket)
    return checked_length(seal_body(key, purpose, nonce, body).text())


def primary_key(ring: Ring, now: int) -> Key:
    """Returns the primary key (step 1 of spec 5 and of spec 6)."""
    key = ring.primary_at(now)
    if key is None:
        raise CannotMake("no key of the ring is primary now")
    return key


def checked_length(token: str) -> str:
    """Returns the token, unless it is longer than spec 4 allows."""
    if len(token) > LONGEST_TOKEN:
        raise CannotMake("the token is too long")
    return token


# --- 6. Signing -------------------------------------------------------------------------


@dataclass(frozen=True)
class SignedToken:
    """The parts of a signed token (spec 4)."""

    key_id: bytes
    body: bytes
    mac: bytes

    def encode(self) -> bytes:
        return self.key_id + self.body + self.mac

    def text(self) -> str:
        return PREFIX[SIGNED] + to_base64url(self.encode())


def sign_body(key: Key, purpose: bytes, body: bytes) -> SignedToken:
    """Adds the mac to a body (steps 3 and 4 of spec 6)."""
    return SignedToken(key.id, body, mac_of(key, purpose, body))


def mac_of(key: Key, purpose: bytes, body: bytes) -> bytes:
    """Computes the mac of a body (step 3 of spec 6)."""
    message = PREFIX[SIGNED].encode() + key.id + body
    return hmac.digest(key.signing_key(purpose), message, "sha256")


def sign(
    ring: Ring,
    purpose: bytes,
    payload: bytes,
    *,
    now: int,
    lifetime: int,
    schema: int = 1,
    bucket: int = 1,
) -> str:
    """Makes a signed token (spec 6)."""
    key = primary_key(ring, now)
    body = make_body(payload, issued_at=now, lifetime=lifetime, schema=schema, bucket=bucket)
    return checked_length(sign_body(key, purpose, body).text())


# --- 7. Opening and verifying -----------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """The content of a token that has passed every step of spec 7."""

    key_id: bytes
    issued_at: int
    expires_at: int
    schema: int
    payload: bytes


def open_token(
    mode: str,
    token: str,
    ring: Ring,
    purpose: bytes,
    *,
    now: int,
    schemas: Sequence[int],
    max_lifetime: int | None = None,
    max_length: int = LONGEST_TOKEN,
) -> Opened:
    """Makes steps 1 to 13 of spec 7. The caller decodes the payload (step 14)."""
    raw = read_text(mode, token, max_length)
    entry = find_key(ring, raw)
    body = authenticate(mode, entry.key, purpose, raw)
    fields = read_body(body)
    check_key_opens(entry, now)
    expires_at = check_body(fields, now, schemas, max_lifetime)
    return Opened(entry.key.id, fields.issued_at, expires_at, fields.schema, fields.payload)


def open_sealed(token: str, ring: Ring, purpose: bytes, **reader: Any) -> Opened:
    """Opens a sealed token (spec 7). ``reader`` has the other arguments of ``open_token``."""
    return open_token(SEALED, token, ring, purpose, **reader)


def verify(token: str, ring: Ring, purpose: bytes, **reader: Any) -> Opened:
    """Verifies a signed token (spec 7). ``reader`` has the other arguments of ``open_token``."""
    return open_token(SIGNED, token, ring, purpose, **reader)


def read_text(mode: str, token: str, max_length: int) -> bytes:
    """Decodes the text of a token (steps 1 to 4 of spec 7)."""
    if len(token) > min(max_length, LONGEST_TOKEN):
        raise Refused("too-long")
    if not token.startswith(PREFIX[mode]):
        raise Refused("prefix")
    try:
        raw = from_base64url(token.removeprefix(PREFIX[mode]))
    except Malformed:
        raise Refused("encoding") from None
    if len(raw) < SHORTEST[mode]:
        raise Refused("too-short")
    return raw


def find_key(ring: Ring, raw: bytes) -> Entry:
    """Finds the key of a token (step 5 of spec 7)."""
    entry = ring.get(raw[:KEY_ID_LENGTH])
    if entry is None:
        raise Refused("unknown-key")
    return entry


def authenticate(mode: str, key: Key, purpose: bytes, raw: bytes) -> bytes:
    """Checks the tag or mac (step 6 of spec 7). Returns the body."""
    if mode == SEALED:
        return decrypt(key, purpose, raw)
    return check_mac(key, purpose, raw)


def decrypt(key: Key, purpose: bytes, raw: bytes) -> bytes:
    """Checks the tag of a sealed token and decrypts the body (step 6 of spec 7)."""
    nonce = raw[KEY_ID_LENGTH : KEY_ID_LENGTH + NONCE_LENGTH]
    encrypted = raw[KEY_ID_LENGTH + NONCE_LENGTH :]
    try:
        return xchacha20poly1305_decrypt(
            encrypted, sealed_associated_data(key.id), nonce, key.sealing_key(purpose)
        )
    except CryptoError:
        raise Refused("bad-tag") from None


def check_mac(key: Key, purpose: bytes, raw: bytes) -> bytes:
    """Checks the mac of a signed token and returns the body (step 6 of spec 7)."""
    body, mac = raw[KEY_ID_LENGTH:-MAC_LENGTH], raw[-MAC_LENGTH:]
    if not hmac.compare_digest(mac, mac_of(key, purpose, body)):
        raise Refused("bad-tag")
    return body


def read_body(body: bytes) -> Body:
    """Decodes the body of a token (step 7 of spec 7)."""
    try:
        return Body.decode(body)
    except Malformed:
        raise Refused("malformed-body") from None


def check_key_opens(entry: Entry, now: int) -> None:
    """Checks that the key still opens tokens (step 8 of spec 7)."""
    if not entry.opens_at(now):
        raise Refused("retired-key")


def check_body(
    body: Body, now: int, schemas: Sequence[int], max_lifetime: int | None = None
) -> int:
    """Makes steps 9 to 13 of spec 7. Returns when the token expires for this reader."""
    if body.issued_at > now + SECONDS_AHEAD:
        raise Refused("not-yet-valid")
    lifetime = body.lifetime if max_lifetime is None else min(body.lifetime, max_lifetime)
    expires_at = body.issued_at + lifetime
    if now >= expires_at:
        raise Refused("expired")
    if body.schema > max(schemas):
        raise Refused("newer-schema")
    if body.schema not in schemas:
        raise Refused("retired-schema")
    if any(body.padding):
        raise Refused("padding")
    return expires_at


# --- 8. Key-ring text -------------------------------------------------------------------

LONGEST_RING_TEXT = 65_536
MOST_KEYS = 64


@dataclass(frozen=True)
class Entry:
    """A key of a ring and the times on its line (spec 8)."""

    key: Key
    primary_from: int | None = None
    open_until: int | None = None

    def starts_at(self) -> int:
        return 0 if self.primary_from is None else self.primary_from

    def opens_at(self, now: int) -> bool:
        return self.open_until is None or now < self.open_until


@dataclass(frozen=True)
class Ring:
    """The keys of a ring, in the order of its lines (spec 8)."""

    entries: tuple[Entry, ...]

    def get(self, key_id: bytes) -> Entry | None:
        return next((entry for entry in self.entries if entry.key.id == key_id), None)

    def primary_at(self, now: int) -> Key | None:
        """The primary key (spec 8). If several keys have the same start, the first is primary."""
        able = [e for e in self.entries if e.starts_at() <= now and e.opens_at(now)]
        return max(able, key=Entry.starts_at).key if able else None

    @classmethod
    def parse(cls, text: bytes, *, allow_example_keys: bool = False) -> Ring:
        """Reads a ring text. Raises ``RingRefused`` as spec 8 requires."""
        entries: dict[bytes, Entry] = {}
        for number, line in enumerate(ring_lines(text), start=1):
            if entry := parse_ring_line(number, line, allow_example_keys):
                if len(entries) == MOST_KEYS:
                    raise RingRefused(number, f"the ring holds {MOST_KEYS} keys already")
                if entry.key.id in entries:
                    raise RingRefused(number, "the ring holds this key id already")
                entries[entry.key.id] = entry
        if not entries:
            raise RingRefused(0, "the ring holds no key")
        return cls(tuple(entries.values()))


def ring_lines(text: bytes) -> list[str]:
    """Splits a ring text into lines (spec 8). LF, CRLF and ``;`` end a line."""
    if len(text) > LONGEST_RING_TEXT:
        raise RingRefused(0, "the text is too long")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        number = 1 + len(re.findall(rb"[\n;]", text[: error.start]))
        raise RingRefused(number, "the text is not UTF-8") from None
    if decoded.startswith("\ufeff"):
        raise RingRefused(1, "the text begins with a byte order mark")
    return re.split(r"\r\n|\n|;", decoded)


def parse_ring_line(number: int, line: str, allow_example_keys: bool) -> Entry | None:
    """Returns the entry of a line of a ring text, or None if the line has no key (spec 8)."""
    words = line.split("#", 1)[0].strip(" \t")
    if not words:
        return None
    key_text, *attributes = re.split(r"[ \t]+", words)
    try:
        key = Key.parse(key_text, allow_example_keys=allow_example_keys)
        times = parse_attributes(attributes)
    except KeyRefused as refusal:
        raise RingRefused(number, f"the key is refused as {refusal.name}") from None
    except Malformed as fault:
        raise RingRefused(number, str(fault)) from None
    entry = Entry(key, times.get("primary-from"), times.get("open-until"))
    if not entry.opens_at(entry.starts_at()):
        raise RingRefused(number, "open-until is not after primary-from")
    return entry


def parse_attributes(words: Iterable[str]) -> dict[str, int]:
    """The attributes of an entry (spec 8)."""
    times: dict[str, int] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in ("primary-from", "open-until"):
            raise Malformed("there is something else than an attribute after the key")
        if name in times:
            raise Malformed("an attribute is repeated")
        times[name] = parse_instant(value)
    return times


def parse_instant(text: str) -> int:
    """The Unix time of an ``instant`` (spec 8)."""
    shape = r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z"
    fields = re.fullmatch(shape, text)
    if not fields:
        raise Malformed("a time is malformed")
    try:
        year, month, day, hour, minute, second = map(int, fields.groups())
        instant = datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise Malformed("a time does not exist") from None
    if instant.year < 1970:
        raise Malformed("a time is before 1970")
    return calendar.timegm(instant.timetuple())


# --- 9. Sessions ------------------------------------------------------------------------

SESSION_BUCKET = 32
SESSION_ID_LENGTH = 16
MARK_LENGTH = 8
FINGERPRINT_LENGTH = 16
BOUND_LENGTH = 33
BEARER_CHANNEL = b"bearer"


def cookie_channel(cookie_name: str) -> bytes:
    """The channel of a session whose state cookie has this name (spec 9)."""
    return b"cookie\0" + cookie_name.encode()


def state_purpose(purpose: bytes, channel: bytes) -> bytes:
    """The purpose of a state token (spec 9)."""
    return purpose + b"\0state\0" + channel


def renewal_purpose(purpose: bytes, channel: bytes) -> bytes:
    """The purpose of a renewal token (spec 9)."""
    return purpose + b"\0renewal\0" + channel


def sealed_cookie_purpose(purpose: bytes, cookie_name: str) -> bytes:
    """The purpose of the token of a sealed cookie (spec 9.4)."""
    return purpose + b"\0" + cookie_channel(cookie_name)


CEILING, ORIGIN, ENDED_OTHERS, FOLLOWS, REMEMBERED, BOUND = 1, 2, 4, 8, 16, 32
MOST_FOLLOWS = 32


@dataclass(frozen=True)
class EndedOthers:
    """The revocation by which a session ended the other sessions of its subject (spec 9)."""

    before: int
    mark: bytes


@dataclass(frozen=True)
class Followed:
    """A revocation that was known when a session started (spec 9)."""

    origin: bytes
    before: int
    mark: bytes


@dataclass(frozen=True)
class StatePayload:
    """The payload of a state token (spec 9). An absent field is None."""

    session_id: bytes
    started_at: int
    reauthenticated_at: int
    ceiling: int | None
    origin: bytes | None
    ended_others: EndedOthers | None
    follows: tuple[Followed, ...]
    remembered: bool
    bound: bytes | None
    state: bytes

    def encode(self) -> bytes:
        optional = {CEILING: b"", ORIGIN: b"", ENDED_OTHERS: b"", FOLLOWS: b"", BOUND: b""}
        if self.ceiling is not None:
            optional[CEILING] = to_varint(self.ceiling)
        if self.origin is not None:
            optional[ORIGIN] = self.origin
        if self.ended_others is not None:
            optional[ENDED_OTHERS] = to_varint(self.ended_others.before) + self.ended_others.mark
        if self.follows:
            optional[FOLLOWS] = to_varint(len(self.follows)) + b"".join(
                followed.origin + to_varint(followed.before) + followed.mark
                for followed in self.follows
            )
        if self.bound is not None:
            optional[BOUND] = self.bound
        return (
            self.session_id
            + to_varint(self.started_at)
            + to_varint(self.reauthenticated_at)
            + to_varint(
                sum(bit for bit, field in optional.items() if field)
                + (REMEMBERED if self.remembered else 0)
            )
            + b"".join(optional.values())
            + self.state
        )

    @classmethod
    def decode(cls, payload: bytes) -> StatePayload:
        try:
            session_id, rest = take_bytes(payload, SESSION_ID_LENGTH)
            started_at, rest = take_varint(rest)
            reauthenticated_at, rest = take_varint(rest)
            fields, rest = take_varint(rest)
            if fields > CEILING | ORIGIN | ENDED_OTHERS | FOLLOWS | REMEMBERED | BOUND:
                raise Malformed
            ceiling = origin = ended_others = bound = None
            follows = []
            if fields & CEILING:
                ceiling, rest = take_varint(rest)
            if fields & ORIGIN:
                origin, rest = take_bytes(rest, SESSION_ID_LENGTH)
            if fields & ENDED_OTHERS:
                before, rest = take_varint(rest)
                mark, rest = take_bytes(rest, MARK_LENGTH)
                ended_others = EndedOthers(before, mark)
            if fields & FOLLOWS:
                count, rest = take_varint(rest)
                if not 1 <= count <= MOST_FOLLOWS:
                    raise Malformed
                for _ in range(count):
                    followed_origin, rest = take_bytes(rest, SESSION_ID_LENGTH)
                    before, rest = take_varint(rest)
                    mark, rest = take_bytes(rest, MARK_LENGTH)
                    follows.append(Followed(followed_origin, before, mark))
            if fields & BOUND:
                bound, rest = take_bytes(rest, BOUND_LENGTH)
        except Malformed:
            raise Refused("payload") from None
        return cls(
            session_id,
            started_at,
            reauthenticated_at,
            ceiling,
            origin,
            ended_others,
            tuple(follows),
            fields & REMEMBERED != 0,
            bound,
            rest,
        )


def take_bytes(octets: bytes, length: int) -> tuple[bytes, bytes]:
    """Returns the first ``length`` octets and the rest."""
    if len(octets) < length:
        raise Malformed
    return octets[:length], octets[length:]


@dataclass(frozen=True)
class StateCopy:
    """The copy in a renewal token, with the fingerprint of the copied state token (spec 9)."""

    fingerprint: bytes
    body: bytes

    @classmethod
    def of(cls, state_token: str, body: bytes) -> StateCopy:
        return cls(fingerprint(state_token), Body.decode(body).unpadded())


@dataclass(frozen=True)
class Proof:
    """What the renewal token of a bound session records (spec 9)."""

    proved_at: int
    bound: bytes

    def encode(self) -> bytes:
        return to_varint(self.proved_at) + self.bound

    @classmethod
    def take(cls, payload: bytes) -> tuple[Proof, bytes]:
        proved_at, rest = take_varint(payload)
        bound, rest = take_bytes(rest, BOUND_LENGTH)
        return cls(proved_at, bound), rest


@dataclass(frozen=True)
class RenewalPayload:
    """The payload of a renewal token (spec 9)."""

    session_id: bytes
    validated_at: int = 0
    proof: Proof | None = None
    copy: StateCopy | None = None

    @property
    def schema(self) -> int:
        """The schema version of the token."""
        return 1 if self.proof is None else 2

    def encode(self) -> bytes:
        start = self.session_id + to_varint(self.validated_at)
        if self.proof is not None:
            start += self.proof.encode()
        if self.copy is None:
            return start
        return start + self.copy.fingerprint + self.copy.body

    @classmethod
    def decode(cls, schema: int, payload: bytes) -> RenewalPayload:
        try:
            session_id, rest = take_bytes(payload, SESSION_ID_LENGTH)
            validated_at, rest = take_varint(rest)
            proof, rest = (None, rest) if schema == 1 else Proof.take(rest)
            if not rest:
                return cls(session_id, validated_at, proof)
            copied, body = take_bytes(rest, FINGERPRINT_LENGTH)
            if not body:
                raise Malformed
        except Malformed:
            raise Refused("payload") from None
        return cls(session_id, validated_at, proof, StateCopy(copied, body))


def fingerprint(state_token: str) -> bytes:
    """The fingerprint of a state token (spec 9)."""
    return hashlib.sha256(state_token.encode("ascii")).digest()[:FINGERPRINT_LENGTH]


# --- 9.2 Pieces -------------------------------------------------------------------------

LONGEST_COOKIE = 4_096
MOST_PIECES = 4
PIECE = re.compile(r"p1\.([0-3])([2-4])\.([A-Za-z0-9_-]{8})\.([A-Za-z0-9_.-]+)")


def piece_names(cookie_name: str) -> list[str]:
    """The names of the four cookies of a split token (spec 9.2)."""
    return [cookie_name] + [f"{cookie_name}-{index}" for index in range(1, MOST_PIECES)]


def piece_digest(token: str) -> str:
    """The digest in the pieces of a token (spec 9.2)."""
    return to_base64url(hashlib.sha256(token.encode("ascii")).digest()[:6])


def split_token(cookie_name: str, token: str) -> dict[str, str]:
    """Splits a token that does not fit one cookie (spec 9.2)."""
    names = piece_names(cookie_name)
    digest = piece_digest(token)
    room = LONGEST_COOKIE - len(names[-1]) - len(f"p1.00.{digest}.")
    chunks = [token[start : start + room] for start in range(0, len(token), max(room, 1))]
    if len(chunks) > MOST_PIECES:
        raise CannotMake("the token does not fit four cookies")
    return {
        name: f"p1.{index}{len(chunks)}.{digest}.{chunk}"
        for index, (name, chunk) in enumerate(zip(names, chunks))
    }


def join_pieces(cookie_name: str, cookies: dict[str, str]) -> str | None:
    """Joins the complete set of pieces among the cookies, if there is one (spec 9.2)."""
    sets: dict[tuple[int, str], dict[int, str]] = {}
    for index, name in enumerate(piece_names(cookie_name)):
        piece = PIECE.fullmatch(cookies.get(name, ""))
        if piece and int(piece[1]) == index:
            sets.setdefault((int(piece[2]), piece[3]), {})[index] = piece[4]
    for (count, digest), chunks in sets.items():
        token = "".join(chunks.get(index, "") for index in range(count))
        if sorted(chunks) == list(range(count)) and piece_digest(token) == digest:
            return token
    return None


# --- 9.5 Bound sessions -----------------------------------------------------------------

CHALLENGE_SCHEMA = 1
SECONDS_TO_SIGN = 120
LONGEST_PROOF = 2_048
PROOF_TYPE = "dbsc+jwt"
DEEPEST_JSON = 8
A_PROOF, NOTHING = 0, 1


def challenge_purpose(purpose: bytes, channel: bytes) -> bytes:
    """The purpose of a challenge (spec 9.5 and 9.6)."""
    return purpose + b"\0challenge\0" + channel


def session_identifier(origin: bytes) -> str:
    """The name that a browser has for a bound session (spec 9.5)."""
    return f"s{origin.hex()}"


def unbound_id(origin: bytes) -> bytes:
    """The id that is revoked with the first proof (spec 9.5)."""
    return bytes(byte ^ 0xFF for byte in origin)


@dataclass(frozen=True)
class ChallengePayload:
    """The payload of a challenge (spec 9.5)."""

    origin: bytes
    asks: int

    def encode(self) -> bytes:
        return self.origin + bytes([self.asks])

    @classmethod
    def decode(cls, payload: bytes) -> ChallengePayload:
        if len(payload) != SESSION_ID_LENGTH + 1 or payload[-1] not in (A_PROOF, NOTHING):
            raise Refused("payload")
        return cls(payload[:-1], payload[-1])


@dataclass(frozen=True)
class SignedProof:
    """The parts of a proof (steps 1 and 2 of spec 9.5)."""

    header: bytes
    claims: bytes
    signature: bytes
    signed: bytes

    @classmethod
    def split(cls, text: str) -> SignedProof:
        if len(text.encode("utf-8", "surrogateescape")) > LONGEST_PROOF:
            raise Refused("too-long")
        try:
            header, claims, signature = (from_base64url(part) for part in text.split("."))
        except ValueError:
            raise Refused("form") from None
        return cls(header, claims, signature, text.rsplit(".", 1)[0].encode())


def json_object(data: bytes, name: str) -> dict[str, Any]:
    """Reads a JSON object (steps 3 and 9 of spec 9.5). ``name`` is that of the step."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise Malformed("two members have the same name")
        return dict(pairs)

    def no_constant(_: str) -> None:
        raise Malformed("NaN and Infinity are not JSON")

    def double(digits: str) -> float:
        if math.isinf(number := float(digits)):
            raise Malformed("too large for a double")
        return number

    def integer(digits: str) -> int:
        double(digits)
        return int(digits)

    try:
        text = data.decode("utf-8")
        read = json.loads(
            text,
            object_pairs_hook=members,
            parse_constant=no_constant,
            parse_float=double,
            parse_int=integer,
        )
    except (ValueError, RecursionError):
        raise Refused(name) from None
    if not isinstance(read, dict) or depth(read) > DEEPEST_JSON or has_half_pair(read):
        raise Refused(name)
    return read


def has_half_pair(value: Any) -> bool:
    """Whether a text in a JSON value has a half of a surrogate pair."""
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return isinstance(value, list) and any(map(has_half_pair, value))


def depth(value: Any) -> int:
    """How many objects and arrays of a JSON value are in each other."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def key_of_jwk(jwk: Any) -> ec.EllipticCurvePublicKey:
    """Reads the key in the header of a proof (step 6 of spec 9.5)."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise Refused("key")
    x, y = jwk.get("x"), jwk.get("y")
    if "d" in jwk or not all(isinstance(text, str) and len(text) == 43 for text in (x, y)):
        raise Refused("key")
    try:
        return public_key(b"\x04" + from_base64url(x) + from_base64url(y))
    except ValueError:
        raise Refused("key") from None


def public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def compressed(key: ec.EllipticCurvePublicKey) -> bytes:
    """The bytes of the field ``bound`` (spec 9)."""
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def verified_proof(text: str, bound: bytes | None) -> tuple[bytes, str]:
    """Makes steps 1 to 11 of spec 9.5. Returns the key and the challenge of a proof. ``bound`` is
    the key of the session, or None if the proof is that of a registration."""
    proof = SignedProof.split(text)
    own = key_in_header(proof, PROOF_TYPE)
    if bound is None and own is None:
        raise Refused("no-key")
    if bound is not None and own is not None and compressed(own) != bound:
        raise Refused("other-key")
    challenge = text_claim(json_object(proof.claims, "claims"), "jti")
    key = own if bound is None else public_key(bound)
    check_signature(key, proof)
    return compressed(key), challenge


def key_in_header(proof: SignedProof, kind: str) -> ec.EllipticCurvePublicKey | None:
    """Makes steps 3 to 6 of spec 9.5. ``kind`` is the ``typ`` of the proof."""
    header = json_object(proof.header, "header")
    if "crit" in header:
        raise Refused("header")
    if header.get("typ") != kind:
        raise Refused("type")
    if header.get("alg") != "ES256":
        raise Refused("algorithm")
    return key_of_jwk(header["jwk"]) if "jwk" in header else None


def text_claim(claims: dict[str, Any], name: str) -> str:
    """A claim that must be a string and not empty."""
    claim = claims.get(name)
    if not isinstance(claim, str) or not claim:
        raise Refused("claim")
    return claim


def check_signature(key: ec.EllipticCurvePublicKey, proof: SignedProof) -> None:
    """Verifies the signature r || s of a proof (step 11 of spec 9.5)."""
    if len(proof.signature) != 64:
        raise Refused("signature")
    r, s = (int.from_bytes(half, "big") for half in (proof.signature[:32], proof.signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), proof.signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise Refused("signature") from None


def check_challenge(
    token: str, ring: Ring, purpose: bytes, origin: bytes, *, proof_lifetime: int, now: int
) -> None:
    """Makes steps 12 to 14 of spec 9.5."""
    challenge, issued_at = open_challenge(token, ring, purpose, now)
    if challenge != ChallengePayload(origin, A_PROOF):
        raise Refused("other-session")
    if now >= issued_at + proof_lifetime + SECONDS_TO_SIGN:
        raise Refused("stale")


def open_challenge(
    token: str, ring: Ring, purpose: bytes, now: int
) -> tuple[ChallengePayload, int]:
    """Opens a challenge. Returns its payload and the time at which it was issued."""
    opened = open_token(SEALED, token, ring, purpose, now=now, schemas=[CHALLENGE_SCHEMA])
    return ChallengePayload.decode(opened.payload), opened.issued_at


# --- 9.6 Bound sessions in headers ------------------------------------------------------

REQUEST_PROOF_TYPE = "dpop+jwt"
NO_SESSION = bytes(SESSION_ID_LENGTH)
DEFAULT_PORTS = {"http": 80, "https": 443}
ADDRESS = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]*))?"
    r"(?:/(?P<path>(?:%[0-9A-Fa-f]{2}|[!-\"$&->@-\[\]-~])*))?"
    r"(?:[?#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
NEEDS_NO_ESCAPE = re.compile("[A-Za-z0-9._~-]")


@dataclass(frozen=True)
class RequestProof:
    """A proof that is signed with the key in its header (steps 3 to 12 of spec 9.6)."""

    key: bytes
    htm: str
    htu: str
    iat: int
    ath: bytes | None
    nonce: str | None
    identifier: bytes

    @classmethod
    def verify(cls, text: str) -> RequestProof:
        proof = SignedProof.split(text)
        key = key_in_header(proof, REQUEST_PROOF_TYPE)
        if key is None:
            raise Refused("no-key")
        claims = json_object(proof.claims, "claims")
        _, htm, htu = (text_claim(claims, name) for name in ("jti", "htm", "htu"))
        iat = time_claim(claims.get("iat"))
        ath = None if "ath" not in claims else hash_claim(claims["ath"])
        nonce = claims.get("nonce", "")
        if not isinstance(nonce, str):
            raise Refused("claim")
        check_signature(key, proof)
        return cls(
            compressed(key), htm, htu, iat, ath,
            nonce if "nonce" in claims else None, hashlib.sha256(proof.signed).digest()[:16],
        )  # fmt: skip


def time_claim(claim: Any) -> int:
    """The claim ``iat`` without its fraction (step 11 of spec 9.6)."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not 0 <= claim < 2**64:
        raise Refused("claim")
    return int(claim)


def hash_claim(claim: Any) -> bytes:
    """The claim ``ath`` (step 11 of spec 9.6)."""
    try:
        digest = from_base64url(claim) if isinstance(claim, str) else b""
    except ValueError:
        raise Refused("claim") from None
    if len(digest) != 32:
        raise Refused("claim")
    return digest


def normal_address(text: str) -> tuple[str, str, int, str] | None:
    """The parts of an address that are compared, or None if it is not an address (spec 9.6)."""
    match = ADDRESS.fullmatch(text)
    if match is None:
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else DEFAULT_PORTS[scheme]
    path = re.sub("%[0-9A-Fa-f]{2}", normal_escape, match["path"] or "")
    return (scheme, host, port, path) if port <= 65_535 else None


def normal_escape(match: re.Match[str]) -> str:
    character = chr(int(match[0][1:], 16))
    return character if NEEDS_NO_ESCAPE.fullmatch(character) else match[0].upper()


@dataclass(frozen=True)
class Request:
    """A request with a proof, as a server with settings for bound sessions in headers sees it."""

    method: str
    target: str
    authorization: str | None
    proofs: Sequence[str]


@dataclass(frozen=True)
class HeaderSettings:
    """The settings of a server for bound sessions in headers (spec 9.6)."""

    ring: Ring
    purpose: bytes
    addresses: Sequence[str]
    proof_lifetime: int

    def is_for(self, proof: RequestProof, request: Request) -> bool:
        """Step 13 of spec 9.6."""
        if not request.target.startswith("/") or proof.htm != request.method:
            return False
        targets = [address.rstrip("/") + request.target for address in self.addresses]
        own = normal_address(proof.htu)
        return own is not None and own in map(normal_address, targets)

    def check(
        self, request: Request, used: Sequence[bytes], now: int, *, signs_in: bool
    ) -> tuple[RequestProof, int]:
        """Makes the steps of spec 9.6. Returns the proof and the time from which it counts."""
        token, session = (None, None) if signs_in else self.open_session(request, now)
        if len(request.proofs) != 1:
            raise Refused("two-proofs")
        proof = RequestProof.verify(request.proofs[0])
        if not self.is_for(proof, request):
            raise Refused("other-request")
        if session is not None and proof.key != session.bound:
            raise Refused("other-key")
        if token is not None and proof.ath != hashlib.sha256(token.encode()).digest():
            raise Refused("other-token")
        proved_at = self.check_challenge(proof, session, now)
        if proof.identifier in used:
            raise Refused("used")
        return proof, proved_at

    def open_session(self, request: Request, now: int) -> tuple[str, StatePayload]:
        """Opens the session of a request with a proof, and makes step 1 of spec 9.6."""
        scheme, _, token = (request.authorization or "").partition(" ")
        purpose = state_purpose(self.purpose, BEARER_CHANNEL)
        opened = open_token(SEALED, token, self.ring, purpose, now=now, schemas=[1])
        session = StatePayload.decode(opened.payload)
        if (scheme.lower() == "dpop") != (session.bound is not None):
            raise Refused("scheme")
        return token, session

    def check_challenge(
        self, proof: RequestProof, session: StatePayload | None, now: int
    ) -> int:
        """Makes steps 16 to 20 of spec 9.6. Returns the time from which the proof counts."""
        if proof.nonce is None:
            if session is not None or abs(now - proof.iat) > SECONDS_AHEAD:
                raise Refused("no-challenge")
            return min(proof.iat, now)
        purpose = challenge_purpose(self.purpose, BEARER_CHANNEL)
        challenge, issued_at = open_challenge(proof.nonce, self.ring, purpose, now)
        if challenge.asks != A_PROOF:
            raise Refused("other-session")
        if now >= issued_at + self.proof_lifetime:
            raise Refused("stale")
        if session is not None and challenge.origin != (session.origin or session.session_id):
            raise Refused("other-session")
        return issued_at


# --- 10. Vectors: answers -----------------------------------------------------------------
#
# For each file of vectors, a function computes all fields of a vector from its input fields.
# These functions check all vectors and make most of them.

Vector = dict[str, Any]


def answer_keys(vector: Vector) -> Vector:
    """A vector of keys.json (spec 3)."""
    key = Key(bytes.fromhex(vector["key"]))
    purposes = [bytes.fromhex(entry["purpose"]) for entry in vector["purposes"]]
    return {
        "key": key.secret.hex(),
        "key_id": key.id.hex(),
        "text": key.text(),
        "purposes": [
            {
                "purpose": purpose.hex(),
                "sealing_key": key.sealing_key(purpose).hex(),
                "signing_key": key.signing_key(purpose).hex(),
            }
            for purpose in purposes
        ],
    }


def answer_key_text(vector: Vector) -> Vector:
    """A vector of key-text.json (spec 3.1 and 3.2)."""
    text = {"text": vector["text"]}
    try:
        key = Key.parse(vector["text"])
    except KeyRefused as refusal:
        return text | {"expect": refusal.name}
    return text | {"expect": "ok", "key": key.secret.hex(), "key_id": key.id.hex()}


def answer_seal(vector: Vector) -> Vector:
    """A vector of seal.json (spec 5). ``lifetime`` is the requested lifetime."""
    key, purpose, body = made_from(vector)
    token = seal_body(key, purpose, bytes.fromhex(vector["nonce"]), body)
    return {
        **{name: vector[name] for name in SEAL_INPUTS},
        "key_id": token.key_id.hex(),
        "sealing_key": key.sealing_key(purpose).hex(),
        "body": body.hex(),
        "ad": sealed_associated_data(token.key_id).hex(),
        "ciphertext": token.ciphertext.hex(),
        "tag": token.tag.hex(),
        "token": checked_length(token.text()),
    }


def answer_sign(vector: Vector) -> Vector:
    """A vector of sign.json (spec 6). ``lifetime`` is the requested lifetime."""
    key, purpose, body = made_from(vector)
    token = sign_body(key, purpose, body)
    return {
        **{name: vector[name] for name in SIGN_INPUTS},
        "key_id": token.key_id.hex(),
        "signing_key": key.signing_key(purpose).hex(),
        "body": body.hex(),
        "mac": token.mac.hex(),
        "token": checked_length(token.text()),
    }


SIGN_INPUTS = ("key", "purpose", "issued_at", "lifetime", "schema", "bucket", "payload")
SEAL_INPUTS = ("key", "purpose", "nonce", "issued_at", "lifetime", "schema", "bucket", "payload")


def made_from(vector: Vector) -> tuple[Key, bytes, bytes]:
    """Key, purpose and body of a vector of seal.json or sign.json."""
    body = make_body(
        bytes.fromhex(vector["payload"]),
        issued_at=vector["issued_at"],
        lifetime=vector["lifetime"],
        schema=vector["schema"],
        bucket=vector["bucket"],
    )
    return Key(bytes.fromhex(vector["key"])), bytes.fromhex(vector["purpose"]), body


OPEN_INPUTS = (
    "mode", "ring", "purpose", "now", "max_lifetime", "max_length", "schemas", "token",
)  # fmt: skip


def answer_open(vector: Vector) -> Vector:
    """A vector of open.json (spec 7)."""
    return {name: vector[name] for name in OPEN_INPUTS} | open_fields(vector)


def open_fields(vector: Vector) -> Vector:
    """The result of a reader for the input of a vector of open.json (spec 7)."""
    try:
        opened = open_token(
            vector["mode"],
            vector["token"],
            Ring.parse(vector["ring"].encode(), allow_example_keys=True),
            bytes.fromhex(vector["purpose"]),
            now=vector["now"],
            schemas=vector["schemas"],
            max_lifetime=vector["max_lifetime"],
            max_length=vector["max_length"],
        )
    except Refused as refusal:
        return {"expect": refusal.name}
    return {"expect": "ok"} | opened_fields(opened)


def opened_fields(opened: Opened) -> Vector:
    return {
        "key_id": opened.key_id.hex(),
        "issued_at": opened.issued_at,
        "expires_at": opened.expires_at,
        "schema": opened.schema,
        "payload": opened.payload.hex(),
    }


def answer_ring(vector: Vector) -> Vector:
    """A vector of ring.json (spec 8)."""
    text = {name: vector[name] for name in ("text", "text_hex") if name in vector}
    encoded = bytes.fromhex(text["text_hex"]) if "text_hex" in text else text["text"].encode()
    try:
        ring = Ring.parse(encoded, allow_example_keys=True)
    except RingRefused as refusal:
        return text | {"expect": "refused", "line": refusal.line}
    return text | {
        "expect": "ok",
        "keys": [ring_key_fields(entry) for entry in ring.entries],
        "primary": [primary_fields(ring, primary["at"]) for primary in vector["primary"]],
    }


def ring_key_fields(entry: Entry) -> Vector:
    return {
        "key_id": entry.key.id.hex(),
        "primary_from": entry.primary_from,
        "open_until": entry.open_until,
    }


def primary_fields(ring: Ring, at: int) -> Vector:
    key = ring.primary_at(at)
    return {"at": at, "key_id": key.id.hex() if key else None}


STATE_INPUTS = (
    "purpose", "channel", "state", "session_id", "started_at", "reauthenticated_at",
    "ceiling", "origin", "ended_others", "follows", "remembered", "bound", "issued_at", "lifetime",
    "schema", "key", "nonce",
)  # fmt: skip
RENEWAL_INPUTS = (
    "key", "nonce", "issued_at", "lifetime", "validated_at", "proved_at", "bound", "with_copy",
)  # fmt: skip


def answer_session(vector: Vector) -> Vector:
    """A vector of session.json (spec 9)."""
    payload = StatePayload(
        bytes.fromhex(vector["session_id"]),
        vector["started_at"],
        vector["reauthenticated_at"],
        vector["ceiling"],
        vector["origin"] and bytes.fromhex(vector["origin"]),
        vector["ended_others"]
        and EndedOthers(
            vector["ended_others"]["before"], bytes.fromhex(vector["ended_others"]["mark"])
        ),
        tuple(
            Followed(bytes.fromhex(of["origin"]), of["before"], bytes.fromhex(of["mark"]))
            for of in vector["follows"]
        ),
        vector["remembered"],
        vector["bound"] and bytes.fromhex(vector["bound"]),
        bytes.fromhex(vector["state"]),
    ).encode()
    purpose = state_purpose(*purpose_and_channel(vector))
    body, token = seal_for_session(vector, purpose, vector["schema"], payload)
    return {
        **{name: vector[name] for name in STATE_INPUTS},
        "payload": payload.hex(),
        "token": token,
        "renewal": vector["renewal"] and answer_renewal(vector, StateCopy.of(token, body)),
    }


def answer_renewal(vector: Vector, copy: StateCopy) -> Vector:
    """The renewal of a vector of session.json (spec 9)."""
    renewal = vector["renewal"]
    session_id = bytes.fromhex(vector["session_id"])
    held = copy if renewal["with_copy"] else None
    bound = renewal["bound"] and bytes.fromhex(renewal["bound"])
    proof = None if renewal["proved_at"] is None else Proof(renewal["proved_at"], bound)
    payload = RenewalPayload(session_id, renewal["validated_at"], proof, held)
    purpose = renewal_purpose(*purpose_and_channel(vector))
    _, token = seal_for_session(renewal, purpose, payload.schema, payload.encode())
    return {
        **{name: renewal[name] for name in RENEWAL_INPUTS},
        "payload": payload.encode().hex(),
        "token": token,
    }


def purpose_and_channel(vector: Vector) -> tuple[bytes, bytes]:
    return bytes.fromhex(vector["purpose"]), bytes.fromhex(vector["channel"])


def seal_for_session(
    vector: Vector, purpose: bytes, schema: int, payload: bytes
) -> tuple[bytes, str]:
    """Body and text of a token of a session (spec 9)."""
    body = make_body(
        payload,
        issued_at=vector["issued_at"],
        lifetime=vector["lifetime"],
        schema=schema,
        bucket=SESSION_BUCKET,
    )
    key, nonce = Key(bytes.fromhex(vector["key"])), bytes.fromhex(vector["nonce"])
    return body, checked_length(seal_body(key, purpose, nonce, body).text())


def answer_pieces(vector: Vector) -> Vector:
    """A vector of pieces.json (spec 9.2)."""
    pieces = split_token(vector["cookie_name"], vector["token"])
    return {
        "token": vector["token"],
        "cookie_name": vector["cookie_name"],
        "pieces": [{"name": name, "value": value} for name, value in pieces.items()],
    }


CHALLENGE_INPUTS = (
    "purpose", "cookie_name", "origin", "asks", "issued_at", "lifetime", "key", "nonce",
)  # fmt: skip


def answer_challenge(vector: Vector) -> Vector:
    """A vector of challenge.json (spec 9.5 and 9.6)."""
    payload = ChallengePayload(bytes.fromhex(vector["origin"]), vector["asks"])
    in_headers = vector["cookie_name"] is None
    purpose = purpose_of_challenge(vector)
    _, token = seal_for_session(vector, purpose, CHALLENGE_SCHEMA, payload.encode())
    return {
        **{name: vector[name] for name in CHALLENGE_INPUTS},
        "payload": payload.encode().hex(),
        "token": token,
        "session_identifier": None if in_headers else session_identifier(payload.origin),
        "unbound_id": None if in_headers else unbound_id(payload.origin).hex(),
    }


def purpose_of_challenge(vector: Vector) -> bytes:
    name = vector["cookie_name"]
    channel = BEARER_CHANNEL if name is None else cookie_channel(name)
    return challenge_purpose(bytes.fromhex(vector["purpose"]), channel)


PROOF_INPUTS = (
    "request", "ring", "purpose", "cookie_name", "origin", "bound", "proof_lifetime", "now",
    "proof",
)  # fmt: skip


def answer_proof(vector: Vector) -> Vector:
    """A vector of proof.json (spec 9.5)."""
    return {name: vector[name] for name in PROOF_INPUTS} | proof_fields(vector)


def proof_fields(vector: Vector) -> Vector:
    """The result of a reader for the input of a vector of proof.json (spec 9.5)."""
    registers = vector["request"] == "registration"
    bound = None if registers else bytes.fromhex(vector["bound"])
    try:
        key, challenge = verified_proof(vector["proof"], bound)
        check_challenge(
            challenge,
            Ring.parse(vector["ring"].encode(), allow_example_keys=True),
            purpose_of_challenge(vector),
            bytes.fromhex(vector["origin"]),
            proof_lifetime=vector["proof_lifetime"],
            now=vector["now"],
        )
    except Refused as refusal:
        return {"expect": refusal.name}
    return {"expect": "ok", "public_key": key.hex(), "challenge": challenge}


DPOP_INPUTS = (
    "request", "ring", "purpose", "addresses", "proof_lifetime", "used", "now", "method", "target",
    "authorization", "proofs",
)  # fmt: skip


def answer_dpop(vector: Vector) -> Vector:
    """A vector of dpop.json (spec 9.6)."""
    return {name: vector[name] for name in DPOP_INPUTS} | dpop_fields(vector)


def dpop_fields(vector: Vector) -> Vector:
    """The result of a server for the input of a vector of dpop.json (spec 9.6)."""
    request = Request(*(vector[name] for name in ("method", "target", "authorization", "proofs")))
    settings = HeaderSettings(
        Ring.parse(vector["ring"].encode(), allow_example_keys=True),
        bytes.fromhex(vector["purpose"]),
        vector["addresses"],
        vector["proof_lifetime"],
    )
    used = [bytes.fromhex(identifier) for identifier in vector["used"]]
    now, signs_in = vector["now"], vector["request"] == "sign-in"
    try:
        proof, proved_at = settings.check(request, used, now, signs_in=signs_in)
    except Refused as refusal:
        return {"expect": refusal.name}
    return {
        "expect": "ok",
        "public_key": proof.key.hex(),
        "proved_at": proved_at,
        "identifier": proof.identifier.hex(),
        "asks_again": signs_in or now >= proved_at + vector["proof_lifetime"] // 4,
    }


def answer_accumulated(vector: Vector) -> Vector:
    """The vector of accumulated.json (spec 10)."""
    digest = hashlib.sha256()
    for case in range(vector["cases"]):
        for token in accumulated_case(case):
            digest.update(token.encode("ascii") + b"\n")
    return {"cases": vector["cases"], "sha256": digest.hexdigest()}


def accumulated_case(case: int) -> tuple[str, str]:
    """The sealed and the signed token of one case of the accumulated hash (spec 10)."""
    stream = CaseStream(case)
    key = Key(stream.take(KEY_LENGTH))
    nonce = stream.take(NONCE_LENGTH)
    issued_at = stream.number(8) % 2**33
    lifetime = stream.number(4) % 2**25
    schema = 1 + stream.number(1) % 200
    bucket = 1 + stream.number(1) % 64
    letters = [ord("a") + stream.number(1) % 26 for _ in range(stream.number(1) % 20)]
    payload = stream.take(stream.number(2) % 700)
    purpose = b"case/" + bytes(letters)
    body = make_body(payload, issued_at=issued_at, lifetime=lifetime, schema=schema, bucket=bucket)
    return seal_body(key, purpose, nonce, body).text(), sign_body(key, purpose, body).text()


class CaseStream:
    """stream(i) of spec 10, read from its beginning."""

    def __init__(self, case: int) -> None:
        self.seed = b"bulla/1 case" + case.to_bytes(4, "big")
        self.blocks = 0
        self.unread = b""

    def take(self, length: int) -> bytes:
        while len(self.unread) < length:
            self.unread += hashlib.sha256(self.seed + self.blocks.to_bytes(4, "big")).digest()
            self.blocks += 1
        taken, self.unread = self.unread[:length], self.unread[length:]
        return taken

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")


# --- 10. Vectors: values that all files use -----------------------------------------------

KEY_A, KEY_B, KEY_C, KEY_D = (example_key(number) for number in range(1, 5))
PURPOSE = b"shop.example/reset-link"
ISSUED_AT = 1_700_000_000
LIFETIME = 3_600
LONGEST_PURPOSE = b"shop.example/" + b"x" * 242
EXTENDED_PURPOSE = state_purpose(b"shop.example/session", cookie_channel("__Host-session"))


def octets(seed: str, length: int) -> bytes:
    """Bytes that look random and depend only on the seed."""
    blocks = range(-(-length // 32))
    return b"".join(
        hashlib.sha256(f"bulla/1 vector {seed} {block}".encode()).digest() for block in blocks
    )[:length]


def nonce_of(name: str) -> bytes:
    return octets(f"nonce {name}", NONCE_LENGTH)


def vector_key(seed: str) -> Key:
    """A key that spec 3.2 accepts. It is public, like the example keys."""
    return Key(octets(f"key {seed}", KEY_LENGTH))


def colliding_key(number: int) -> Key:
    return Key(hashlib.sha256(b"bulla/1 colliding key %d" % number).digest())


# Two keys with the same key id, found by trying numbers from 1.
COLLIDING_KEYS = colliding_key(33_998), colliding_key(56_989)


def named(name: str, **fields: Any) -> Vector:
    return {"name": name, **fields}


# --- 10. keys.json ------------------------------------------------------------------------


def keys_vectors() -> Iterator[Vector]:
    purposes = [
        b"x", b"!~", PURPOSE, LONGEST_PURPOSE, EXTENDED_PURPOSE,
        renewal_purpose(LONGEST_PURPOSE, BEARER_CHANNEL),
    ]  # fmt: skip
    for number, key in enumerate((KEY_A, KEY_B, KEY_C, KEY_D), start=1):
        inputs = {
            "key": key.secret.hex(),
            "purposes": [{"purpose": purpose.hex()} for purpose in purposes],
        }
        yield named(f"example-key-{number}", **answer_keys(inputs))


# --- 10. key-text.json --------------------------------------------------------------------


def key_text_vectors() -> Iterator[Vector]:
    yield from accepted_key_texts()
    yield from malformed_key_texts()
    yield from mismatched_key_texts()
    yield from low_entropy_key_texts()
    for number in (1, 2, 16):
        yield named(f"example-key-{number}", text=example_key(number).text(), expect="example-key")


def accepted_key_texts() -> Iterator[Vector]:
    keys = {
        "ok": vector_key("ok"),
        "ok-with-hyphen-and-underscore": Key(b"\xfb\xef\xff\xfe" + octets("alphabet", 28)),
        "ok-with-zero-trailing-bits-at-the-end": Key(octets("trailing bits", 31) + b"\0"),
        "ok-16-distinct-bytes": key_of_distinct_bytes(16),
        "ok-8-distinct-differences": key_of_differences([1, 2, 3, 5, 7, 11, 13, 17]),
        "ok-printable-but-for-one-0x1f": Key(printable_secret()[:-1] + b"\x1f"),
        "ok-printable-but-for-one-0x7f": Key(b"\x7f" + printable_secret()[1:]),
        "ok-number-0-is-no-example-key": example_key(0),
        "ok-number-17-is-no-example-key": example_key(17),
    }
    for name, key in keys.items():
        yield named(name, text=key.text(), expect="ok", key=key.secret.hex(), key_id=key.id.hex())


def malformed_key_texts() -> Iterator[Vector]:
    key = vector_key("malformed")
    text = key.text()
    prefix, encoded, key_id = text.split(".")
    hyphened = Key(b"\xfb\xef\xff\xfe" + octets("alphabet", 28)).text()
    texts = {
        "empty": "",
        "prefix-missing": f"{encoded}.{key_id}",
        "prefix-alone": f"{prefix}.",
        "prefix-upper-case": text.replace("bulla-key", "BULLA-KEY"),
        "prefix-of-version-2": text.replace("bulla-key-1", "bulla-key-2"),
        "prefix-without-full-stop": text.replace("bulla-key-1.", "bulla-key-1"),
        "key-bytes-42-characters": f"{prefix}.{encoded[:-1]}.{key_id}",
        "key-bytes-44-characters": f"{prefix}.{encoded}A.{key_id}",
        "key-bytes-missing": f"{prefix}..{key_id}",
        "key-bytes-with-plus": hyphened.replace(".--", ".+-"),
        "key-bytes-with-slash": hyphened.replace("_", "/", 1),
        "key-bytes-padded": f"{prefix}.{encoded}=.{key_id}",
        "key-bytes-43rd-character-is-padding": f"{prefix}.{encoded[:-1]}=.{key_id}",
        "key-bytes-trailing-bits-not-zero": f"{prefix}.{next_character(encoded)}.{key_id}",
        "key-bytes-with-space": f"{prefix}.{encoded[:20]} {encoded[21:]}.{key_id}",
        "key-bytes-with-newline": f"{prefix}.{encoded[:20]}\n{encoded[20:]}.{key_id}",
        "key-bytes-not-ascii": f"{prefix}.{encoded[:20]}\u00e9{encoded[21:]}.{key_id}",
        "key-bytes-in-hex": f"{prefix}.{key.secret.hex()}.{key_id}",
        "id-missing": f"{prefix}.{encoded}",
        "id-empty": f"{prefix}.{encoded}.",
        "id-7-characters": f"{prefix}.{encoded}.{key_id[:-1]}",
        "id-9-characters": f"{prefix}.{encoded}.{key_id}0",
        "id-upper-case": f"{prefix}.{encoded}.{key_id.upper()}",
        "id-not-hexadecimal": f"{prefix}.{encoded}.{key_id[:-1]}g",
        "id-not-ascii-digit": f"{prefix}.{encoded}.{key_id[:-1]}\u0663",
        "fourth-part": f"{text}.{key_id}",
        "space-at-the-beginning": f" {text}",
        "space-at-the-end": f"{text} ",
        "newline-at-the-end": f"{text}\n",
    }
    for name, wrong in texts.items():
        yield named(name, text=wrong, expect="malformed")


def mismatched_key_texts() -> Iterator[Vector]:
    text = vector_key("mismatch").text()
    stem, key_id = text[:-8], bytes.fromhex(text[-8:])
    ids = {
        "id-of-another-key": vector_key("another").id,
        "id-first-bit-flipped": flip_bit(key_id, 0, 0x80),
        "id-last-bit-flipped": flip_bit(key_id, 3),
        "id-zero": bytes(4),
    }
    for name, wrong in ids.items():
        yield named(name, text=stem + wrong.hex(), expect="id-mismatch")


def low_entropy_key_texts() -> Iterator[Vector]:
    secrets = {
        "zeros": bytes(32),
        "one-byte-repeated": b"\xa7" * 32,
        "15-distinct-bytes": key_of_distinct_bytes(15).secret,
        "counting": bytes(range(32)),
        "counting-down-past-zero": bytes((10 - step) % 256 for step in range(32)),
        "7-distinct-differences": key_of_differences([1, 2, 3, 5, 7, 11, 13]).secret,
        "printable": printable_secret(),
        "printable-with-0x20-and-0x7e": b" " + printable_secret()[1:-1] + b"~",
        "password": b"Correct-horse7Battery+staple!42x",
    }
    for name, secret in secrets.items():
        yield named(f"low-entropy-{name}", text=Key(secret).text(), expect="low-entropy")


def key_of_distinct_bytes(count: int) -> Key:
    """A key with ``count`` distinct bytes (15 or 16) and many distinct differences."""
    distinct = bytes(dict.fromkeys(octets("distinct bytes", 64)))[:count]
    return Key((distinct + distinct[::-1] + distinct[::3])[:KEY_LENGTH])


def key_of_differences(differences: Sequence[int]) -> Key:
    """A key of distinct bytes whose neighbours differ by these differences in turn."""
    secret = [0]
    while len(secret) < KEY_LENGTH:
        secret.append(secret[-1] + differences[len(secret) % len(differences)])
    return Key(bytes(secret))


def printable_secret() -> bytes:
    return bytes(0x20 + byte % 95 for byte in octets("printable", KEY_LENGTH))


def flip_bit(data: bytes, at: int, mask: int = 0x01) -> bytes:
    """Returns the bytes with one bit of the byte ``at`` flipped. ``at`` may be negative."""
    changed = bytearray(data)
    changed[at] ^= mask
    return bytes(changed)


def next_character(text: str) -> str:
    """Replaces the last character of a base64url text by the next one of the alphabet."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


# --- 10. seal.json and sign.json ----------------------------------------------------------


def seal_vectors() -> Iterator[Vector]:
    for case in chain(maker_cases(longest_body(SEALED)), sealed_cookie_cases()):
        name = case["name"]
        yield named(name, **answer_seal(case | {"nonce": nonce_of(f"seal {name}").hex()}))


def sign_vectors() -> Iterator[Vector]:
    for case in maker_cases(longest_body(SIGNED)):
        yield named(case["name"], **answer_sign(case))


def longest_body(mode: str) -> int:
    """The body length of the longest possible token, which has 8,191 characters."""
    return 6_141 - (SHORTEST[mode] - 4)


def maker_cases(longest: int) -> Iterator[Vector]:
    """Inputs of seal.json and sign.json, without nonces."""
    for size in (0, 1, 127, 128, 1_000, 5_900):
        yield maker_case(f"payload-{size}", payload=octets("payload", size))
    yield maker_case("longest-token", payload=octets("payload", longest - 10))
    yield maker_case("payload-of-zeros-padded", payload=bytes(20), bucket=32)
    yield from maker_buckets()
    yield from maker_times()
    for schema in (127, 128, 255, 256, 16_383, 16_384, 2**31, NEWEST_SCHEMA):
        yield maker_case(f"schema-{schema}", schema=schema)
    yield maker_case("purpose-1-byte", purpose=b"x")
    yield maker_case("purpose-outermost-characters", purpose=b"!~")
    yield maker_case("purpose-255-bytes", purpose=LONGEST_PURPOSE)
    yield maker_case("purpose-extended", purpose=EXTENDED_PURPOSE)
    for number in (2, 3, 4):
        yield maker_case(f"example-key-{number}", key=example_key(number))


SIGN_IN = b'{"state":"xyzzy","verifier":"plugh"}'
SIGN_IN_PURPOSE = b"shop.example/sign-in"
SIGN_IN_COOKIE = "__Host-sign-in"


def sealed_cookie_cases() -> Iterator[Vector]:
    """Inputs of the tokens of sealed cookies (spec 9.4)."""
    case = partial(maker_case, bucket=32)
    for name, cookie_name in {
        "sealed-cookie": SIGN_IN_COOKIE,
        "sealed-cookie-of-a-domain": "__Secure-sign-in",
        "sealed-cookie-over-plain-http": "sign-in",
        "sealed-cookie-name-of-64-characters": "__Host-" + "!#$%&'*+-.^_`|~0" * 4,
    }.items():
        purpose = sealed_cookie_purpose(SIGN_IN_PURPOSE, cookie_name)
        yield case(name, purpose=purpose, payload=SIGN_IN)
    purpose = sealed_cookie_purpose(SIGN_IN_PURPOSE, SIGN_IN_COOKIE)
    yield case("sealed-cookie-empty", purpose=purpose, payload=b"")
    yield case("sealed-cookie-schema-2", purpose=purpose, payload=SIGN_IN, schema=2)
    # The body has 3,008 bytes. With 32 more, the name and the value would have 4,130 octets.
    longest = octets("sealed cookie", 3_008 - 10)
    yield case("sealed-cookie-longest-that-fits", purpose=purpose, payload=longest)
    purpose = sealed_cookie_purpose(LONGEST_PURPOSE, SIGN_IN_COOKIE)
    yield case("sealed-cookie-purpose-255-bytes", purpose=purpose, payload=SIGN_IN)


def maker_case(
    name: str,
    *,
    key: Key = KEY_A,
    purpose: bytes = PURPOSE,
    issued_at: int = ISSUED_AT,
    lifetime: int = LIFETIME,
    schema: int = 1,
    bucket: int = 1,
    payload: bytes = b"account 4711",
) -> Vector:
    return named(
        name,
        key=key.secret.hex(),
        purpose=purpose.hex(),
        issued_at=issued_at,
        lifetime=lifetime,
        schema=schema,
        bucket=bucket,
        payload=payload.hex(),
    )


def maker_buckets() -> Iterator[Vector]:
    """Cases with buckets. If a payload is below 128 bytes, its body is 9 bytes longer."""
    for bucket in (2, 32, 64, 255):
        yield maker_case(f"bucket-{bucket}", bucket=bucket)
        yield maker_case(f"bucket-{bucket}-payload-0", bucket=bucket, payload=b"")
        yield maker_case(
            f"bucket-{bucket}-payload-1000", bucket=bucket, payload=octets("large", 1_000)
        )
    for bucket in (32, 64):
        full = octets("full", bucket - 9 + 1)
        yield maker_case(f"bucket-{bucket}-one-byte-short", bucket=bucket, payload=full[:-2])
        yield maker_case(f"bucket-{bucket}-exact-multiple", bucket=bucket, payload=full[:-1])
        yield maker_case(f"bucket-{bucket}-one-byte-over", bucket=bucket, payload=full)


def maker_times() -> Iterator[Vector]:
    yield maker_case("issued-at-0", issued_at=0)
    yield maker_case("issued-at-0-lifetime-0-payload-0", issued_at=0, lifetime=0, payload=b"")
    for issued_at in (127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**35 - 1, 2**35):
        yield maker_case(f"issued-at-{issued_at}", issued_at=issued_at)
    yield maker_case("issued-at-last-second-lifetime-0", issued_at=LAST_SECOND, lifetime=0)
    for lifetime in (0, 1, 127, 128, 2**31, 2**32):
        yield maker_case(f"lifetime-{lifetime}", lifetime=lifetime)
    rest = LAST_SECOND - ISSUED_AT
    yield maker_case("lifetime-to-the-last-second", lifetime=rest)
    yield maker_case("lifetime-shortened-by-1", lifetime=rest + 1)
    yield maker_case("lifetime-shortened-from-2-to-the-53-less-1", lifetime=2**53 - 1)
    yield maker_case("lifetime-shortened-to-10", issued_at=LAST_SECOND - 10)
    yield maker_case("lifetime-shortened-to-0", issued_at=LAST_SECOND)


# --- 10. open.json ------------------------------------------------------------------------

OPEN_SCHEMA = 2
OPEN_PAYLOAD = b"account 4711"
USUAL_TOKEN: Vector = {
    "key": KEY_A,
    "purpose": PURPOSE,
    "issued_at": ISSUED_AT,
    "lifetime": LIFETIME,
    "schema": OPEN_SCHEMA,
    "bucket": 32,
    "payload": OPEN_PAYLOAD,
}


class OpenCases:
    """Makes the vectors of open.json for one mode. Each vector changes the usual token, which
    has padding, or the usual reader, which can open the usual token."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.other_mode = SIGNED if mode == SEALED else SEALED

    def ok(self, name: str, *, make: Vector | None = None, **reader: Any) -> Vector:
        """A token that opens. ``make`` changes the usual token, ``reader`` the usual reader."""
        name = f"{self.mode}-ok-{name}"
        made = USUAL_TOKEN | (make or {})
        inputs = self.reader(self.text(self.token(name, made)), reader)
        lifetimes = [made["lifetime"], inputs["max_lifetime"]]
        lifetime = min(lifetime for lifetime in lifetimes if lifetime is not None)
        opened = Opened(
            made["key"].id,
            made["issued_at"],
            made["issued_at"] + lifetime,
            made["schema"],
            made["payload"],
        )
        return named(name, **inputs, expect="ok", **opened_fields(opened))

    def refused(
        self,
        expect: str,
        name: str,
        *,
        make: Vector | None = None,
        edit: Callable[[bytes], bytes] = bytes,
        write: Callable[[str], str] = str,
        **reader: Any,
    ) -> Vector:
        """A token that is refused. ``edit`` changes the bytes of the token, and ``write`` changes
        its text. By default, they change nothing."""
        name = f"{self.mode}-{expect}-{name}"
        token = edit(self.token(name, USUAL_TOKEN | (make or {})))
        inputs = self.reader(write(self.text(token)), reader)
        return named(name, **inputs, expect=expect)

    def token(self, name: str, made: Vector, mode: str | None = None) -> bytes:
        """The bytes of a token, made from a ``body`` or from the fields of a body."""
        body = made.get("body")
        if body is None:
            fields = ("issued_at", "lifetime", "schema", "bucket")
            body = make_body(made["payload"], **{field: made[field] for field in fields})
        if (mode or self.mode) == SIGNED:
            return sign_body(made["key"], made["purpose"], body).encode()
        nonce = nonce_of(f"open {name}")
        return seal_body(made["key"], made["purpose"], nonce, body).encode()

    def text(self, token: bytes) -> str:
        return PREFIX[self.mode] + to_base64url(token)

    def reader(self, token: str, reader: Vector) -> Vector:
        usual = {
            "mode": self.mode,
            "ring": ring_line(KEY_A),
            "purpose": PURPOSE.hex(),
            "now": ISSUED_AT + 100,
            "max_lifetime": None,
            "max_length": LONGEST_TOKEN,
            "schemas": [1, OPEN_SCHEMA],
            "token": token,
        }
        return usual | reader


def ring_line(key: Key, primary_from: int | None = None, open_until: int | None = None) -> str:
    """The line of a ring text for a key (spec 8)."""
    line = key.text()
    if primary_from is not None:
        line += f" primary-from={instant(primary_from)}"
    if open_until is not None:
        line += f" open-until={instant(open_until)}"
    return line


def instant(at: int) -> str:
    """Formats a time as spec 8 writes it."""
    return (datetime(1970, 1, 1) + timedelta(seconds=at)).isoformat() + "Z"


def open_vectors() -> Iterator[Vector]:
    for mode in (SEALED, SIGNED):
        cases = OpenCases(mode)
        yield from open_ok(cases)
        yield from open_ok_keys_and_schemas(cases)
        yield from refused_too_long(cases)
        yield from refused_prefix(cases)
        yield from refused_encoding(cases)
        yield from refused_too_short(cases)
        yield from refused_unknown_key(cases)
        yield from refused_bad_tag(cases)
        yield from refused_malformed_varint(cases)
        yield from refused_malformed_body(cases)
        yield from refused_retired_key(cases)
        yield from refused_times(cases)
        yield from refused_schemas(cases)
        yield from refused_padding(cases)
        yield from refused_in_order(cases)
        yield from refused_in_order_of_times(cases)
    yield from sealed_cookies(OpenCases(SEALED))


def sealed_cookies(cases: OpenCases) -> Iterator[Vector]:
    """Tokens in a sealed cookie (spec 9.4), which has at most 4,096 octets with its name."""
    purpose = sealed_cookie_purpose(SIGN_IN_PURPOSE, SIGN_IN_COOKIE)
    token = {"purpose": purpose, "payload": SIGN_IN, "schema": 1}
    reader = {
        "purpose": purpose.hex(),
        "max_lifetime": LIFETIME,
        "max_length": LONGEST_COOKIE - len(SIGN_IN_COOKIE),
        "schemas": [1],
    }
    yield cases.ok("sealed-cookie", make=token, **reader)
    shorter = reader | {"max_lifetime": 600}
    yield cases.ok("sealed-cookie-shorter-lifetime", make=token, **shorter)
    late = {"now": ISSUED_AT + 600}
    yield cases.refused("expired", "sealed-cookie-shorter-lifetime", make=token, **shorter, **late)
    late = {"now": ISSUED_AT + LIFETIME}
    yield cases.refused("expired", "sealed-cookie", make=token, **reader, **late)
    purposes = {
        "of-another-name": sealed_cookie_purpose(SIGN_IN_PURPOSE, "__Host-flash"),
        "of-the-name-without-prefix": sealed_cookie_purpose(SIGN_IN_PURPOSE, "sign-in"),
        "of-another-type": sealed_cookie_purpose(PURPOSE, SIGN_IN_COOKIE),
        "holds-a-link": SIGN_IN_PURPOSE,
        "holds-a-state-token": state_purpose(SIGN_IN_PURPOSE, cookie_channel(SIGN_IN_COOKIE)),
        "holds-a-renewal-token": renewal_purpose(SIGN_IN_PURPOSE, cookie_channel(SIGN_IN_COOKIE)),
    }
    for name, other in purposes.items():
        made = token | {"purpose": other}
        yield cases.refused("bad-tag", f"sealed-cookie-{name}", make=made, **reader)
    for expect, name, made in (
        ("unknown-key", "sealed-cookie", {"key": KEY_B}),
        ("newer-schema", "sealed-cookie", {"schema": 2}),
        ("too-long", "sealed-cookie-that-no-cookie-can-hold", {"payload": octets("long", 3_000)}),
    ):
        yield cases.refused(expect, name, make=token | made, **reader)


def open_ok(cases: OpenCases) -> Iterator[Vector]:
    """Tokens that open: sizes and times."""
    ends = ISSUED_AT + LIFETIME
    yield cases.ok("usual")
    yield cases.ok("no-padding", make={"bucket": 1})
    yield cases.ok("payload-0", make={"payload": b""})
    yield cases.ok("payload-1000", make={"payload": octets("open", 1_000)})
    yield cases.ok("payload-of-zeros", make={"payload": bytes(20)})
    yield cases.ok("padding-of-300-zeros", make={"body": crafted_body(padding=bytes(300))})
    yield cases.ok(
        "shortest-token",
        make={"issued_at": 0, "lifetime": 100, "schema": 1, "payload": b"", "bucket": 1},
        now=99,
    )
    yield cases.ok("longest-token-of-8191-characters", make=token_of_body_length(cases, 0))
    length = len(cases.text(cases.token("", USUAL_TOKEN)))
    yield cases.ok("exactly-the-reader-s-longest", max_length=length)
    yield cases.ok("now-is-issued-at", now=ISSUED_AT)
    yield cases.ok("issued-60-seconds-ahead", now=ISSUED_AT - 60)
    yield cases.ok("last-good-second", now=ends - 1)
    yield cases.ok("reader-shortens-lifetime", max_lifetime=900)
    yield cases.ok(
        "reader-shortens-lifetime-last-good-second", max_lifetime=900, now=ISSUED_AT + 899
    )
    yield cases.ok("reader-allows-more-than-lifetime", max_lifetime=LIFETIME + 1, now=ends - 1)
    yield cases.ok("lifetime-1", make={"lifetime": 1}, now=ISSUED_AT)
    yield cases.ok("lifetime-0-issued-1-second-ahead", make={"lifetime": 0}, now=ISSUED_AT - 1)
    yield cases.ok("issued-at-0", make={"issued_at": 0}, now=0)
    yield cases.ok(
        "ends-at-the-last-second",
        make={"issued_at": LAST_SECOND - 10, "lifetime": 10},
        now=LAST_SECOND - 1,
    )
    yield cases.ok(
        "lifetime-to-the-last-second", make={"lifetime": LAST_SECOND - ISSUED_AT}, max_lifetime=900
    )


def open_ok_keys_and_schemas(cases: OpenCases) -> Iterator[Vector]:
    """Tokens that open: keys, purposes and schema versions."""
    now = ISSUED_AT + 100
    replaced = f"{ring_line(KEY_A)}\n{ring_line(KEY_B, ISSUED_AT + 50)}"
    yield cases.ok("key-no-longer-primary", ring=replaced)
    coming = f"{ring_line(KEY_B)};{ring_line(KEY_A, now + 86_400)}"
    yield cases.ok("key-not-yet-primary", ring=coming)
    retiring = ring_line(KEY_A, None, now + 1)
    yield cases.ok("key-in-its-last-second", ring=retiring)
    many = "\n".join(ring_line(vector_key(f"many {number}")) for number in range(63))
    yield cases.ok("last-of-64-keys", ring=f"{many}\n{ring_line(KEY_A)}")
    for name, purpose in (
        ("1-byte", b"x"), ("255-bytes", LONGEST_PURPOSE), ("extended", EXTENDED_PURPOSE)
    ):  # fmt: skip
        yield cases.ok(f"purpose-{name}", make={"purpose": purpose}, purpose=purpose.hex())
    yield cases.ok("older-schema", make={"schema": 1})
    yield cases.ok("schemas-unordered", schemas=[2, 3, 1])
    yield cases.ok("schema-128", make={"schema": 128}, schemas=[128])
    yield cases.ok("schema-newest-of-all", make={"schema": NEWEST_SCHEMA}, schemas=[NEWEST_SCHEMA])


def token_of_body_length(cases: OpenCases, more: int) -> Vector:
    """A token whose body is ``more`` bytes longer than allowed."""
    length = longest_body(cases.mode) + more
    return {"payload": octets("long", length - 10), "bucket": 1}


def refused_too_long(cases: OpenCases) -> Iterator[Vector]:
    yield cases.refused("too-long", "8193-characters", make=token_of_body_length(cases, 1))
    yield cases.refused(
        "too-long",
        "8193-characters-and-reader-allows-more",
        make=token_of_body_length(cases, 1),
        max_length=10_000,
    )
    length = len(cases.text(cases.token("", USUAL_TOKEN)))
    yield cases.refused("too-long", "one-more-than-the-reader-s-longest", max_length=length - 1)


def refused_prefix(cases: OpenCases) -> Iterator[Vector]:
    prefix = PREFIX[cases.mode]
    yield cases.refused("prefix", "empty", write=lambda _: "")
    yield cases.refused("prefix", "cut-within-prefix", write=lambda _: prefix[:-1])
    yield cases.refused("prefix", "missing", write=lambda text: text.removeprefix(prefix))
    yield cases.refused("prefix", "upper-case", write=lambda text: text[0].upper() + text[1:])
    yield cases.refused("prefix", "version-2", write=lambda text: text[0] + "2" + text[2:])
    yield cases.refused("prefix", "without-full-stop", write=lambda text: text[:2] + text[3:])
    yield cases.refused("prefix", "other-mode", write=lambda _: usual_text(cases.other_mode))
    yield cases.refused("prefix", "space-at-the-beginning", write=lambda text: " " + text)
    yield cases.refused("prefix", "quoted", write=lambda text: f'"{text}"')


def usual_text(mode: str) -> str:
    cases = OpenCases(mode)
    return cases.text(cases.token("usual", USUAL_TOKEN))


def refused_encoding(cases: OpenCases) -> Iterator[Vector]:
    def encoding(name: str, write: Callable[[str], str]) -> Vector:
        rich = {"payload": octets("rich in hyphens and underscores", 700)}
        return cases.refused("encoding", name, make=rich, write=write)

    yield cases.refused("encoding", "padded", write=lambda text: text + "=" * (-len(text[3:]) % 4))
    yield cases.refused("encoding", "trailing-bits-not-zero", write=next_character)
    yield encoding("plus-for-hyphen", lambda text: replaced_once(text, "-", "+"))
    yield encoding("slash-for-underscore", lambda text: replaced_once(text, "_", "/"))
    yield encoding("length-1-modulo-4", lambda text: text[: len(text) - (len(text) - 4) % 4])
    yield encoding("space-at-the-end", lambda text: text + " ")
    yield encoding("newline-at-the-end", lambda text: text + "\n")
    yield encoding("cr-lf-at-the-end", lambda text: text + "\r\n")
    for name, character in (
        ("space", " "), ("tab", "\t"), ("newline", "\n"), ("nul", "\0"), ("full-stop", "."),
        ("percent", "%"), ("non-ascii", "\u00e9"), ("full-width-letter", "\uff21"),
    ):  # fmt: skip
        yield encoding(f"{name}-within", lambda text, c=character: text[:40] + c + text[41:])
    yield encoding("newline-added-within", lambda text: text[:40] + "\n" + text[40:])
    yield encoding("space-after-prefix", lambda text: text[:3] + " " + text[3:])
    yield encoding("8192-characters", lambda text: text[:3] + "A" * (LONGEST_TOKEN - 3))


def replaced_once(text: str, character: str, by: str) -> str:
    """Replaces one occurrence of a character, which the text must contain."""
    position = text.index(character)
    return text[:position] + by + text[position + 1 :]


def refused_too_short(cases: OpenCases) -> Iterator[Vector]:
    shortest = SHORTEST[cases.mode]
    for length in (0, 3, 4, shortest - 1):
        yield cases.refused("too-short", f"{length}-bytes", edit=lambda token, n=length: token[:n])


def refused_unknown_key(cases: OpenCases) -> Iterator[Vector]:
    yield cases.refused("unknown-key", "not-in-ring", ring=ring_line(KEY_B))
    yield cases.refused("unknown-key", "first-bit-flipped", edit=lambda t: flip_bit(t, 0, 0x80))
    yield cases.refused("unknown-key", "last-bit-flipped", edit=lambda t: flip_bit(t, 3))
    yield cases.refused("unknown-key", "zero", edit=lambda token: bytes(4) + token[4:])
    yield cases.refused("unknown-key", "reversed", edit=lambda t: t[3::-1] + t[4:])
    yield cases.refused(
        "unknown-key", "shortest-length", edit=lambda token: bytes(SHORTEST[cases.mode])
    )


def refused_bad_tag(cases: OpenCases) -> Iterator[Vector]:
    for name, position in field_positions(cases.mode).items():
        yield cases.refused("bad-tag", f"{name}-bit-flipped", edit=partial(flip_bit, at=position))
    authenticator = TAG_LENGTH if cases.mode == SEALED else MAC_LENGTH
    yield cases.refused(
        "bad-tag",
        "tag-or-mac-zero",
        edit=lambda token: token[:-authenticator] + bytes(authenticator),
    )
    yield cases.refused("bad-tag", "truncated-by-1-byte", edit=lambda token: token[:-1])
    yield cases.refused("bad-tag", "extended-by-1-byte", edit=lambda token: token + b"\0")
    yield cases.refused(
        "bad-tag",
        "truncated-to-the-shortest-length",
        edit=lambda token: token[: SHORTEST[cases.mode]],
    )
    yield cases.refused("bad-tag", "other-purpose", purpose=b"shop.example/invitation".hex())
    yield cases.refused("bad-tag", "purpose-in-other-case", purpose=PURPOSE.upper().hex())
    yield cases.refused("bad-tag", "purpose-extended", purpose=(PURPOSE + b"\0").hex())
    yield cases.refused(
        "bad-tag",
        "key-id-of-another-key-in-ring",
        edit=lambda token: KEY_B.id + token[4:],
        ring=f"{ring_line(KEY_A)}\n{ring_line(KEY_B)}",
    )
    first, second = COLLIDING_KEYS
    yield cases.refused(
        "bad-tag",
        "made-under-another-key-with-this-id",
        make={"key": first},
        ring=ring_line(second),
    )
    yield cases.refused(
        "bad-tag",
        "bytes-of-the-other-mode",
        edit=lambda _: cases.token("usual", USUAL_TOKEN, cases.other_mode),
    )


def field_positions(mode: str) -> dict[str, int]:
    """The first and last byte of each field after the key id (spec 4)."""
    if mode == SIGNED:
        return {"body-first": 4, "body-last": -33, "mac-first": -32, "mac-last": -1}
    return {
        "nonce-first": 4, "nonce-last": 27, "ciphertext-first": 28, "ciphertext-last": -17,
        "tag-first": -16, "tag-last": -1,
    }  # fmt: skip


VARINT_FIELDS = {
    "issued_at": to_varint(ISSUED_AT),
    "lifetime": to_varint(LIFETIME),
    "schema": to_varint(OPEN_SCHEMA),
    "length": to_varint(len(OPEN_PAYLOAD)),
}


def crafted_body(**parts: bytes) -> bytes:
    """The usual body without padding, with some parts replaced."""
    usual = {**VARINT_FIELDS, "payload": OPEN_PAYLOAD, "padding": b""}
    return b"".join((usual | parts).values())


def stretched(varint: bytes) -> bytes:
    """Makes a varint one byte longer than needed."""
    return varint[:-1] + bytes([varint[-1] | 0x80, 0])


def overlong(varint: bytes, length: int) -> bytes:
    """The first bytes of a varint that is too long. The caller adds bytes for bits above the
    64th. A decoder that ignores these bits would read the number of ``varint``."""
    return varint[:-1] + bytes([varint[-1] | 0x80]) + b"\x80" * (length - len(varint))


def refused_malformed_varint(cases: OpenCases) -> Iterator[Vector]:
    def malformed(name: str, **parts: bytes) -> Vector:
        return cases.refused("malformed-body", name, make={"body": crafted_body(**parts)})

    for field, varint in VARINT_FIELDS.items():
        name = field.replace("_", "-")
        yield malformed(f"{name}-varint-longer-than-needed", **{field: stretched(varint)})
        yield malformed(f"{name}-varint-of-11-bytes", **{field: overlong(varint, 10) + b"\x01"})
        yield malformed(f"{name}-varint-above-64-bits", **{field: overlong(varint, 9) + b"\x02"})
        yield malformed(f"{name}-2-to-the-64-less-1", **{field: to_varint(2**64 - 1)})
    yield malformed("lifetime-0-in-2-bytes", lifetime=b"\x80\0")
    yield malformed("schema-1-in-10-bytes", schema=b"\x81" + b"\x80" * 8 + b"\0")
    yield malformed("schema-1-in-11-bytes", schema=b"\x81" + b"\x80" * 9 + b"\0")


def refused_malformed_body(cases: OpenCases) -> Iterator[Vector]:
    def malformed(name: str, body: bytes) -> Vector:
        return cases.refused("malformed-body", name, make={"body": body})

    body = crafted_body()
    header = len(b"".join(VARINT_FIELDS.values()))
    yield malformed("issued-at-varint-without-end", b"\x80" * 4)
    yield malformed("ends-within-issued-at", body[:4])
    yield malformed("ends-before-lifetime", body[:5])
    yield malformed("ends-within-lifetime", body[:6])
    yield malformed("ends-before-schema", body[:7])
    yield malformed("ends-before-payload-length", body[:8])
    yield malformed("ends-before-payload", body[:header])
    yield malformed("payload-length-1-beyond-the-end", crafted_body(length=b"\x0d"))
    yield malformed(
        "payload-length-1-beyond-the-padding", crafted_body(length=b"\x21", padding=bytes(20))
    )
    yield malformed("schema-0", crafted_body(schema=b"\0"))
    yield malformed("schema-2-to-the-32", crafted_body(schema=to_varint(2**32)))
    yield malformed("schema-2-to-the-32-and-2", crafted_body(schema=to_varint(2**32 + 2)))
    after_last = LAST_SECOND - ISSUED_AT + 1
    yield malformed("sum-1-above-the-last-second", crafted_body(lifetime=to_varint(after_last)))
    yield malformed(
        "issued-at-1-above-the-last-second",
        crafted_body(issued_at=to_varint(LAST_SECOND + 1), lifetime=b"\0"),
    )
    yield malformed(
        "sum-above-64-bits",
        crafted_body(issued_at=to_varint(2**64 - 1), lifetime=to_varint(ISSUED_AT + LIFETIME + 1)),
    )


def refused_retired_key(cases: OpenCases) -> Iterator[Vector]:
    now = ISSUED_AT + 100
    for name, open_until in (
        ("exactly-at-open-until", now), ("1-second-ago", now - 1), ("before-issue", ISSUED_AT - 1)
    ):  # fmt: skip
        ring = f"{ring_line(KEY_B)}\n{ring_line(KEY_A, None, open_until)}"
        yield cases.refused("retired-key", name, ring=ring)


def refused_times(cases: OpenCases) -> Iterator[Vector]:
    ends = ISSUED_AT + LIFETIME
    yield cases.refused("not-yet-valid", "issued-61-seconds-ahead", now=ISSUED_AT - 61)
    yield cases.refused("not-yet-valid", "now-is-0", now=0)
    yield cases.refused(
        "not-yet-valid", "issued-at-the-last-second", make={"issued_at": LAST_SECOND, "lifetime": 0}
    )
    yield cases.refused("expired", "exactly-at-the-deadline", now=ends)
    yield cases.refused("expired", "1-second-after-the-deadline", now=ends + 1)
    yield cases.refused("expired", "now-is-the-last-second", now=LAST_SECOND)
    yield cases.refused("expired", "lifetime-0", make={"lifetime": 0}, now=ISSUED_AT)
    yield cases.refused("expired", "exactly-at-the-reader-s-deadline", max_lifetime=100)
    yield cases.refused("expired", "reader-allows-0", max_lifetime=0, now=ISSUED_AT)
    yield cases.refused(
        "expired", "reader-allows-more-than-lifetime", max_lifetime=LIFETIME + 1, now=ends
    )
    yield cases.refused(
        "expired",
        "at-the-last-second",
        make={"issued_at": LAST_SECOND - 10, "lifetime": 10},
        now=LAST_SECOND,
    )


def refused_schemas(cases: OpenCases) -> Iterator[Vector]:
    yield cases.refused("newer-schema", "one-above-the-newest", schemas=[1])
    yield cases.refused("newer-schema", "schemas-unordered", make={"schema": 4}, schemas=[3, 1, 2])
    yield cases.refused("newer-schema", "newest-of-all", make={"schema": NEWEST_SCHEMA})
    yield cases.refused("retired-schema", "below-the-oldest", schemas=[3, 4])
    yield cases.refused("retired-schema", "within-a-gap", schemas=[1, 3])


def refused_padding(cases: OpenCases) -> Iterator[Vector]:
    paddings = {
        "first-byte": b"\x01" + bytes(10),
        "last-byte": bytes(10) + b"\x01",
        "high-bit-in-the-middle": bytes(5) + b"\x80" + bytes(5),
        "only-byte": b"\xff",
    }
    for name, padding in paddings.items():
        yield cases.refused("padding", name, make={"body": crafted_body(padding=padding)})


def refused_in_order(cases: OpenCases) -> Iterator[Vector]:
    """Tokens with two faults, the first in steps 1 to 7. The earlier step refuses the token."""

    def flip(token: bytes) -> bytes:
        return flip_bit(token, -1)

    prefix = PREFIX[cases.mode]
    schema_0 = {"body": crafted_body(schema=b"\0")}
    retired = ring_line(KEY_A, None, ISSUED_AT + 100)
    ends = ISSUED_AT + LIFETIME
    yield cases.refused("too-long", "before-prefix", write=lambda _: "A" * 8_193)
    yield cases.refused("too-long", "before-encoding", write=lambda _: prefix + "=" * 8_190)
    yield cases.refused("prefix", "before-encoding", write=lambda text: "b2." + text[3:] + "=")
    yield cases.refused("encoding", "before-too-short", write=lambda text: text[:10] + "=")
    yield cases.refused(
        "too-short", "before-unknown-key", edit=lambda _: bytes(SHORTEST[cases.mode] - 1)
    )
    yield cases.refused("unknown-key", "before-bad-tag", edit=flip, ring=ring_line(KEY_B))
    yield cases.refused("unknown-key", "before-expired", ring=ring_line(KEY_B), now=ends)
    yield cases.refused("bad-tag", "before-malformed-body", make=schema_0, edit=flip)
    yield cases.refused("bad-tag", "before-retired-key", edit=flip, ring=retired)
    yield cases.refused("bad-tag", "before-not-yet-valid", edit=flip, now=ISSUED_AT - 61)
    yield cases.refused("bad-tag", "before-expired", edit=flip, now=ends)
    yield cases.refused("bad-tag", "before-newer-schema", edit=flip, schemas=[1])
    yield cases.refused("malformed-body", "before-retired-key", make=schema_0, ring=retired)
    yield cases.refused("malformed-body", "before-not-yet-valid", make=schema_0, now=ISSUED_AT - 61)
    yield cases.refused("malformed-body", "before-expired", make=schema_0, now=ends)
    padded = {"body": crafted_body(schema=b"\0", padding=b"\x01")}
    yield cases.refused("malformed-body", "before-padding", make=padded)


def refused_in_order_of_times(cases: OpenCases) -> Iterator[Vector]:
    """Tokens with two faults, the first in steps 8 to 13. The earlier step refuses the token."""
    ends, early = ISSUED_AT + LIFETIME, ISSUED_AT - 61
    padding = {"body": crafted_body(padding=b"\x01")}
    yield cases.refused(
        "retired-key", "before-not-yet-valid", ring=ring_line(KEY_A, None, early), now=early
    )
    yield cases.refused(
        "retired-key", "before-expired", ring=ring_line(KEY_A, None, ends), now=ends
    )
    yield cases.refused(
        "retired-key", "before-newer-schema", ring=ring_line(KEY_A, None, ISSUED_AT), schemas=[1]
    )
    yield cases.refused("not-yet-valid", "before-newer-schema", now=early, schemas=[1])
    yield cases.refused("not-yet-valid", "before-padding", make=padding, now=early)
    yield cases.refused("expired", "before-newer-schema", now=ends, schemas=[1])
    yield cases.refused("expired", "before-retired-schema", now=ends, schemas=[3])
    yield cases.refused("expired", "before-padding", make=padding, now=ends)
    yield cases.refused("newer-schema", "before-padding", make=padding, schemas=[1])
    yield cases.refused("retired-schema", "before-padding", make=padding, schemas=[1, 3])


# --- 10. ring.json ------------------------------------------------------------------------

YEAR_2025 = 1_735_689_600
YEAR_2026 = 1_767_225_600
YEAR_2027 = 1_798_761_600
A, B, C = ring_line(KEY_A), ring_line(KEY_B), ring_line(KEY_C)
FROM_2025 = "primary-from=2025-01-01T00:00:00Z"
UNTIL_2026 = "open-until=2026-01-01T00:00:00Z"


def ring_vectors() -> Iterator[Vector]:
    yield from ring_ok_forms()
    yield from ring_ok_comments()
    yield from ring_ok_instants()
    yield from ring_primaries()
    yield from ring_refused_as_a_whole()
    yield from ring_refused_lines()
    yield from ring_refused_keys()
    yield from ring_refused_attributes()
    yield from ring_refused_instants()


def ring_ok(
    name: str, text: str, entries: Sequence[Entry], primary: dict[int, Any] | None = None
) -> Vector:
    """A ring text and its content. By default, the first key is primary at ``YEAR_2026``."""
    primary = {YEAR_2026: entries[0].key} if primary is None else primary
    return named(
        f"ok-{name}",
        text=text,
        expect="ok",
        keys=[ring_key_fields(entry) for entry in entries],
        primary=[
            {"at": at, "key_id": key.id.hex() if key else None} for at, key in primary.items()
        ],
    )


def ring_refused(name: str, line: int, text: str) -> Vector:
    return named(f"refused-{name}", text=text, expect="refused", line=line)


def ring_ok_forms() -> Iterator[Vector]:
    """Ways to write keys and lines."""
    one, two = [Entry(KEY_A)], [Entry(KEY_A), Entry(KEY_B)]
    yield ring_ok("one-key", A, one)
    yield ring_ok("newline-at-the-end", f"{A}\n", one)
    yield ring_ok("lf", f"{A}\n{B}\n", two)
    yield ring_ok("cr-lf", f"{A}\r\n{B}\r\n", two)
    yield ring_ok("semicolon", f"{A};{B};", two)
    yield ring_ok("semicolon-and-white-space", f" {A} ;\t{B}\t; ", two)
    yield ring_ok("all-line-ends", f"{A}\n{B}\r\n{C};", [*two, Entry(KEY_C)])
    yield ring_ok("empty-lines", f"\n\r\n;;\n \t\n{A}\n\n;\n", one)
    yield ring_ok("white-space-around", f"  \t{A} \t \n", one)
    until = [Entry(KEY_A, None, YEAR_2026)]
    both = [Entry(KEY_A, YEAR_2025, YEAR_2026)]
    yield ring_ok("primary-from", f"{A} {FROM_2025}", [Entry(KEY_A, YEAR_2025)])
    yield ring_ok("open-until", f"{A} {UNTIL_2026}", until, {YEAR_2025: KEY_A})
    yield ring_ok("both-attributes", f"{A} {FROM_2025} {UNTIL_2026}", both, {YEAR_2025: KEY_A})
    yield ring_ok(
        "attributes-in-other-order", f"{A} {UNTIL_2026} {FROM_2025}", both, {YEAR_2025: KEY_A}
    )
    yield ring_ok(
        "tabs-and-spaces", f"\t{A}\t \t{FROM_2025}  {UNTIL_2026}\t", both, {YEAR_2025: KEY_A}
    )
    keys = [vector_key(f"of 64 keys {number}") for number in range(MOST_KEYS)]
    yield ring_ok("64-keys", "\n".join(map(ring_line, keys)), [Entry(key) for key in keys])
    filling = "#" * (LONGEST_RING_TEXT - len(A) - 1)
    yield ring_ok("65536-bytes", f"{A}\n{filling}", one)


def ring_ok_comments() -> Iterator[Vector]:
    """Comments with different contents, in different places."""
    one = [Entry(KEY_A)]
    starting = [Entry(KEY_A, YEAR_2025)]
    texts = {
        "comment-line": f"# current\n{A}\n",
        "comment-after-key": f"{A} # current",
        "comment-without-space-after-key": f"{A}#current",
        "comment-empty": f"#\n{A}#",
        "comment-holding-a-key": f"{A} # {B}",
        "comment-holding-comment-marks": f"## a # b\n{A} ## c",
        "comment-ended-by-semicolon": f"# current; {A}",
        "comment-and-another-after-semicolon": f"# one; # two;{A}",
        "comment-ended-by-cr-lf": f"# current\r\n{A}\r\n",
        "comment-with-lone-cr": f"# cur\rrent {B}\n{A}",
        "comment-ending-in-cr": f"{A} # current\r",
        "comment-not-ascii": f"# cl\u00e9, \u9375, \U0001f511\n{A}",
        "comment-with-byte-order-mark": f"#\ufeff\n{A}",
        "comment-with-unicode-line-ends": f"# a\u0085b\u2028c\u2029d\v{B}\f{B}\n{A}",
        "comment-with-nul": f"# a\0b\n{A}",
    }
    for name, text in texts.items():
        yield ring_ok(name, text, one)
    yield ring_ok("comment-after-attribute", f"{A} {FROM_2025} # current", starting)
    yield ring_ok("comment-without-space-after-attribute", f"{A} {FROM_2025}#current", starting)


def ring_ok_instants() -> Iterator[Vector]:
    """Instants that exist."""
    instants = {
        "first": ("1970-01-01T00:00:00Z", 0),
        "leap-day": ("2024-02-29T12:34:56Z", 1_709_210_096),
        "leap-day-of-2000": ("2000-02-29T00:00:00Z", 951_782_400),
        "after-february-of-2100": ("2100-03-01T00:00:00Z", 4_107_542_400),
        "end-of-2016-before-the-leap-second": ("2016-12-31T23:59:59Z", 1_483_228_799),
        "beyond-2038": ("2038-01-19T03:14:08Z", 2**31),
        "last": ("9999-12-31T23:59:59Z", LAST_SECOND),
    }
    for name, (text, at) in instants.items():
        before = {at - 1: None} if at else {}
        yield ring_ok(
            f"instant-{name}", f"{A} primary-from={text}", [Entry(KEY_A, at)], {**before, at: KEY_A}
        )


def ring_primaries() -> Iterator[Vector]:
    """Rings with several keys. The vectors say which key is primary at which time."""

    def primaries(name: str, entries: Sequence[Entry], primary: dict[int, Any]) -> Vector:
        lines = [ring_line(entry.key, entry.primary_from, entry.open_until) for entry in entries]
        return ring_ok(f"primary-{name}", "\n".join(lines), entries, primary)

    a, b_2025, c_2026 = Entry(KEY_A), Entry(KEY_B, YEAR_2025), Entry(KEY_C, YEAR_2026)
    changes = {
        0: KEY_A,
        YEAR_2025 - 1: KEY_A,
        YEAR_2025: KEY_B,
        YEAR_2026 - 1: KEY_B,
        YEAR_2026: KEY_C,
        LAST_SECOND: KEY_C,
    }
    yield primaries("over-time", [a, b_2025, c_2026], changes)
    yield primaries("over-time-in-other-order", [c_2026, a, b_2025], changes)

    tie_of_2025 = [c_2026, b_2025, Entry(KEY_A, YEAR_2025)]
    yield primaries("tie-of-primary-from", tie_of_2025, {YEAR_2025 - 1: None, YEAR_2025: KEY_B})
    yield primaries("tie-without-primary-from", [Entry(KEY_B), a], {YEAR_2026: KEY_B})
    yield primaries("tie-of-none-and-1970", [a, Entry(KEY_B, 0)], {0: KEY_A})
    yield primaries("tie-of-1970-and-none", [Entry(KEY_B, 0), a], {0: KEY_B})

    b_of_2025 = Entry(KEY_B, YEAR_2025, YEAR_2026)
    passing = {
        YEAR_2025 - 1: KEY_A,
        YEAR_2025: KEY_B,
        YEAR_2026 - 1: KEY_B,
        YEAR_2026: KEY_A,
    }
    yield primaries("retired", [a, b_of_2025], passing)
    second = {YEAR_2025 - 1: KEY_A, YEAR_2025: KEY_B, YEAR_2025 + 1: KEY_A}
    yield primaries("for-one-second", [a, Entry(KEY_B, YEAR_2025, YEAR_2025 + 1)], second)
    tie_until_2026 = [Entry(KEY_B, None, YEAR_2026), a]
    ends = {YEAR_2026 - 1: KEY_B, YEAR_2026: KEY_A}
    yield primaries("retired-of-a-tie", tie_until_2026, ends)

    starting = {0: None, YEAR_2026 - 1: None, YEAR_2026: KEY_C}
    yield primaries("none-yet", [c_2026], starting)
    ending = {YEAR_2026 - 1: KEY_B, YEAR_2026: None}
    yield primaries("none-any-more", [b_of_2025], ending)
    gap = {YEAR_2025 - 1: KEY_A, YEAR_2025: None, YEAR_2026 - 1: None, YEAR_2026: KEY_C}
    yield primaries("none-in-a-gap", [Entry(KEY_A, None, YEAR_2025), c_2026], gap)


def ring_refused_as_a_whole() -> Iterator[Vector]:
    """Texts that are refused as a whole."""
    yield ring_refused("empty", 0, "")
    yield ring_refused("white-space-only", 0, " \t\n;\r\n ")
    yield ring_refused("comments-only", 0, f"# {A}\n# {B}\n")
    yield ring_refused("byte-order-mark", 1, f"\ufeff{A}")
    yield ring_refused("byte-order-mark-before-comment", 1, f"\ufeff# current\n{A}")
    yield ring_refused("65537-bytes", 0, f"{A}\n" + "#" * (LONGEST_RING_TEXT - len(A)))
    two_bytes_each = "\u00e9" * ((LONGEST_RING_TEXT - len(A) - 2) // 2)
    yield ring_refused("65537-bytes-of-fewer-characters", 0, f"{A}\n##{two_bytes_each}")
    keys = [ring_line(vector_key(f"of 65 keys {number}")) for number in range(MOST_KEYS + 1)]
    yield ring_refused("65-keys", MOST_KEYS + 1, "\n".join(keys))
    not_utf_8 = {
        "lone-byte-0xff": A.encode() + b" # \xff",
        "latin-1": A.encode() + b" # cl\xe9 ",
        "overlong": A.encode() + b" # \xc0\xaf",
        "surrogate": A.encode() + b" # \xed\xa0\x80",
        "cut-at-the-end": A.encode() + b" # \xe2\x82",
        "utf-16": b"\xff\xfe" + A.encode("utf-16-le"),
    }
    for name, text in not_utf_8.items():
        yield ring_refused_bytes(name, 1, text)
    yield ring_refused_bytes("on-line-3", 3, A.encode() + b"\n;\xff\n\xff")


def ring_refused_bytes(name: str, line: int, text: bytes) -> Vector:
    return named(f"refused-not-utf-8-{name}", text_hex=text.hex(), expect="refused", line=line)


def ring_refused_lines() -> Iterator[Vector]:
    """Lines that a ring text must not have."""
    texts = {
        "word": (1, "current"),
        "text-after-semicolon-in-comment": (2, f"# old; current\n{A}"),
        "line-3-after-lf": (3, f"{A}\n\ncurrent\n{B}"),
        "line-3-after-cr-lf": (3, f"{A}\r\n# old\r\ncurrent\r\n"),
        "line-3-after-semicolons": (3, f"{A};;current"),
        "line-4-after-mixed-line-ends": (4, f"{A}\n;\r\ncurrent"),
        "lone-cr-between-keys": (1, f"{A}\r{B}"),
        "cr-before-semicolon": (1, f"{A}\r;{B}"),
        "cr-at-the-end": (1, f"{A}\r"),
        "two-cr-before-lf": (1, f"{A}\r\r\n"),
        "form-feed-before-key": (1, f"\f{A}"),
        "vertical-tab-after-key": (1, f"{A}\v"),
        "no-break-space-after-key": (1, f"{A}\u00a0"),
        "byte-order-mark-on-line-2": (2, f"{A}\n\ufeff{B}"),
        "nul-after-key": (1, f"{A}\0"),
        "two-keys-on-a-line": (1, f"{A} {B}"),
        "two-keys-and-comma": (1, f"{A},{B}"),
        "attribute-without-key": (1, FROM_2025),
        "attribute-on-its-own-line": (2, f"{A}\n {FROM_2025}"),
        "attribute-before-key": (1, f"{FROM_2025} {A}"),
        "key-in-quotes": (1, f'"{A}"'),
        "slashes-for-a-comment": (1, f"{A} // current"),
    }
    for name, (line, text) in texts.items():
        yield ring_refused(name, line, text)


def ring_refused_keys() -> Iterator[Vector]:
    """Keys that are refused, and keys that occur twice."""
    first, second = map(ring_line, COLLIDING_KEYS)
    texts = {
        "key-twice": (2, f"{A}\n{A}"),
        "key-twice-with-other-times": (3, f"{A}\n{B}\n{A} {FROM_2025}"),
        "two-keys-with-one-id": (2, f"{first}\n{second}"),
        "key-malformed": (2, f"{A}\n{B[:-1]}"),
        "key-id-mismatch": (1, f"{A[:-8]}{KEY_B.id.hex()}"),
        "key-id-upper-case": (1, A[:-8] + A[-8:].upper()),
        "key-low-entropy": (2, f"{A}\n{ring_line(Key(bytes(32)))}"),
        "key-printable": (1, ring_line(Key(printable_secret()))),
    }
    for name, (line, text) in texts.items():
        yield ring_refused(name, line, text)


def ring_refused_attributes() -> Iterator[Vector]:
    attributes = {
        "unknown": "label=current",
        "unknown-after-known": f"{FROM_2025} label=current",
        "upper-case": f"Primary-From={FROM_2025[13:]}",
        "with-underscore": f"primary_from={FROM_2025[13:]}",
        "without-value": "primary-from",
        "with-empty-value": "primary-from=",
        "with-space-before-equals": f"primary-from ={FROM_2025[13:]}",
        "with-space-after-equals": f"primary-from= {FROM_2025[13:]}",
        "with-two-equals": f"primary-from=={FROM_2025[13:]}",
        "in-quotes": f'primary-from="{FROM_2025[13:]}"',
        "with-comma": f"{FROM_2025}, {UNTIL_2026}",
        "joined-without-space": FROM_2025 + UNTIL_2026,
        "primary-from-repeated": f"{FROM_2025} primary-from=2026-01-01T00:00:00Z",
        "primary-from-repeated-alike": f"{FROM_2025} {FROM_2025}",
        "open-until-repeated": f"{UNTIL_2026} open-until=2027-01-01T00:00:00Z",
        "open-until-equal-to-primary-from": f"{FROM_2025} open-until=2025-01-01T00:00:00Z",
        "open-until-before-primary-from": f"{FROM_2025} open-until=2024-12-31T23:59:59Z",
        "open-until-1970-without-primary-from": "open-until=1970-01-01T00:00:00Z",
        "word-after-key": "current",
    }
    for name, attribute in attributes.items():
        yield ring_refused(f"attribute-{name}", 2, f"{B}\n{A} {attribute}\n")
    yield ring_refused("attribute-without-space-after-key", 1, A + FROM_2025)


def ring_refused_instants() -> Iterator[Vector]:
    instants = {
        "february-30": "2025-02-30T00:00:00Z",
        "february-29-of-2025": "2025-02-29T00:00:00Z",
        "february-29-of-2100": "2100-02-29T00:00:00Z",
        "april-31": "2025-04-31T00:00:00Z",
        "day-0": "2025-01-00T00:00:00Z",
        "month-0": "2025-00-01T00:00:00Z",
        "month-13": "2025-13-01T00:00:00Z",
        "hour-24": "2025-01-01T24:00:00Z",
        "minute-60": "2025-01-01T00:60:00Z",
        "second-61": "2025-01-01T00:00:61Z",
        "leap-second": "2016-12-31T23:59:60Z",
        "year-0": "0000-01-01T00:00:00Z",
        "year-1969": "1969-12-31T23:59:59Z",
        "year-10000": "10000-01-01T00:00:00Z",
        "year-of-2-digits": "25-01-01T00:00:00Z",
        "year-with-sign": "+2025-01-01T00:00:00Z",
        "month-of-1-digit": "2025-1-01T00:00:00Z",
        "lower-case-t": "2025-01-01t00:00:00Z",
        "lower-case-z": "2025-01-01T00:00:00z",
        "underscore-for-t": "2025-01-01_00:00:00Z",
        "without-zone": "2025-01-01T00:00:00",
        "offset": "2025-01-01T00:00:00+00:00",
        "offset-of-1-hour": "2025-01-01T01:00:00+01:00",
        "fraction": "2025-01-01T00:00:00.0Z",
        "without-seconds": "2025-01-01T00:00Z",
        "without-separators": "20250101T000000Z",
        "date-only": "2025-01-01",
        "unix-time": "1735689600",
        "digits-not-ascii": "\u0662\u0660\u0662\u0665-01-01T00:00:00Z",
        "something-after": "2025-01-01T00:00:00Z.",
    }
    for name, text in instants.items():
        yield ring_refused(f"instant-{name}", 1, f"{A} primary-from={text}")
    yield ring_refused("instant-of-open-until", 1, f"{A} open-until=2025-02-30T00:00:00Z")
    yield ring_refused("instant-with-space-for-t", 1, f"{A} primary-from=2025-01-01 00:00:00Z")


# --- 10. session.json ---------------------------------------------------------------------

HOUR = 3_600
DAY = 24 * HOUR
IDLE_TIMEOUT = HOUR
ABSOLUTE_TIMEOUT = DAY
COOKIE_CHANNEL = cookie_channel("__Host-session")


def session_vectors() -> Iterator[Vector]:
    channels = {"cookie": COOKIE_CHANNEL, "bearer": BEARER_CHANNEL}
    for name, channel in channels.items():
        yield session_vector(name, channel=channel)
        yield session_vector(f"{name}-with-renewal", channel=channel, renewed_after=600)
        yield session_vector(
            f"{name}-with-copy", channel=channel, renewed_after=600, renewal_key=KEY_B
        )
    yield session_vector("cookie-of-another-name", channel=cookie_channel("sid"))
    yield session_vector("empty-state", state=b"")
    yield session_vector("empty-state-with-copy", state=b"", renewed_after=600, renewal_key=KEY_B)
    yield session_vector("state-of-1500-bytes", state=octets("state", 1_500))
    yield session_vector(
        "state-of-1500-bytes-with-copy",
        state=octets("state", 1_500),
        renewed_after=600,
        renewal_key=KEY_B,
    )
    yield session_vector(
        "state-ending-in-zeros-with-copy", state=b"cart\0\0\0", renewed_after=60, renewal_key=KEY_B
    )
    yield session_vector("reauthenticated", reauthenticated_after=300, changed_after=300)
    yield session_vector(
        "under-a-new-id", origin=octets("origin", SESSION_ID_LENGTH), reauthenticated_after=300
    )
    yield session_vector(
        "under-a-new-id-with-ceiling",
        origin=octets("origin", SESSION_ID_LENGTH),
        ceiling=ISSUED_AT + 2 * HOUR,
    )
    ended_others = {"before": ISSUED_AT + 661, "mark": octets("mark", MARK_LENGTH).hex()}
    yield session_vector(
        "ended-the-others", origin=octets("origin", SESSION_ID_LENGTH), ended_others=ended_others
    )
    yield session_vector(
        "ended-the-others-with-ceiling-and-copy",
        origin=octets("origin", SESSION_ID_LENGTH),
        ceiling=ISSUED_AT + 2 * HOUR,
        ended_others=ended_others,
        renewed_after=700,
        renewal_key=KEY_B,
    )
    followed = [
        {
            "origin": octets(f"followed {n}", SESSION_ID_LENGTH).hex(),
            "before": ISSUED_AT + 61 - n,
            "mark": octets(f"mark {n}", MARK_LENGTH).hex(),
        }
        for n in range(MOST_FOLLOWS)
    ]
    yield session_vector("started-after-a-revocation", follows=followed[:1])
    yield session_vector(
        "every-field-and-a-copy",
        origin=octets("origin", SESSION_ID_LENGTH),
        ceiling=ISSUED_AT + 2 * HOUR,
        ended_others=ended_others,
        follows=followed,
        renewed_after=700,
        renewal_key=KEY_B,
    )
    yield session_vector("remembered", remembered=True, renewed_after=13 * DAY)
    yield session_vector(
        "remembered-with-ceiling-and-copy",
        remembered=True,
        ceiling=ISSUED_AT + 20 * DAY,
        renewed_after=10 * DAY,
        renewal_key=KEY_B,
    )
    yield session_vector("validated", renewed_after=600, validated_after=600)
    yield session_vector(
        "validated-with-copy", renewed_after=600, validated_after=300, renewal_key=KEY_B
    )
    yield session_vector("changed-after-12-hours", changed_after=12 * HOUR)
    yield session_vector("changed-and-renewed", changed_after=HOUR, renewed_after=2 * HOUR)
    yield session_vector("ceiling", ceiling=ISSUED_AT + 2 * HOUR)
    yield session_vector("ceiling-after-the-absolute-timeout", ceiling=ISSUED_AT + 2 * DAY)
    yield session_vector(
        "ceiling-with-copy", ceiling=ISSUED_AT + 2 * HOUR, renewed_after=600, renewal_key=KEY_B
    )
    yield session_vector("schema-300", schema=300, renewed_after=600)
    yield session_vector("copy-of-schema-300", schema=300, renewed_after=600, renewal_key=KEY_B)
    bound = compressed(DEVICE.public_key())
    yield session_vector("bound", bound=bound)
    yield session_vector("bound-and-proved", bound=bound, renewed_after=600, proved_after=650)
    yield session_vector(
        "bound-and-proved-with-copy",
        bound=bound,
        renewed_after=600,
        proved_after=650,
        renewal_key=KEY_B,
    )
    yield session_vector(
        "bound-in-headers",
        channel=BEARER_CHANNEL,
        bound=bound,
        renewed_after=600,
        proved_after=550,
    )
    yield session_vector("bound-by-the-renewal-token-alone", renewed_after=60, proved_after=90)
    yield session_vector(
        "bound-with-every-field-and-a-copy",
        origin=octets("origin", SESSION_ID_LENGTH),
        ceiling=ISSUED_AT + 2 * HOUR,
        ended_others=ended_others,
        follows=followed,
        remembered=True,
        bound=bound,
        renewed_after=700,
        validated_after=300,
        proved_after=710,
        renewal_key=KEY_B,
    )


def session_vector(
    name: str,
    *,
    channel: bytes = COOKIE_CHANNEL,
    state: bytes = b'{"account":4711}',
    schema: int = 3,
    reauthenticated_after: int = 0,
    changed_after: int = 0,
    ceiling: int | None = None,
    origin: bytes | None = None,
    ended_others: Vector | None = None,
    follows: Sequence[Vector] = (),
    remembered: bool = False,
    bound: bytes | None = None,
    renewed_after: int | None = None,
    validated_after: int | None = None,
    proved_after: int | None = None,
    renewal_key: Key = KEY_A,
) -> Vector:
    """A session that began at ``ISSUED_AT`` under key A. If the renewal token is under another
    key, the renewal token contains a copy of the state token."""
    absolute_timeout = 30 * DAY if remembered else ABSOLUTE_TIMEOUT
    absolute_deadline = min(ISSUED_AT + absolute_timeout, ceiling or LAST_SECOND)
    renewal = renewed_after and {
        "key": renewal_key.secret.hex(),
        "nonce": nonce_of(f"session {name} renewal").hex(),
        "issued_at": ISSUED_AT + renewed_after,
        "lifetime": 14 * DAY if remembered else IDLE_TIMEOUT,
        "validated_at": 0 if validated_after is None else ISSUED_AT + validated_after,
        "proved_at": None if proved_after is None else ISSUED_AT + proved_after,
        "bound": proved_after and compressed(DEVICE.public_key()).hex(),
        "with_copy": renewal_key != KEY_A,
    }
    inputs = {
        "purpose": b"shop.example/session".hex(),
        "channel": channel.hex(),
        "state": state.hex(),
        "session_id": octets(f"session id {name}", SESSION_ID_LENGTH).hex(),
        "started_at": ISSUED_AT,
        "reauthenticated_at": ISSUED_AT + reauthenticated_after,
        "ceiling": ceiling,
        "origin": origin and origin.hex(),
        "ended_others": ended_others,
        "follows": list(follows),
        "remembered": remembered,
        "bound": bound and bound.hex(),
        "issued_at": ISSUED_AT + changed_after,
        "lifetime": absolute_deadline - (ISSUED_AT + changed_after),
        "schema": schema,
        "key": KEY_A.secret.hex(),
        "nonce": nonce_of(f"session {name}").hex(),
        "renewal": renewal,
    }
    return named(name, **answer_session(inputs))


# --- 10. pieces.json ----------------------------------------------------------------------


def pieces_vectors() -> Iterator[Vector]:
    host, renewal, long_name = "__Host-session", "__Host-session-renewal", "n" * 1_400
    cases = {
        "2-pieces-one-octet-too-long-for-one-cookie": (host, 4_083),
        "2-pieces": (host, 6_001),
        "2-full-pieces": (host, 8_130),
        "3-pieces-the-last-of-1-character": (host, 8_131),
        "3-pieces-of-the-longest-token": (host, 8_191),
        "2-pieces-of-a-renewal-token": (renewal, 5_001),
        "3-pieces-of-a-renewal-token": (renewal, 8_191),
        "2-pieces-short-name": ("s", 4_097),
        "2-pieces-long-name": (long_name, 4_097),
        "3-pieces-long-name": (long_name, 6_001),
        "4-pieces-long-name": (long_name, 8_191),
        "4-pieces-longest-name-for-the-longest-token": ("n" * 2_031, 8_191),
    }
    for name, (cookie_name, length) in cases.items():
        token = token_of_length(name, length)
        yield named(name, **answer_pieces({"cookie_name": cookie_name, "token": token}))


def token_of_length(name: str, length: int) -> str:
    """A sealed token of this length in characters."""
    overhead = SHORTEST[SEALED] - 4 + 10
    payload = octets(f"pieces {name}", (length - 3) * 3 // 4 - overhead)
    body = make_body(payload, issued_at=ISSUED_AT, lifetime=LIFETIME)
    return seal_body(KEY_A, PURPOSE, nonce_of(f"pieces {name}"), body).text()


# --- 10. challenge.json -------------------------------------------------------------------

SESSION_PURPOSE = b"shop.example/session"
COOKIE_NAME = "__Host-session"
BOUND_ORIGIN = octets("bound session", SESSION_ID_LENGTH)
PROOF_LIFETIME = 600


def challenge_vectors() -> Iterator[Vector]:
    yield challenge_vector("asks-for-a-proof")
    yield challenge_vector("asks-for-nothing", asks=NOTHING)
    yield challenge_vector("cookie-of-another-name", cookie_name="sid")
    yield challenge_vector("under-another-key", key=KEY_B)
    yield challenge_vector("late-in-the-session", issued_after=DAY - 1)
    yield challenge_vector("origin-of-zeros", origin=bytes(SESSION_ID_LENGTH))
    yield header_challenge("in-headers")
    yield header_challenge("in-headers-without-session", origin=NO_SESSION)
    yield header_challenge("in-headers-under-another-key", key=KEY_B)
    yield header_challenge("in-headers-late-in-the-session", issued_after=DAY - 1, lifetime=1)


def challenge_vector(
    name: str,
    *,
    origin: bytes = BOUND_ORIGIN,
    asks: int = A_PROOF,
    cookie_name: str | None = COOKIE_NAME,
    issued_after: int = 0,
    lifetime: int | None = None,
    key: Key = KEY_A,
) -> Vector:
    """A challenge of a session that began at ``ISSUED_AT``."""
    inputs = {
        "purpose": SESSION_PURPOSE.hex(),
        "cookie_name": cookie_name,
        "origin": origin.hex(),
        "asks": asks,
        "issued_at": ISSUED_AT + issued_after,
        "lifetime": ABSOLUTE_TIMEOUT - issued_after if lifetime is None else lifetime,
        "key": key.secret.hex(),
        "nonce": nonce_of(f"challenge {name}").hex(),
    }
    return named(name, **answer_challenge(inputs))


def header_challenge(
    name: str, *, lifetime: int = PROOF_LIFETIME + SECONDS_TO_SIGN, **options: Any
) -> Vector:
    """A challenge of a session in headers (spec 9.6)."""
    return challenge_vector(name, cookie_name=None, lifetime=lifetime, **options)


# --- 10. proof.json -----------------------------------------------------------------------


def device_key(number: int) -> ec.EllipticCurvePrivateKey:
    """A private key of a device. It is public, like the example keys."""
    return ec.derive_private_key(
        int.from_bytes(octets(f"device {number}", 32), "big"), ec.SECP256R1()
    )


DEVICE, OTHER_DEVICE = device_key(1), device_key(2)
TYPES = {"typ": PROOF_TYPE, "alg": "ES256"}


def jwk_of(device: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    point = device.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    x, y = to_base64url(point[1:33]), to_base64url(point[33:])
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def es256(device: ec.EllipticCurvePrivateKey, signed: bytes) -> bytes:
    """The signature r || s with the nonce of RFC 6979, so that it is always the same."""
    algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
    r, s = decode_dss_signature(device.sign(signed, algorithm))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def made_proof(header: Any, claims: Any, device: ec.EllipticCurvePrivateKey = DEVICE) -> str:
    """Signs a header and claims: JSON values, or texts that are signed as they are."""
    parts = (
        part if isinstance(part, str) else json.dumps(part, separators=(",", ":"))
        for part in (header, claims)
    )
    signed = ".".join(to_base64url(part.encode()) for part in parts)
    return f"{signed}.{to_base64url(es256(device, signed.encode()))}"


def challenge_token(name: str = "asks-for-a-proof", **options: Any) -> str:
    return challenge_vector(name, **options)["token"]


CHALLENGE_TOKEN = challenge_token()
CLAIMS = {"jti": CHALLENGE_TOKEN}
REGISTRATION_HEADER = TYPES | {"jwk": jwk_of(DEVICE)}


def proof_vector(
    name: str,
    proof: str,
    expect: str,
    *,
    refresh: bool = False,
    now: int = ISSUED_AT + 5,
    bound: bytes | None = None,
) -> Vector:
    inputs = {
        "request": "refresh" if refresh else "registration",
        "ring": ring_line(KEY_A) + "\n",
        "purpose": SESSION_PURPOSE.hex(),
        "cookie_name": COOKIE_NAME,
        "origin": BOUND_ORIGIN.hex(),
        "bound": (bound or compressed(DEVICE.public_key())).hex() if refresh else None,
        "proof_lifetime": PROOF_LIFETIME,
        "now": now,
        "proof": proof,
    }
    vector = named(name, **answer_proof(inputs))
    if vector["expect"] != expect:
        raise AssertionError(f"{name} is {vector['expect']}, not {expect}")
    return vector


def proof_vectors() -> Iterator[Vector]:
    yield from accepted_proofs()
    yield from proofs_of_another_form()
    yield from proofs_with_another_header()
    yield from proofs_with_another_key()
    yield from proofs_with_other_claims()
    yield from proofs_with_another_signature()
    yield from proofs_of_another_challenge()


def accepted_proofs() -> Iterator[Vector]:
    registration = made_proof(REGISTRATION_HEADER, CLAIMS)
    refresh = made_proof(TYPES, CLAIMS)
    last = ISSUED_AT + PROOF_LIFETIME + SECONDS_TO_SIGN - 1
    yield proof_vector("registration", registration, "ok")
    yield proof_vector("refresh", refresh, "ok", refresh=True)
    yield proof_vector("refresh-that-names-its-key", registration, "ok", refresh=True)
    yield proof_vector("registration-at-the-last-second", registration, "ok", now=last)
    yield proof_vector("refresh-at-the-last-second", refresh, "ok", refresh=True, now=last)
    other = made_proof(TYPES | {"jwk": jwk_of(OTHER_DEVICE)}, CLAIMS, OTHER_DEVICE)
    yield proof_vector("registration-of-another-device", other, "ok")
    more = {"kid": "k", "x5c": [], "b64": True}
    jwk = jwk_of(DEVICE) | {"use": "sig", "ext": True}
    text = made_proof(TYPES | {"jwk": jwk} | more, CLAIMS | {"aud": [{"a": None}], "iat": 1.5})
    yield proof_vector("unknown-members", text, "ok")
    spaced = json.dumps(REGISTRATION_HEADER, indent=2), json.dumps({"jti": CHALLENGE_TOKEN})
    yield proof_vector("white-space-in-the-json", made_proof(*spaced), "ok")
    deep = {"a": nested(DEEPEST_JSON - 1), "b": nested(DEEPEST_JSON - 1, innermost={})}
    yield proof_vector("json-8-deep", made_proof(REGISTRATION_HEADER | deep, CLAIMS), "ok")
    pair = REGISTRATION_TEXT.replace("{", '{"a":"\\ud83d\\ude00","b":1.7e308,', 1)
    yield proof_vector("pair-of-surrogates-and-large-number", made_proof(pair, CLAIMS), "ok")
    yield proof_vector("signature-with-the-other-s", with_other_s(registration), "ok")


def nested(levels: int, innermost: Any = ()) -> Any:
    """Arrays in each other, with another value as the innermost one."""
    return [nested(levels - 1, innermost)] if levels > 1 else innermost


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def with_other_s(proof: str) -> str:
    """The same proof with the signature r || n - s, which is valid too."""
    signed, _, signature = proof.rpartition(".")
    raw = from_base64url(signature)
    s = P256_ORDER - int.from_bytes(raw[32:], "big")
    return f"{signed}.{to_base64url(raw[:32] + s.to_bytes(32, 'big'))}"


def proofs_of_another_form() -> Iterator[Vector]:
    proof = made_proof(REGISTRATION_HEADER, CLAIMS)
    header, claims, signature = proof.split(".")
    short = len(made_proof(REGISTRATION_HEADER | {"a": ""}, CLAIMS))
    room = (LONGEST_PROOF - short) * 3 // 4
    longest = made_proof(REGISTRATION_HEADER | {"a": "x" * room}, CLAIMS)
    longer = made_proof(REGISTRATION_HEADER | {"a": "x" * (room + 3)}, CLAIMS)
    yield proof_vector(f"{len(longest)}-octets", longest, "ok")
    yield proof_vector(f"{len(longer)}-octets", longer, "too-long")
    yield proof_vector("too-long-and-not-base64url", "*" * (LONGEST_PROOF + 1), "too-long")
    texts = {
        "empty": "",
        "one-part": header,
        "two-parts": f"{header}.{claims}",
        "four-parts": f"{proof}.{signature}",
        "padded": f"{proof}==",
        "header-with-white-space": f" {proof}",
        "claims-with-plus": f"{header}.+{claims[1:]}.{signature}",
        "signature-with-trailing-bits": next_character(proof),
        "json-and-not-compact": json.dumps({"payload": claims, "signature": signature}),
    }
    for name, text in texts.items():
        yield proof_vector(name, text, "form")


def proofs_with_another_header() -> Iterator[Vector]:
    jwk = jwk_of(DEVICE)
    headers: dict[str, tuple[Any, str]] = {
        "header-not-json": ("typ", "header"),
        "header-empty": ("", "header"),
        "header-an-array": ([REGISTRATION_HEADER], "header"),
        "header-with-nan": (REGISTRATION_TEXT.replace("{", '{"a":NaN,', 1), "header"),
        "header-and-more": (json.dumps(REGISTRATION_HEADER) + "{}", "header"),
        "header-with-crit": (REGISTRATION_HEADER | {"crit": ["b64"], "b64": True}, "header"),
        "header-with-empty-crit": (REGISTRATION_HEADER | {"crit": None}, "header"),
        "header-9-deep": (REGISTRATION_HEADER | {"a": nested(DEEPEST_JSON)}, "header"),
        "header-9-deep-object": (
            REGISTRATION_HEADER | {"a": nested(DEEPEST_JSON, innermost={})}, "header",
        ),
        "header-with-half-a-pair": (
            REGISTRATION_TEXT.replace("{", '{"a":"\\ud800",', 1), "header",
        ),
        "header-with-half-a-pair-in-a-name": (
            REGISTRATION_TEXT.replace("{", '{"\\udc00":1,', 1), "header",
        ),
        "header-with-a-number-too-large": (
            REGISTRATION_TEXT.replace("{", '{"a":1e400,', 1), "header",
        ),
        "header-with-an-integer-too-large": (
            REGISTRATION_TEXT.replace("{", f'{{"a":1{"0" * 309},', 1), "header",
        ),
        "alg-twice": (REGISTRATION_TEXT.replace("{", '{"alg":"ES256",', 1), "header"),
        "alg-twice-with-an-escape": (
            REGISTRATION_TEXT.replace("{", '{"\\u0061lg":"none",', 1), "header",
        ),
        "x-of-the-key-twice": (
            REGISTRATION_TEXT.replace('"x":', f'"x":"{jwk["x"]}","x":', 1), "header",
        ),
        "typ-missing": ({"alg": "ES256", "jwk": jwk}, "type"),
        "typ-of-dpop": (REGISTRATION_HEADER | {"typ": "dpop+jwt"}, "type"),
        "typ-of-any-jwt": (REGISTRATION_HEADER | {"typ": "JWT"}, "type"),
        "typ-in-upper-case": (REGISTRATION_HEADER | {"typ": "DBSC+JWT"}, "type"),
        "typ-with-application": (REGISTRATION_HEADER | {"typ": "application/dbsc+jwt"}, "type"),
        "typ-a-list": (REGISTRATION_HEADER | {"typ": [PROOF_TYPE]}, "type"),
        "alg-missing": ({"typ": PROOF_TYPE, "jwk": jwk}, "algorithm"),
        "alg-none": (REGISTRATION_HEADER | {"alg": "none"}, "algorithm"),
        "alg-hs256": (REGISTRATION_HEADER | {"alg": "HS256"}, "algorithm"),
        "alg-rs256": (REGISTRATION_HEADER | {"alg": "RS256"}, "algorithm"),
        "alg-es384": (REGISTRATION_HEADER | {"alg": "ES384"}, "algorithm"),
        "alg-in-lower-case": (REGISTRATION_HEADER | {"alg": "es256"}, "algorithm"),
        "wrong-typ-before-wrong-alg": ({"typ": "JWT", "alg": "none"}, "type"),
    }  # fmt: skip
    for name, (header, expect) in headers.items():
        yield proof_vector(name, made_proof(header, CLAIMS), expect)


REGISTRATION_TEXT = json.dumps(REGISTRATION_HEADER, separators=(",", ":"))


def proofs_with_another_key() -> Iterator[Vector]:
    jwk = jwk_of(DEVICE)
    another = jwk_of(OTHER_DEVICE)
    zeros = to_base64url(bytes(32))
    keys: dict[str, Any] = {
        "key-null": None,
        "key-a-text": "k",
        "key-empty": {},
        "key-of-okp": jwk | {"kty": "OKP"},
        "key-of-p-384": jwk | {"crv": "P-384"},
        "key-without-y": {name: jwk[name] for name in ("kty", "crv", "x")},
        "key-with-private-part": jwk | {"d": zeros},
        "key-with-private-part-null": jwk | {"d": None},
        "key-not-on-the-curve": jwk | {"y": another["y"]},
        "key-of-zeros": jwk | {"x": zeros, "y": zeros},
        "key-with-x-padded": jwk | {"x": jwk["x"] + "="},
        "key-with-x-of-33-bytes": jwk | {"x": to_base64url(b"\0" + from_base64url(jwk["x"]))},
        "key-with-x-trailing-bits": jwk | {"x": next_character(jwk["x"])},
        "key-with-x-a-number": jwk | {"x": 7},
    }
    for name, key in keys.items():
        yield proof_vector(name, made_proof(TYPES | {"jwk": key}, CLAIMS), "key")
    yield proof_vector("registration-without-key", made_proof(TYPES, CLAIMS), "no-key")
    foreign = made_proof(TYPES | {"jwk": another}, CLAIMS, OTHER_DEVICE)
    yield proof_vector("refresh-that-names-another-key", foreign, "other-key", refresh=True)
    mixed = made_proof(TYPES | {"jwk": another}, CLAIMS)
    yield proof_vector("refresh-of-its-key-that-names-another", mixed, "other-key", refresh=True)


def proofs_with_other_claims() -> Iterator[Vector]:
    jti = json.dumps(CHALLENGE_TOKEN)
    claims: dict[str, tuple[Any, str]] = {
        "claims-empty": ("", "claims"),
        "claims-not-json": (CHALLENGE_TOKEN, "claims"),
        "claims-an-array": ([CLAIMS], "claims"),
        "jti-twice": (f'{{"jti":{jti},"jti":{jti}}}', "claims"),
        "member-twice-far-down": (f'{{"jti":{jti},"a":[{{"b":1,"b":1}}]}}', "claims"),
        "claims-9-deep": (CLAIMS | {"a": nested(DEEPEST_JSON)}, "claims"),
        "claims-9-deep-object": (CLAIMS | {"a": nested(DEEPEST_JSON, innermost={})}, "claims"),
        "claims-with-half-a-pair": (f'{{"jti":{jti},"a":"\\udfff\\ud800"}}', "claims"),
        "jti-missing": ({"challenge": CHALLENGE_TOKEN}, "claim"),
        "jti-empty": ({"jti": ""}, "claim"),
        "jti-null": ({"jti": None}, "claim"),
        "jti-a-list": ({"jti": [CHALLENGE_TOKEN]}, "claim"),
    }
    for name, (wrong, expect) in claims.items():
        yield proof_vector(name, made_proof(REGISTRATION_HEADER, wrong), expect)


def proofs_with_another_signature() -> Iterator[Vector]:
    proof = made_proof(REGISTRATION_HEADER, CLAIMS)
    signed, _, signature = proof.rpartition(".")
    raw = from_base64url(signature)
    der = encode_dss_signature(*(int.from_bytes(half, "big") for half in (raw[:32], raw[32:])))
    signatures = {
        "signature-missing": b"",
        "signature-of-63-bytes": raw[:-1],
        "signature-of-65-bytes": raw + b"\0",
        "signature-in-der": der,
        "signature-of-zeros": bytes(64),
        "signature-with-r-zero": bytes(32) + raw[32:],
        "signature-with-s-of-the-order": raw[:32] + P256_ORDER.to_bytes(32, "big"),
        "signature-with-r-flipped": flip_bit(raw, 0),
        "signature-with-s-flipped": flip_bit(raw, 63),
        "signature-with-r-and-s-exchanged": raw[32:] + raw[:32],
    }
    for name, wrong in signatures.items():
        yield proof_vector(name, f"{signed}.{to_base64url(wrong)}", "signature")
    foreign = made_proof(REGISTRATION_HEADER, CLAIMS, OTHER_DEVICE)
    yield proof_vector("registration-signed-by-another-key", foreign, "signature")
    refresh = made_proof(TYPES, CLAIMS, OTHER_DEVICE)
    yield proof_vector("refresh-signed-by-another-key", refresh, "signature", refresh=True)
    header, _, _ = proof.split(".")
    claims = to_base64url(json.dumps({"jti": CHALLENGE_TOKEN, "sub": "ada"}).encode())
    yield proof_vector("claims-altered", f"{header}.{claims}.{signature}", "signature")
    header = to_base64url(json.dumps(REGISTRATION_HEADER | {"kid": "k"}).encode())
    altered = f"{header}.{signed.split('.')[1]}.{signature}"
    yield proof_vector("header-altered", altered, "signature")
    not_a_challenge = made_proof(REGISTRATION_HEADER, {"jti": "c1"}, OTHER_DEVICE)
    yield proof_vector("wrong-signature-before-wrong-challenge", not_a_challenge, "signature")


def proofs_of_another_challenge() -> Iterator[Vector]:
    session = state_purpose(SESSION_PURPOSE, COOKIE_CHANNEL)
    body = make_body(
        ChallengePayload(BOUND_ORIGIN, A_PROOF).encode(),
        issued_at=ISSUED_AT, lifetime=DAY, bucket=SESSION_BUCKET,
    )  # fmt: skip
    challenges = {
        "challenge-of-another-kind": ("c1", "prefix"),
        "challenge-cut-off": (CHALLENGE_TOKEN[:-1], "encoding"),
        "challenge-under-an-unknown-key": (challenge_token(key=KEY_B), "unknown-key"),
        "challenge-with-the-purpose-of-a-state-token": (
            seal_body(KEY_A, session, nonce_of("challenge as state"), body).text(), "bad-tag",
        ),
        "challenge-of-another-cookie": (challenge_token(cookie_name="sid"), "bad-tag"),
        "challenge-from-the-future": (challenge_token(issued_after=66), "not-yet-valid"),
        "challenge-of-schema-2": (crafted_challenge("schema 2", schema=2), "newer-schema"),
        "challenge-with-padding-not-zero": (crafted_challenge("padding", padding=1), "padding"),
        "challenge-of-16-bytes": (crafted_challenge("16", payload=BOUND_ORIGIN), "payload"),
        "challenge-of-18-bytes": (
            crafted_challenge("18", payload=BOUND_ORIGIN + b"\0\0"), "payload",
        ),
        "challenge-that-asks-2": (
            crafted_challenge("asks 2", payload=BOUND_ORIGIN + b"\2"), "payload",
        ),
        "challenge-of-another-session": (
            challenge_token(origin=octets("origin", SESSION_ID_LENGTH)), "other-session",
        ),
        "challenge-of-the-unbound-id": (
            challenge_token(origin=unbound_id(BOUND_ORIGIN)), "other-session",
        ),
        "challenge-that-asks-for-nothing": (challenge_token(asks=NOTHING), "other-session"),
    }  # fmt: skip
    for name, (challenge, expect) in challenges.items():
        claims = {"jti": challenge}
        yield proof_vector(f"registration-{name}", made_proof(REGISTRATION_HEADER, claims), expect)
        yield proof_vector(f"refresh-{name}", made_proof(TYPES, claims), expect, refresh=True)
    stale = ISSUED_AT + PROOF_LIFETIME + SECONDS_TO_SIGN
    registration, refresh = made_proof(REGISTRATION_HEADER, CLAIMS), made_proof(TYPES, CLAIMS)
    yield proof_vector("registration-stale", registration, "stale", now=stale)
    yield proof_vector("refresh-stale", refresh, "stale", refresh=True, now=stale)
    ended = ISSUED_AT + ABSOLUTE_TIMEOUT
    before = ended - 1
    yield proof_vector("refresh-stale-before-expired", refresh, "stale", refresh=True, now=before)
    yield proof_vector("refresh-after-the-session", refresh, "expired", refresh=True, now=ended)
    other = challenge_token(origin=octets("origin", SESSION_ID_LENGTH))
    both = made_proof(TYPES, {"jti": other})
    yield proof_vector("other-session-before-stale", both, "other-session", refresh=True, now=stale)


def crafted_challenge(
    name: str,
    *,
    channel: bytes = COOKIE_CHANNEL,
    payload: bytes = BOUND_ORIGIN + b"\0",
    schema: int = 1,
    padding: int = 0,
) -> str:
    body = make_body(
        payload, issued_at=ISSUED_AT, lifetime=DAY, schema=schema, bucket=SESSION_BUCKET
    )
    purpose = challenge_purpose(SESSION_PURPOSE, channel)
    body = body[:-1] + bytes([padding])
    return seal_body(KEY_A, purpose, nonce_of(f"challenge {name}"), body).text()


# --- 10. dpop.json ------------------------------------------------------------------------

SERVER = "https://api.shop.example"
BEARER_CHALLENGE = header_challenge("in-headers")["token"]
BOUND_TO_DEVICE = compressed(DEVICE.public_key())


def header_state(
    name: str,
    *,
    session_id: bytes = BOUND_ORIGIN,
    origin: bytes | None = None,
    bound: bytes | None = BOUND_TO_DEVICE,
) -> str:
    """The state token of a session in headers that began at ``ISSUED_AT``."""
    payload = StatePayload(
        session_id, ISSUED_AT, ISSUED_AT, None, origin, None, (), False, bound, b"\7"
    ).encode()
    body = make_body(payload, issued_at=ISSUED_AT, lifetime=2 * DAY, bucket=SESSION_BUCKET)
    purpose = state_purpose(SESSION_PURPOSE, BEARER_CHANNEL)
    return seal_body(KEY_A, purpose, nonce_of(f"state {name}"), body).text()


HEADER_STATE = header_state("bound")


def token_hash(token: str) -> str:
    """The claim ``ath``."""
    return to_base64url(hashlib.sha256(token.encode()).digest())


DPOP_HEADER = {"typ": REQUEST_PROOF_TYPE, "alg": "ES256", "jwk": jwk_of(DEVICE)}
SIGN_IN_CLAIMS: dict[str, Any] = {
    "jti": "1",
    "htm": "POST",
    "htu": f"{SERVER}/sign-in",
    "iat": ISSUED_AT + 5,
}
DPOP_CLAIMS: dict[str, Any] = {
    "jti": "2",
    "htm": "GET",
    "htu": f"{SERVER}/balance",
    "iat": ISSUED_AT + 5,
    "ath": token_hash(HEADER_STATE),
    "nonce": BEARER_CHALLENGE,
}


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in members.items() if other != name}


def dpop_vector(
    name: str,
    proofs: str | Sequence[str],
    expect: str,
    *,
    sign_in: bool = False,
    authorization: str | None = f"DPoP {HEADER_STATE}",
    addresses: Sequence[str] = (SERVER,),
    target: str | None = None,
    used: Sequence[str] = (),
    now: int = ISSUED_AT + 5,
    ring: Sequence[Key] = (KEY_A,),
) -> Vector:
    identifiers = [
        hashlib.sha256(proof.rpartition(".")[0].encode()).hexdigest()[:32] for proof in used
    ]
    inputs = {
        "request": "sign-in" if sign_in else "session",
        "ring": "".join(f"{ring_line(key)}\n" for key in ring),
        "purpose": SESSION_PURPOSE.hex(),
        "addresses": list(addresses),
        "proof_lifetime": PROOF_LIFETIME,
        "used": identifiers,
        "now": now,
        "method": "POST" if sign_in else "GET",
        "target": target or ("/sign-in" if sign_in else "/balance"),
        "authorization": None if sign_in else authorization,
        "proofs": [proofs] if isinstance(proofs, str) else list(proofs),
    }
    vector = named(name, **answer_dpop(inputs))
    if vector["expect"] != expect:
        raise AssertionError(f"{name} is {vector['expect']}, not {expect}")
    return vector


def dpop_vectors() -> Iterator[Vector]:
    yield from accepted_request_proofs()
    yield from accepted_sign_ins()
    yield from requests_of_another_scheme()
    yield from request_proofs_of_another_form()
    yield from request_proofs_with_another_header()
    yield from request_proofs_with_other_claims()
    yield from request_proofs_of_equal_addresses()
    yield from request_proofs_of_other_addresses()
    yield from request_proofs_of_another_session()
    yield from request_proofs_of_another_challenge()
    yield from used_request_proofs()
    yield from request_proofs_refused_in_order()


def accepted_request_proofs() -> Iterator[Vector]:
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS)
    yield dpop_vector("session", proof, "ok")
    yield dpop_vector("scheme-in-lower-case", proof, "ok", authorization=f"dpop {HEADER_STATE}")
    quarter = ISSUED_AT + PROOF_LIFETIME // 4
    yield dpop_vector("before-a-quarter-of-the-proof-lifetime", proof, "ok", now=quarter - 1)
    yield dpop_vector("after-a-quarter-of-the-proof-lifetime", proof, "ok", now=quarter)
    last = ISSUED_AT + PROOF_LIFETIME - 1
    yield dpop_vector("at-the-last-second", proof, "ok", now=last)
    early = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"iat": 0})
    yield dpop_vector("the-time-of-the-client-does-not-count", early, "ok")
    late = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"iat": 2**63})
    yield dpop_vector("nor-a-time-far-ahead", late, "ok")
    ahead = header_challenge("ahead", issued_after=65)["token"]
    ahead = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"nonce": ahead})
    yield dpop_vector("challenge-of-a-server-60-seconds-ahead", ahead, "ok")
    renamed = header_state(
        "renamed", session_id=octets("renamed", SESSION_ID_LENGTH), origin=BOUND_ORIGIN
    )
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"ath": token_hash(renamed)})
    yield dpop_vector("session-with-a-new-id", proof, "ok", authorization=f"DPoP {renamed}")
    jwk = jwk_of(DEVICE) | {"use": "sig"}
    more = {"jwk": jwk, "kid": "k"}, {"aud": [{"a": None}], "exp": 0}
    text = made_proof(DPOP_HEADER | more[0], DPOP_CLAIMS | more[1])
    yield dpop_vector("unknown-members", text, "ok")
    other_s = with_other_s(made_proof(DPOP_HEADER, DPOP_CLAIMS))
    yield dpop_vector("signature-with-the-other-s", other_s, "ok")
    fraction = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"iat": ISSUED_AT + 5.75})
    yield dpop_vector("time-with-a-fraction", fraction, "ok")
    old = header_challenge("under key b", key=KEY_B)["token"]
    old = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"nonce": old})
    yield dpop_vector("challenge-under-another-key-of-the-ring", old, "ok", ring=(KEY_A, KEY_B))


def accepted_sign_ins() -> Iterator[Vector]:
    proof = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS)
    yield dpop_vector("sign-in", proof, "ok", sign_in=True)
    header = DPOP_HEADER | {"jwk": jwk_of(OTHER_DEVICE)}
    other = made_proof(header, SIGN_IN_CLAIMS, OTHER_DEVICE)
    yield dpop_vector("sign-in-of-another-device", other, "ok", sign_in=True)
    at = SIGN_IN_CLAIMS["iat"]
    for name, now, expect in [
        ("60-seconds-after-its-time", at + 60, "ok"),
        ("60-seconds-before-its-time", at - 60, "ok"),
        ("61-seconds-after-its-time", at + 61, "no-challenge"),
        ("61-seconds-before-its-time", at - 61, "no-challenge"),
    ]:
        yield dpop_vector(f"sign-in-{name}", proof, expect, sign_in=True, now=now)
    fraction = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS | {"iat": at + 0.5})
    yield dpop_vector(
        "sign-in-60-seconds-before-a-fraction", fraction, "ok", sign_in=True, now=at - 60
    )
    asked = header_challenge("in-headers-without-session", origin=NO_SESSION)["token"]
    for name, nonce in [("", asked), ("-of-a-session", BEARER_CHALLENGE)]:
        proof = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS | {"nonce": nonce, "iat": 7})
        yield dpop_vector(f"sign-in-with-a-challenge{name}", proof, "ok", sign_in=True)
    stale = ISSUED_AT + PROOF_LIFETIME
    late = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS | {"nonce": asked, "iat": stale})
    yield dpop_vector("sign-in-with-a-stale-challenge", late, "stale", sign_in=True, now=stale)
    wrong = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS | {"nonce": ""})
    yield dpop_vector("sign-in-with-an-empty-challenge", wrong, "prefix", sign_in=True)
    with_hash = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS | {"ath": to_base64url(bytes(32))})
    yield dpop_vector("sign-in-that-names-a-token", with_hash, "ok", sign_in=True)


def requests_of_another_scheme() -> Iterator[Vector]:
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS)
    bearer = f"Bearer {HEADER_STATE}"
    yield dpop_vector("bound-session-as-bearer", proof, "scheme", authorization=bearer)
    yield dpop_vector("bound-session-as-bearer-alone", [], "scheme", authorization=bearer)
    unbound = header_state("unbound", bound=None)
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"ath": token_hash(unbound)})
    yield dpop_vector("session-without-key", proof, "scheme", authorization=f"DPoP {unbound}")
    two = [made_proof(DPOP_HEADER, DPOP_CLAIMS | {"jti": str(jti)}) for jti in (3, 4)]
    yield dpop_vector("two-proofs", two, "two-proofs")
    two = [made_proof(DPOP_HEADER, SIGN_IN_CLAIMS)] * 2
    yield dpop_vector("sign-in-with-two-proofs", two, "two-proofs", sign_in=True)


def request_proofs_of_another_form() -> Iterator[Vector]:
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS)
    signed, _, signature = proof.rpartition(".")
    raw = from_base64url(signature)
    texts = {
        "too-long": ("x" * (LONGEST_PROOF + 1), "too-long"),
        "empty": ("", "form"),
        "two-parts": (signed, "form"),
        "padded": (f"{proof}==", "form"),
        "two-in-one-header": (f"{proof}, {proof}", "form"),
        "signature-with-r-flipped": (f"{signed}.{to_base64url(flip_bit(raw, 0))}", "signature"),
        "signature-of-63-bytes": (f"{signed}.{to_base64url(raw[:-1])}", "signature"),
        "signed-by-another-key": (
            made_proof(DPOP_HEADER, DPOP_CLAIMS, OTHER_DEVICE), "signature",
        ),
    }  # fmt: skip
    for name, (text, expect) in texts.items():
        yield dpop_vector(f"proof-{name}", text, expect)


def request_proofs_with_another_header() -> Iterator[Vector]:
    twice = json.dumps(DPOP_HEADER).replace("{", '{"alg":"ES256",', 1)
    headers: dict[str, tuple[Any, str]] = {
        "not-json": ("typ", "header"),
        "crit": (DPOP_HEADER | {"crit": []}, "header"),
        "alg-twice": (twice, "header"),
        "typ-missing": (without(DPOP_HEADER, "typ"), "type"),
        "typ-of-a-browser": (DPOP_HEADER | {"typ": PROOF_TYPE}, "type"),
        "typ-in-upper-case": (DPOP_HEADER | {"typ": "DPOP+JWT"}, "type"),
        "alg-none": (DPOP_HEADER | {"alg": "none"}, "algorithm"),
        "alg-eddsa": (DPOP_HEADER | {"alg": "EdDSA"}, "algorithm"),
        "key-missing": (without(DPOP_HEADER, "jwk"), "no-key"),
        "key-null": (DPOP_HEADER | {"jwk": None}, "key"),
        "key-with-private-part": (
            DPOP_HEADER | {"jwk": jwk_of(DEVICE) | {"d": to_base64url(bytes(32))}}, "key",
        ),
    }  # fmt: skip
    for name, (header, expect) in headers.items():
        yield dpop_vector(f"header-{name}", made_proof(header, DPOP_CLAIMS), expect)


def request_proofs_with_other_claims() -> Iterator[Vector]:
    jti_twice = json.dumps(DPOP_CLAIMS).replace("{", '{"jti":"1",', 1)
    claims: dict[str, tuple[Any, str]] = {
        "not-json": ("jti", "claims"),
        "jti-twice": (jti_twice, "claims"),
    }
    ath = DPOP_CLAIMS["ath"]
    wrong: dict[str, list[Any]] = {
        "jti": ["", None, 7],
        "htm": ["", None, ["GET"]],
        "htu": ["", None, {}],
        "iat": [None, "7", -1, -0.5, 2**64, 1e30, True],
        "ath": ["", None, 7, f"{ath}=", ath[:-1], f"{ath}A", next_character(ath), "*" * 43],
        "nonce": [None, 7, [BEARER_CHALLENGE]],
    }
    for name, values in wrong.items():
        for value in values:
            text = json.dumps(value)[:24]
            claims[f"{name}-{text}"] = (DPOP_CLAIMS | {name: value}, "claim")
    for name in ("jti", "htm", "htu", "iat"):
        claims[f"{name}-missing"] = (without(DPOP_CLAIMS, name), "claim")
    claims["ath-missing"] = (without(DPOP_CLAIMS, "ath"), "other-token")
    claims["nonce-missing"] = (without(DPOP_CLAIMS, "nonce"), "no-challenge")
    claims["nonce-empty"] = (DPOP_CLAIMS | {"nonce": ""}, "prefix")
    for name, (changed, expect) in claims.items():
        yield dpop_vector(f"claims-{name}", made_proof(DPOP_HEADER, changed), expect)


def request_proofs_of_equal_addresses() -> Iterator[Vector]:
    for address, target, htu in [
        (SERVER, "/pay", "HTTPS://API.Shop.Example/pay"),
        (SERVER, "/pay", f"{SERVER}:443/pay"),
        (SERVER, "/pay", f"{SERVER}:/pay"),
        (SERVER, "/pay", f"{SERVER}:0443/pay"),
        ("http://api.shop.example", "/pay", "http://api.shop.example:80/pay"),
        (f"{SERVER}/", "/pay", f"{SERVER}/pay"),
        (f"{SERVER}:8443", "/pay", f"{SERVER}:8443/pay"),
        (f"{SERVER}/v1", "/pay", f"{SERVER}/v1/pay"),
        (SERVER, "/", SERVER),
        (SERVER, "/?a=b", f"{SERVER}?/c"),
        (SERVER, "/pay?to=ada", f"{SERVER}/pay"),
        (SERVER, "/pay", f"{SERVER}/pay?to=ada#b"),
        (SERVER, "/pay", f"{SERVER}/pay#to?x \u00e9"),
        (SERVER, "/pay", f"{SERVER}/%70%61y"),
        (SERVER, "/p%61y", f"{SERVER}/pay"),
        (SERVER, "/%c3%A9", f"{SERVER}/%C3%a9"),
        (SERVER, "/a-._~", f"{SERVER}/a%2d%2E%5f%7E"),
        (SERVER, "/a;b=c,d!$&'()*+@:|^[]{}", f"{SERVER}/a;b=c,d!$&'()*+@:|^[]{{}}"),
        ("http://[2001:DB8::1]:8080", "/", "http://[2001:db8::1]:8080"),
        ("http://127.0.0.1:3000", "/pay", "http://127.0.0.1:03000/pay"),
    ]:
        proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"htu": htu})
        name = f"equal-addresses-{address}{target}-{htu}"
        yield dpop_vector(name, proof, "ok", addresses=[address], target=target)
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"htu": "http://localhost:3000/balance"})
    addresses = [SERVER, "http://localhost:3000"]
    yield dpop_vector("second-address-of-the-server", proof, "ok", addresses=addresses)


def request_proofs_of_other_addresses() -> Iterator[Vector]:
    host = SERVER.removeprefix("https://")
    for htu in [
        f"http://{host}/pay/it",
        f"{SERVER}:80/pay/it",
        f"{SERVER}./pay/it",
        "https://shop.example/pay/it",
        f"{SERVER}.evil.example/pay/it",
        f"{SERVER}/Pay/it",
        f"{SERVER}/pay/it/",
        f"{SERVER}//pay/it",
        f"{SERVER}/pay%2Fit",
        f"{SERVER}/pay%2fit",
        f"{SERVER}/pay/./it",
        f"{SERVER}/pay/x/../it",
        f"{SERVER}/pay%3f/it",
        f"{SERVER}/pay",
        # These are not addresses.
        "/pay/it",
        f"{host}/pay/it",
        f"//{host}/pay/it",
        f"ftp://{host}/pay/it",
        f"https:/{host}/pay/it",
        "https:///pay/it",
        "https://:443/pay/it",
        f"https://ada@{host}/pay/it",
        f"https://{host}@evil.example/pay/it",
        f"{SERVER}:x/pay/it",
        f"{SERVER}:+443/pay/it",
        f"{SERVER}:65979/pay/it",
        f"{SERVER}:443:443/pay/it",
        f"{SERVER}\\@evil.example/pay/it",
        "https://api.shop%2eexample/pay/it",
        "https://api.sh\u00f6p.example/pay/it",
        "http\u017f://api.shop.example/pay/it",
        f"{SERVER}:\u0664\u0664\u0663/pay/it",
        f"[{SERVER}]/pay/it",
        f"https://[{host}]/pay/it",
        f"https://[]{host}/pay/it",
        f"{SERVER}/pay/it%",
        f"{SERVER}/pay/it%7",
        f"{SERVER}/pay/it%zz",
        f"{SERVER}/pay /it",
        f"{SERVER}/pay\\it",
        f"{SERVER}/pay/\u00eft",
        f"{SERVER}/pay/it\n",
        f" {SERVER}/pay/it",
    ]:
        proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"htu": htu})
        name = f"other-address-{htu}"
        yield dpop_vector(name, proof, "other-request", target="/pay/it")
    for htm in ("POST", "get", "GET ", "*"):
        proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"htm": htm})
        yield dpop_vector(f"other-method-{htm}", proof, "other-request")
    proof = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS | {"htu": f"{SERVER}/"})
    yield dpop_vector("sign-in-at-another-address", proof, "other-request", sign_in=True)
    for target in ["*", "/a\\b", "a", ""]:
        proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"htu": SERVER + target})
        yield dpop_vector(f"no-address-{target}", proof, "other-request", target=target)
    for target in [
        "/a?b=//c%5c", "/a?b=\\`", "/a%2Fb", "/a%c3%a9", "/%2561", "/a//b", "/a/%2fb", "/a%5cb",
        "/a%0ab", "/a<b", "/a`b",
    ]:  # fmt: skip
        proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"htu": SERVER + target})
        yield dpop_vector(f"address-{target}", proof, "ok", target=target)
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS)
    below = [f"{SERVER}/v1"]
    yield dpop_vector("address-without-its-path", proof, "other-request", addresses=below)


def request_proofs_of_another_session() -> Iterator[Vector]:
    other_header = DPOP_HEADER | {"jwk": jwk_of(OTHER_DEVICE)}
    proof = made_proof(other_header, DPOP_CLAIMS, OTHER_DEVICE)
    yield dpop_vector("key-of-another-device", proof, "other-key")
    negated = compressed(DEVICE.public_key())
    negated = bytes([negated[0] ^ 1]) + negated[1:]
    token = header_state("negated key", bound=negated)
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"ath": token_hash(token)})
    yield dpop_vector("key-with-the-other-y", proof, "other-key", authorization=f"DPoP {token}")
    token = header_state("no point", bound=b"\2" + b"\xff" * 32)
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"ath": token_hash(token)})
    authorization = f"DPoP {token}"
    yield dpop_vector("session-of-no-point", proof, "other-key", authorization=authorization)
    other = header_state("other token of the same session")
    for name, ath in {"other": other, "cut-off": HEADER_STATE[:-1], "empty": ""}.items():
        proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"ath": token_hash(ath)})
        yield dpop_vector(f"token-{name}", proof, "other-token")


def request_proofs_of_another_challenge() -> Iterator[Vector]:
    crafted = partial(crafted_challenge, channel=BEARER_CHANNEL)
    asks_for_nothing = header_challenge("asks nothing", asks=NOTHING)["token"]
    other = header_challenge("other origin", origin=octets("origin", SESSION_ID_LENGTH))["token"]
    short = header_challenge("short", lifetime=10)["token"]
    challenges = {
        "of-another-kind": ("c1", "prefix"),
        "cut-off": (BEARER_CHALLENGE[:-1], "encoding"),
        "too-short": ("b1.AAAA", "too-short"),
        "under-an-unknown-key": (header_challenge("key b", key=KEY_B)["token"], "unknown-key"),
        "of-a-cookie": (CHALLENGE_TOKEN, "bad-tag"),
        "that-is-the-state-token": (HEADER_STATE, "bad-tag"),
        "from-the-future": (header_challenge("future", issued_after=66)["token"], "not-yet-valid"),
        "of-schema-2": (crafted("bearer schema 2", schema=2), "newer-schema"),
        "with-padding-not-zero": (crafted("bearer padding", padding=1), "padding"),
        "of-16-bytes": (crafted("bearer 16", payload=BOUND_ORIGIN), "payload"),
        "that-asks-2": (crafted("bearer asks 2", payload=BOUND_ORIGIN + b"\2"), "payload"),
        "that-asks-for-nothing": (asks_for_nothing, "other-session"),
        "of-another-session": (other, "other-session"),
        "of-no-session": (header_challenge("no", origin=NO_SESSION)["token"], "other-session"),
    }  # fmt: skip
    for name, (challenge, expect) in challenges.items():
        proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"nonce": challenge})
        yield dpop_vector(f"challenge-{name}", proof, expect)
    signing_in = {name: challenges[name] for name in ("of-another-kind", "of-a-cookie")}
    signing_in["that-asks-for-nothing"] = challenges["that-asks-for-nothing"]
    for name, (challenge, expect) in signing_in.items():
        proof = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS | {"nonce": challenge})
        yield dpop_vector(f"sign-in-challenge-{name}", proof, expect, sign_in=True)
    stale, proof = ISSUED_AT + PROOF_LIFETIME, made_proof(DPOP_HEADER, DPOP_CLAIMS)
    yield dpop_vector("challenge-stale", proof, "stale", now=stale)
    expired = stale + SECONDS_TO_SIGN
    yield dpop_vector("challenge-stale-and-not-expired", proof, "stale", now=expired - 1)
    yield dpop_vector("challenge-expired", proof, "expired", now=expired)
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"nonce": short})
    end = ISSUED_AT + 10
    yield dpop_vector("challenge-expired-and-not-stale", proof, "expired", now=end)


def used_request_proofs() -> Iterator[Vector]:
    proof, other = (made_proof(DPOP_HEADER, DPOP_CLAIMS | {"jti": jti}) for jti in "56")
    sign_in = made_proof(DPOP_HEADER, SIGN_IN_CLAIMS)
    yield dpop_vector("used", proof, "used", used=[proof])
    yield dpop_vector("used-with-the-other-s", with_other_s(proof), "used", used=[proof])
    yield dpop_vector("another-was-used", proof, "ok", used=[other, sign_in])
    yield dpop_vector("used-at-a-sign-in", sign_in, "used", sign_in=True, used=[other, sign_in])


def request_proofs_refused_in_order() -> Iterator[Vector]:
    """Each proof fails at several steps, of which the first counts."""
    foreign_header = DPOP_HEADER | {"jwk": jwk_of(OTHER_DEVICE)}
    wrong = DPOP_CLAIMS | {"htm": "POST", "ath": token_hash(""), "nonce": "c1"}
    cases = {
        "two-proofs-before-form": (["x", "y"], "two-proofs"),
        "type-before-algorithm": (
            made_proof({"typ": "JWT", "alg": "none"}, wrong), "type",
        ),
        "no-key-before-claims": (made_proof(without(DPOP_HEADER, "jwk"), "x"), "no-key"),
        "claim-before-signature": (
            made_proof(DPOP_HEADER, wrong | {"iat": -1}, OTHER_DEVICE), "claim",
        ),
        "signature-before-other-request": (
            made_proof(DPOP_HEADER, wrong, OTHER_DEVICE), "signature",
        ),
        "other-request-before-other-key": (
            made_proof(foreign_header, wrong, OTHER_DEVICE), "other-request",
        ),
        "other-key-before-other-token": (
            made_proof(foreign_header, wrong | {"htm": "GET"}, OTHER_DEVICE), "other-key",
        ),
        "other-token-before-no-challenge": (
            made_proof(DPOP_HEADER, without(wrong | {"htm": "GET"}, "nonce")), "other-token",
        ),
    }  # fmt: skip
    for name, (proofs, expect) in cases.items():
        yield dpop_vector(name, proofs, expect)
    yield dpop_vector(
        "scheme-before-two-proofs", ["x", "y"], "scheme", authorization=f"Bearer {HEADER_STATE}"
    )
    late = ISSUED_AT + PROOF_LIFETIME
    nothing = header_challenge("asks nothing", asks=NOTHING)["token"]
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"nonce": nothing})
    yield dpop_vector("asks-before-stale", proof, "other-session", now=late)
    other = header_challenge("other origin", origin=octets("origin", SESSION_ID_LENGTH))["token"]
    proof = made_proof(DPOP_HEADER, DPOP_CLAIMS | {"nonce": other})
    yield dpop_vector("stale-before-other-session", proof, "stale", now=late)
    yield dpop_vector("other-session-before-used", proof, "other-session", used=[proof])


# --- 10. accumulated.json -----------------------------------------------------------------


def accumulated_vectors() -> Iterator[Vector]:
    yield named("accumulated", **answer_accumulated({"cases": 10_000}))


# --- 10. Vectors: files -------------------------------------------------------------------


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors: its description, its vectors, and the functions that check them."""

    about: str
    vectors: Callable[[], Iterator[Vector]]
    answer: Callable[[Vector], Vector]
    read_back: Callable[[Vector], bool] = lambda _: True


def reads_back_key(vector: Vector) -> bool:
    """Whether parsing the key text of a vector of keys.json gives the vector's key."""
    return Key.parse(vector["text"], allow_example_keys=True).secret.hex() == vector["key"]


def opens_sealed(vector: Vector) -> bool:
    return opens(SEALED, vector)


def opens_signed(vector: Vector) -> bool:
    return opens(SIGNED, vector)


def opens(mode: str, vector: Vector, purpose: bytes | None = None, schema: int = 0) -> bool:
    """Whether a token opens and has its payload. The reader's time is one second before the
    token was issued, so that a token of lifetime 0 opens too (spec 7, step 10)."""
    opened = open_token(
        mode,
        vector["token"],
        Ring((Entry(Key(bytes.fromhex(vector["key"]))),)),
        purpose or bytes.fromhex(vector["purpose"]),
        now=vector["issued_at"] - 1,
        schemas=[schema or vector["schema"]],
    )
    return opened.payload.hex() == vector["payload"]


def session_reads_back(vector: Vector) -> bool:
    """Whether the tokens of a session open and their payloads have the fields of the vector."""
    purpose, channel = purpose_and_channel(vector)
    state = StatePayload.decode(bytes.fromhex(vector["payload"]))
    return (
        opens(SEALED, vector, state_purpose(purpose, channel))
        and state.session_id.hex() == vector["session_id"]
        and hex_or_none(state.bound) == vector["bound"]
        and state.state.hex() == vector["state"]
        and (vector["renewal"] is None or renewal_reads_back(vector))
    )


def hex_or_none(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def renewal_reads_back(vector: Vector) -> bool:
    renewal = vector["renewal"]
    purpose = renewal_purpose(*purpose_and_channel(vector))
    schema = 1 if renewal["proved_at"] is None else 2
    payload = RenewalPayload.decode(schema, bytes.fromhex(renewal["payload"]))
    return (
        opens(SEALED, renewal, purpose, schema)
        and payload.session_id.hex() == vector["session_id"]
        and (payload.proof and payload.proof.proved_at) == renewal["proved_at"]
        and hex_or_none(payload.proof and payload.proof.bound) == renewal["bound"]
        and (payload.copy is not None) == renewal["with_copy"]
        and (payload.copy is None or copy_stands_for_state(vector, payload.copy))
    )


def copy_stands_for_state(vector: Vector, copy: StateCopy) -> bool:
    """Whether a copy is valid in place of its state token and has its content (spec 9)."""
    body = read_body(copy.body)
    check_body(body, vector["issued_at"], [vector["schema"]])
    return (
        copy.fingerprint == fingerprint(vector["token"]) and body.payload.hex() == vector["payload"]
    )


def challenge_reads_back(vector: Vector) -> bool:
    """Whether a challenge opens and its payload has the fields of the vector."""
    purpose = purpose_of_challenge(vector)
    payload = ChallengePayload.decode(bytes.fromhex(vector["payload"]))
    return (
        opens(SEALED, vector, purpose, CHALLENGE_SCHEMA)
        and payload.origin.hex() == vector["origin"]
        and payload.asks == vector["asks"]
    )


def pieces_join(vector: Vector) -> bool:
    cookies = {piece["name"]: piece["value"] for piece in vector["pieces"]}
    fit = all(len(name) + len(value) <= LONGEST_COOKIE for name, value in cookies.items())
    return fit and join_pieces(vector["cookie_name"], cookies) == vector["token"]


VECTOR_FILES = {
    "keys.json": VectorFile(
        "What is derived from a key (section 3). All keys are example keys.",
        keys_vectors,
        answer_keys,
        reads_back_key,
    ),
    "key-text.json": VectorFile(
        "Key texts, and whether a reader accepts them (sections 3.1 and 3.2). Example keys are "
        "refused. The keys of the vectors are public, so never use them.",
        key_text_vectors,
        answer_key_text,
    ),
    "seal.json": VectorFile(
        "Sealed tokens with all intermediate values (sections 4 and 5). The field lifetime is the "
        "requested lifetime. The body has a shorter lifetime if section 4 requires it.",
        seal_vectors,
        answer_seal,
        opens_sealed,
    ),
    "sign.json": VectorFile(
        "Signed tokens with all intermediate values (sections 4 and 6). The field lifetime is the "
        "requested lifetime. The body has a shorter lifetime if section 4 requires it.",
        sign_vectors,
        answer_sign,
        opens_signed,
    ),
    "open.json": VectorFile(
        "Tokens, and whether a reader opens them (section 7). The rings contain example keys, "
        "which are allowed here. The field expires_at is the time at which the token expires for "
        "this reader: issued_at plus the smaller of the token's lifetime and max_lifetime.",
        open_vectors,
        answer_open,
    ),
    "ring.json": VectorFile(
        "Key-ring texts, and whether a reader accepts them (section 8). The rings contain example "
        "keys, which are allowed here. A semicolon ends a line and begins a new one. If two keys "
        "have the same id, line is that of the second. If there are too many keys, line is that "
        "of the 65th key.",
        ring_vectors,
        answer_ring,
    ),
    "session.json": VectorFile(
        "Tokens of a session (section 9). The field purpose is the purpose of the state's type. "
        "An optional field that is absent is null. The absolute timeout is one day, and the idle "
        "timeout is one hour. For remembered sessions they are 30 days and 14 days.",
        session_vectors,
        answer_session,
        session_reads_back,
    ),
    "pieces.json": VectorFile(
        "Sealed tokens that do not fit one cookie (section 9.2). The field cookie_name is the "
        "name of the first piece.",
        pieces_vectors,
        answer_pieces,
        pieces_join,
    ),
    "challenge.json": VectorFile(
        "Challenges of bound sessions (sections 9.5 and 9.6). The field purpose is the purpose of "
        "the state's type. The field cookie_name is null for a session in headers.",
        challenge_vectors,
        answer_challenge,
        challenge_reads_back,
    ),
    "proof.json": VectorFile(
        "Proofs of devices, and whether a server accepts them (section 9.5). All signatures were "
        "made with RFC 6979. The private keys and the keys of the rings are public, so never use "
        "them. The field bound is the key of the session, and null for a registration.",
        proof_vectors,
        answer_proof,
    ),
    "dpop.json": VectorFile(
        "Requests with proofs, and whether a server accepts the proofs (section 9.6). All "
        "signatures were made with RFC 6979. The private keys and the keys of the rings are "
        "public, so never use them. A session in the field authorization has the schema version "
        "1 and the state 07, and there is no renewal token. A vector with the request sign-in "
        "starts a session.",
        dpop_vectors,
        answer_dpop,
    ),
    "accumulated.json": VectorFile(
        "One hash over the tokens of many cases (section 10).",
        accumulated_vectors,
        answer_accumulated,
    ),
}


def write_vectors(directory: Path) -> None:
    """Writes all files of spec 10."""
    directory.mkdir(parents=True, exist_ok=True)
    for file_name, file in VECTOR_FILES.items():
        vectors = list(file.vectors())
        content = {"format": "bulla/1", "about": file.about, "vectors": vectors}
        text = json.dumps(content, indent=1) + "\n"
        (directory / file_name).write_text(text, encoding="ascii", newline="\n")
        print(f"{file_name}: {len(vectors)} vectors written")


def check_vectors(directory: Path) -> bool:
    """Checks all files of spec 10. Returns whether they agree with this implementation."""
    agreed = True
    for file_name, file in VECTOR_FILES.items():
        content = json.loads((directory / file_name).read_text(encoding="utf-8"))
        vectors = content["vectors"]
        faults = [fault for vector in vectors for fault in mismatches(file, vector)]
        if content["format"] != "bulla/1":
            faults.append("the format is not bulla/1")
        if not vectors or len({vector["name"] for vector in vectors}) != len(vectors):
            faults.append("there are no vectors, or their names are not unique")
        for fault in faults:
            print(f"{file_name}: MISMATCH: {fault}")
        print(f"{file_name}: {len(vectors)} vectors, {len(faults)} mismatches")
        agreed = agreed and not faults
    return agreed


def mismatches(file: VectorFile, vector: Vector) -> list[str]:
    """The fields in which a vector differs from this implementation."""
    try:
        answer = {"name": vector["name"]} | file.answer(vector)
        fields = [f for f in {**vector, **answer} if vector.get(f, ...) != answer.get(f, ...)]
        if not fields and not file.read_back(vector):
            fields = ["what was written is not read back"]
    except (KeyError, TypeError, ValueError, KeyRefused, RingRefused, Refused) as fault:
        fields = [f"{type(fault).__name__}: {fault}"]
    return [f"{vector.get('name')}: {field}" for field in fields]


# --- Commands -----------------------------------------------------------------------------


def load_ring(arguments: argparse.Namespace) -> Ring:
    text = Path(arguments.ring).read_bytes()
    return Ring.parse(text, allow_example_keys=arguments.allow_example_keys)


def command_vectors(arguments: argparse.Namespace) -> int:
    write_vectors(arguments.out)
    return 0


def command_check(arguments: argparse.Namespace) -> int:
    return 0 if check_vectors(arguments.vectors) else 1


def command_seal(arguments: argparse.Namespace) -> int:
    make = seal if arguments.mode == SEALED else sign
    token = make(
        load_ring(arguments),
        arguments.purpose.encode(),
        sys.stdin.buffer.read(),
        now=arguments.now,
        lifetime=arguments.lifetime,
        schema=arguments.schema,
        bucket=arguments.bucket,
    )
    print(token)
    return 0


def command_open(arguments: argparse.Namespace) -> int:
    opened = open_token(
        arguments.mode,
        sys.stdin.buffer.readline().decode("utf-8", "replace").removesuffix("\n"),
        load_ring(arguments),
        arguments.purpose.encode(),
        now=arguments.now,
        schemas=arguments.schemas,
        max_lifetime=arguments.max_lifetime,
    )
    if arguments.json:
        print(json.dumps(opened_fields(opened)))
    else:
        sys.stdout.buffer.write(opened.payload)
    return 0


def command_seal_lines(_: argparse.Namespace) -> int:
    return answer_lines(seal_line)


def command_open_lines(_: argparse.Namespace) -> int:
    return answer_lines(open_fields)


def answer_lines(answer: Callable[[Vector], Vector]) -> int:
    """Answers each line of standard input with one line."""
    for line in sys.stdin:
        try:
            answered = answer(json.loads(line))
        except KeyError as fault:
            answered = {"error": f"there is no field {fault}"}
        except (ValueError, KeyRefused, RingRefused) as fault:
            answered = {"error": str(fault)}
        print(json.dumps(answered), flush=True)
    return 0


def seal_line(vector: Vector) -> Vector:
    """The token for the input of a vector of seal.json or sign.json, with a ``mode``. A
    ``ring`` may replace the ``key``."""
    make: Callable[..., str] = sign
    if vector["mode"] == SEALED:
        nonce = bytes.fromhex(vector["nonce"]) if vector.get("nonce") else None
        make = partial(seal, nonce=nonce)
    token = make(
        ring_of_line(vector),
        bytes.fromhex(vector["purpose"]),
        bytes.fromhex(vector["payload"]),
        now=vector["issued_at"],
        lifetime=vector["lifetime"],
        schema=vector["schema"],
        bucket=vector["bucket"],
    )
    return {"token": token}


def ring_of_line(vector: Vector) -> Ring:
    if "ring" in vector:
        return Ring.parse(vector["ring"].encode(), allow_example_keys=True)
    return Ring((Entry(Key(bytes.fromhex(vector["key"]))),))


def schema_list(text: str) -> list[int]:
    return [int(schema) for schema in text.split(",")]


EXAMPLES = """\
examples:
  write the vectors, and check them:
    python3 bulla_v1.py vectors --out vectors
    python3 bulla_v1.py check --vectors vectors

  seal a payload for 15 minutes, and open the token:
    printf 'account 4711' |
      python3 bulla_v1.py seal --ring RING --purpose shop.example/reset-link \\
        --mode sealed --lifetime 900 > token
    python3 bulla_v1.py open --ring RING --purpose shop.example/reset-link \\
      --mode sealed < token

A ring file has one key per line (section 8 of bulla-v1.md):
    bulla-key-1.<43 characters>.<8 hexadecimal digits> primary-from=2025-01-01T00:00:00Z

exit status: 0 success, 1 refused or mismatched, 2 an invalid argument, ring or input
"""


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="The bulla token format, version 1: reference implementation.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_vectors_command(commands)
    add_check_command(commands)
    add_seal_command(commands)
    add_open_command(commands)
    add_seal_lines_command(commands)
    add_open_lines_command(commands)
    return parser


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    command.set_defaults(run=run)
    return command


def add_vectors_command(commands: Any) -> None:
    about = "Write all vector files. The bytes are the same every time."
    command = add_command(commands, "vectors", command_vectors, about)
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="output directory")


def add_check_command(commands: Any) -> None:
    about = "Check that the vector files agree with this implementation."
    command = add_command(commands, "check", command_check, about)
    command.add_argument(
        "--vectors", type=Path, required=True, metavar="DIR", help="directory of the files"
    )


def add_seal_command(commands: Any) -> None:
    about = "Seal or sign the payload on standard input; the token goes to standard output."
    command = add_command(commands, "seal", command_seal, about)
    add_common_arguments(command)
    command.add_argument(
        "--lifetime", type=int, required=True, metavar="SECONDS", help="how long the token lives"
    )
    command.add_argument(
        "--schema", type=int, default=1, metavar="N", help="schema version (default: 1)"
    )
    command.add_argument(
        "--bucket",
        type=int,
        default=1,
        metavar="N",
        help="pad the body to a multiple of this (default: 1, no padding)",
    )


def add_open_command(commands: Any) -> None:
    about = (
        "Open or verify the token on the first line of standard input. The payload goes to "
        "standard output. If the token is refused, the name of the failure goes to standard "
        "error."
    )
    command = add_command(commands, "open", command_open, about)
    add_common_arguments(command)
    command.add_argument(
        "--max-lifetime", type=int, metavar="SECONDS", help="longest lifetime (default: no limit)"
    )
    command.add_argument(
        "--schemas",
        type=schema_list,
        default=[1],
        metavar="N,N",
        help="schema versions that can be read (default: 1)",
    )
    command.add_argument(
        "--json",
        action="store_true",
        help="print key_id, issued_at, expires_at, schema and payload (hexadecimal)",
    )


def add_common_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--ring", required=True, metavar="FILE", help="key-ring text")
    command.add_argument("--purpose", required=True, help="what the token is for")
    command.add_argument("--mode", required=True, choices=[SEALED, SIGNED])
    command.add_argument(
        "--now",
        type=int,
        default=int(time.time()),
        metavar="UNIX",
        help="the time, in seconds since 1970 (default: the current time)",
    )
    command.add_argument(
        "--allow-example-keys",
        action="store_true",
        help="accept the example keys of section 3.2, which are public",
    )


def add_seal_lines_command(commands: Any) -> None:
    about = (
        'For each JSON object on a line of standard input, answer {"token": ...}. Fields: key '
        "(hexadecimal) or ring (text), purpose (hexadecimal), mode, issued_at, lifetime, schema, "
        "bucket, payload (hexadecimal), and optionally nonce (hexadecimal). If the token cannot be "
        'made, the answer is {"error": ...}. Example keys are allowed.'
    )
    add_command(commands, "seal-lines", command_seal_lines, about)


def add_open_lines_command(commands: Any) -> None:
    about = (
        "For each JSON object on a line of standard input, with the fields of open.json, answer "
        '{"expect": "ok", ...} or {"expect": the name of the failure}. If the ring is refused, the '
        'answer is {"error": ...}. Example keys are allowed.'
    )
    add_command(commands, "open-lines", command_open_lines, about)


def main() -> int:
    arguments = argument_parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except Refused as refusal:
        print(refusal.name, file=sys.stderr)
        return 1
    except RingRefused as refusal:
        print(f"ring refused: {refusal}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as fault:
        print(fault, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
