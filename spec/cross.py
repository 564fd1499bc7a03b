#!/usr/bin/env python3
"""Answers the requests of the program bulla-cross with the reference implementation.

Each line of standard input is a JSON object, and its answer is a line of standard output.
``crates/bulla-cross/src/speak.rs`` describes the requests.

``bulla_v1.py`` has the tokens of sessions, but no server that uses them. The class ``Visit`` is
such a server. It was written from section 9 of ``bulla-v1.md`` alone, for comparison with the
other implementations. It has no sessions that are bound to a device, and takes the settings that
the specification leaves open from the Rust library's documentation.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from bulla_v1 import (
    BEARER_CHANNEL,
    LAST_SECOND,
    LONGEST_COOKIE,
    LONGEST_TOKEN,
    MARK_LENGTH,
    SEALED,
    SECONDS_AHEAD,
    SESSION_BUCKET,
    SESSION_ID_LENGTH,
    Body,
    EndedOthers,
    Followed,
    Refused,
    RenewalPayload,
    Ring,
    StateCopy,
    StatePayload,
    authenticate,
    check_body,
    check_key_opens,
    cookie_channel,
    find_key,
    fingerprint,
    join_pieces,
    open_token,
    parse_instant,
    piece_names,
    primary_key,
    read_body,
    read_text,
    renewal_purpose,
    seal,
    sign,
    split_token,
    state_purpose,
)
from bulla_v1 import instant as instant_text

Request = dict[str, Any]

PURPOSE = b"cross.example/account"
SCHEMAS = (1, 2)
COOKIE = "__Host-session"
IDLE, ABSOLUTE = 30 * 60, 12 * 60 * 60


@cache
def ring_of(text: str) -> Ring:
    return Ring.parse(text.encode())


def encode_state(state: Any) -> bytes:
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()


def decode_state(schema: int, data: bytes) -> Any:
    """Decodes the state, and upgrades schema version 1 (step 14 of spec 7)."""
    try:
        state = json.loads(data.decode())
    except ValueError:
        raise Refused("payload") from None
    return {"id": state["id"], "name": ""} if schema == 1 else state


# --- Tokens -----------------------------------------------------------------------------


def make(request: Request) -> Request:
    ring, state = ring_of(request["ring"]), encode_state(request["state"])
    options = {name: request[name] for name in ("now", "lifetime", "schema")}
    if request["mode"] == SEALED:
        return {"token": seal(ring, PURPOSE, state, bucket=request["bucket"], **options)}
    return {"token": sign(ring, PURPOSE, state, **options)}


def open_one(request: Request) -> Request:
    try:
        opened = open_token(
            request["mode"],
            request["token"],
            ring_of(request["ring"]),
            PURPOSE,
            now=request["now"],
            schemas=SCHEMAS,
            max_lifetime=request["longest"],
        )
        state = decode_state(opened.schema, opened.payload)
    except Refused as refusal:
        return {"outcome": refusal.name}
    return {
        "outcome": "ok",
        "state": state,
        "issued_at": opened.issued_at,
        "expires_at": opened.expires_at,
        "key_id": opened.key_id.hex(),
    }


# --- Revocations ------------------------------------------------------------------------


@dataclass(frozen=True)
class Revocation:
    """A line of a revocation list that revokes the sessions of a subject, or all sessions."""

    subject: str | None
    before: int
    origin: bytes
    mark: bytes

    LINE = re.compile(
        r"(?:all|subject ([0-9a-f]{32})) before=(\S+) until=\S+ except=([0-9a-f]{32})\.([0-9a-f]{16})"
    )

    @classmethod
    def parse(cls, line: str) -> Revocation:
        parts = cls.LINE.fullmatch(line)
        if parts is None:
            raise ValueError(f"a line of another form: {line}")
        origin, mark = bytes.fromhex(parts[3]), bytes.fromhex(parts[4])
        return cls(parts[1], parse_instant(parts[2]), origin, mark)

    def line(self, until: int) -> str:
        of = "all" if self.subject is None else f"subject {self.subject}"
        times = f"before={instant_text(self.before)} until={instant_text(until)}"
        return f"{of} {times} except={self.origin.hex()}.{self.mark.hex()}"

    def concerns(self, subject: str) -> bool:
        return self.subject in (None, subject)

    def ends(self, payload: StatePayload, subject: str) -> bool:
        """Whether it ends this session (spec 9)."""
        named = list(payload.follows)
        if payload.ended_others is not None:
            own = payload.ended_others
            named.append(Followed(first_id(payload), own.before, own.mark))
        excepted = any(
            one.origin == self.origin
            and (one.before > self.before or (one.before, one.mark) == (self.before, self.mark))
            for one in named
        )
        return self.concerns(subject) and payload.started_at < self.before and not excepted


def subject_of(state: Any) -> str:
    text = b"bulla/1/subject\0" + PURPOSE + b"\0" + str(state["id"]).encode()
    return hashlib.sha256(text).hexdigest()[:32]


# --- Sessions ---------------------------------------------------------------------------


def first_id(payload: StatePayload) -> bytes:
    return payload.origin or payload.session_id


class SessionRefused(Exception):
    """A session is refused. From ``dead_from`` on, its tokens are deleted."""

    def __init__(self, name: str, dead_from: int = LAST_SECOND + 1) -> None:
        super().__init__(name)
        self.name = name
        self.dead_from = dead_from


LEFT_ALONE = frozenset(
    "too-long prefix unknown-key retired-key not-yet-valid newer-schema retired-schema payload".split()
)


@dataclass(frozen=True)
class Opened:
    """A token of a session that has passed steps 1 to 13 of spec 7."""

    key_id: bytes
    body: Body


@dataclass(frozen=True)
class Renewals:
    """The renewal token of a request. ``status`` is absent, dead, left-alone or valid."""

    status: str
    token: Opened | None = None
    payload: RenewalPayload | None = None
    expired_at: int = 0


@dataclass(frozen=True)
class Alive:
    """A session that is alive."""

    key_id: bytes
    body: Body
    from_copy: bool
    payload: StatePayload
    state: Any
    renewal: Renewals
    last_seen: int
    expires_at: int


class Visit:
    """A request, and what a server does with its session (spec 9)."""

    def __init__(self, request: Request) -> None:
        self.ring = ring_of(request["ring"])
        self.now: int = request["now"]
        self.over: str = request["over"]
        channel = BEARER_CHANNEL if self.over == "bearer" else cookie_channel(COOKIE)
        self.state_purpose = state_purpose(PURPOSE, channel)
        self.renewal_purpose = renewal_purpose(PURPOSE, channel)
        self.remembered: tuple[int, int] | None = request["remembered"]
        self.lines: list[str] = request["revocations"]
        self.revocations = [Revocation.parse(line) for line in self.lines]
        self.kept: dict[str, str] = dict(request["kept"])
        self.action: Request = request["action"] or {"do": "read"}

    def answer(self) -> Request:
        state_token, renewal_token = self.take("state"), self.take("renewal")
        found, alive = "absent", None
        try:
            if state_token is not None:
                alive = self.judge(state_token, renewal_token)
                found = "alive"
        except SessionRefused as refusal:
            found = refusal.name
            if self.now >= refusal.dead_from and self.action["do"] == "read":
                self.remove("renewal")
                self.remove("state")
        self.act(alive, state_token, renewal_token)
        return {
            "found": found,
            "session": alive and self.described(alive),
            "kept": self.kept,
            "revocations": self.lines,
        }

    # The tokens of the client (spec 9.1 to 9.3).

    def names(self, role: str) -> list[str]:
        if self.over == "bearer":
            return ["session-token" if role == "state" else "session-renewal"]
        name = COOKIE if role == "state" else f"{COOKIE}-renewal"
        return piece_names(name) if self.over == "pieces" else [name]

    def take(self, role: str) -> str | None:
        names = self.names(role)
        joined = join_pieces(names[0], self.kept) if self.over == "pieces" else None
        return joined or self.kept.get(names[0])

    def remove(self, role: str) -> None:
        for name in self.names(role):
            self.kept.pop(name, None)

    def put(self, role: str, token: str) -> None:
        self.remove(role)
        name = self.names(role)[0]
        if self.over == "pieces" and len(name) + len(token) > LONGEST_COOKIE:
            self.kept |= split_token(name, token)
        else:
            self.kept[name] = token

    # Is the session alive?

    def policy(self, remembered: bool) -> tuple[int, int]:
        if not remembered:
            return IDLE, ABSOLUTE
        if self.remembered is None:
            raise Refused("payload")
        return self.remembered

    def open(self, purpose: bytes, token: str, longest: int | None = None) -> Opened:
        raw = read_text(SEALED, token, LONGEST_TOKEN)
        entry = find_key(self.ring, raw)
        body = read_body(authenticate(SEALED, entry.key, purpose, raw))
        check_key_opens(entry, self.now)
        check_body(body, self.now, SCHEMAS, longest)
        return Opened(entry.key.id, body)

    def open_renewal(self, token: str | None) -> Renewals:
        if token is None:
            return Renewals("absent")
        longest = max(IDLE, self.remembered[0] if self.remembered else 0)
        try:
            opened = self.open(self.renewal_purpose, token, longest)
            payload = RenewalPayload.decode(opened.body.schema, opened.body.payload)
        except Refused as refusal:
            if refusal.name == "expired":
                return Renewals("dead", expired_at=self.end_of(token, longest))
            return Renewals("left-alone" if refusal.name in LEFT_ALONE else "dead")
        return Renewals("valid", opened, payload)

    def end_of(self, token: str, longest: int) -> int:
        """When a renewal token that has expired did so."""
        raw = read_text(SEALED, token, LONGEST_TOKEN)
        body = read_body(
            authenticate(SEALED, find_key(self.ring, raw).key, self.renewal_purpose, raw)
        )
        return body.issued_at + min(body.lifetime, longest)

    def judge(self, token: str, renewal_token: str | None) -> Alive:
        renewal = self.open_renewal(renewal_token)
        try:
            opened, from_copy = self.open_state(token, renewal)
            payload = StatePayload.decode(opened.body.payload)
            state = decode_state(opened.body.schema, payload.state)
            idle, absolute = self.policy(payload.remembered)
        except Refused as refusal:
            alone = refusal.name in LEFT_ALONE
            raise SessionRefused(refusal.name, LAST_SECOND + 1 if alone else 0) from None
        if any(revocation.ends(payload, subject_of(state)) for revocation in self.revocations):
            raise SessionRefused("revoked", 0)
        ends = [opened.body.issued_at + opened.body.lifetime, payload.started_at + absolute]
        if payload.ceiling is not None:
            ends.append(payload.ceiling)
        expires_at = min(ends)
        if self.now >= expires_at:
            raise SessionRefused("absolute-timeout", expires_at + 60)
        if renewal.payload is not None and renewal.payload.session_id != payload.session_id:
            renewal = Renewals("dead")
        last_seen = opened.body.issued_at
        if renewal.token is not None:
            last_seen = max(last_seen, renewal.token.body.issued_at)
        if self.now >= last_seen + idle:
            if renewal.status == "left-alone":
                raise SessionRefused("unknown-activity")
            raise SessionRefused("idle-timeout", max(last_seen + idle, renewal.expired_at) + 60)
        key_id, body = opened.key_id, opened.body
        return Alive(key_id, body, from_copy, payload, state, renewal, last_seen, expires_at)

    def open_state(self, token: str, renewal: Renewals) -> tuple[Opened, bool]:
        """Opens the state token, or its copy in the renewal token."""
        try:
            return self.open(self.state_purpose, token), False
        except Refused as refusal:
            if refusal.name == "expired":
                body = self.expired_state(token)
                raise SessionRefused("absolute-timeout", body.issued_at + body.lifetime + 60)
            if refusal.name not in ("unknown-key", "retired-key") or renewal.token is None:
                raise
            copy = renewal.payload and renewal.payload.copy
            if copy is None or copy.fingerprint != fingerprint(token):
                raise
            body = read_body(copy.body)
            check_body(body, self.now, SCHEMAS)
            return Opened(renewal.token.key_id, body), True

    def expired_state(self, token: str) -> Body:
        raw = read_text(SEALED, token, LONGEST_TOKEN)
        return read_body(authenticate(SEALED, find_key(self.ring, raw).key, self.state_purpose, raw))

    # What the response writes.

    def act(self, alive: Alive | None, state_token: str | None, renewal_token: str | None) -> None:
        kind = self.action["do"]
        if kind == "start":
            self.start(renewal_token)
        elif alive is None:
            return
        elif kind == "set":
            self.set(alive)
        elif kind == "reauthenticate":
            self.rename(alive, replace(alive.payload, reauthenticated_at=self.now), renewal_token)
        elif kind == "end-others":
            self.end_others(alive, renewal_token)
        else:
            self.renew(alive, state_token or "", renewal_token)

    def start(self, renewal_token: str | None) -> None:
        state, remembered = self.action["state"], self.action["remembered"]
        subject = subject_of(state)
        payload = StatePayload(
            session_id=os.urandom(SESSION_ID_LENGTH),
            started_at=self.now,
            reauthenticated_at=self.now,
            ceiling=self.action["ceiling"],
            origin=None,
            ended_others=None,
            follows=tuple(
                Followed(known.origin, known.before, known.mark)
                for known in self.revocations
                if known.concerns(subject) and known.before > self.now
            ),
            remembered=remembered,
            bound=None,
            state=encode_state(state),
        )
        self.write_new_id(payload, renewal_token)

    def write_new_id(self, payload: StatePayload, renewal_token: str | None) -> None:
        self.write_state(payload)
        if self.over == "bearer":
            self.write_renewal(RenewalPayload(payload.session_id), payload.remembered)
        elif renewal_token is not None:
            self.remove("renewal")

    def rename(self, alive: Alive, payload: StatePayload, renewal_token: str | None) -> None:
        session_id, origin = os.urandom(SESSION_ID_LENGTH), first_id(payload)
        self.write_new_id(replace(payload, session_id=session_id, origin=origin), renewal_token)

    def end_others(self, alive: Alive, renewal_token: str | None) -> None:
        before, mark = self.now + SECONDS_AHEAD + 1, os.urandom(MARK_LENGTH)
        origin = first_id(alive.payload)
        revocation = Revocation(subject_of(alive.state), before, origin, mark)
        longest = max(ABSOLUTE, self.remembered[1] if self.remembered else 0)
        self.lines = [*self.lines, revocation.line(self.now + longest + SECONDS_AHEAD)]
        payload = replace(alive.payload, ended_others=EndedOthers(before, mark))
        self.rename(alive, payload, renewal_token)

    def set(self, alive: Alive) -> None:
        state = encode_state(self.action["state"])
        self.write_state(replace(alive.payload, state=state))
        renewal, primary = alive.renewal, primary_key(self.ring, self.now).id
        moves = renewal.token is not None and renewal.token.key_id != primary
        if renewal.status == "dead" or moves:
            self.write_renewal(self.recorded(alive), alive.payload.remembered)

    def recorded(self, alive: Alive, copy: StateCopy | None = None) -> RenewalPayload:
        """What a renewal token records. It keeps the time of the last validation."""
        validated_at = alive.renewal.payload.validated_at if alive.renewal.payload else 0
        return RenewalPayload(alive.payload.session_id, validated_at, copy=copy)

    def renew(self, alive: Alive, state_token: str, renewal_token: str | None) -> None:
        idle = self.policy(alive.payload.remembered)[0]
        passed = self.now - alive.last_seen
        touches = passed >= min(max(idle / 20, 60), idle / 2)
        primary = primary_key(self.ring, self.now).id
        renewal = alive.renewal
        needs_copy = alive.from_copy or alive.key_id != primary
        copy = renewal.payload.copy if renewal.payload else None
        has_copy = copy is not None and copy.fingerprint == fingerprint(state_token)
        moves = needs_copy
        if renewal.token is not None:
            moves = renewal.token.key_id != primary or (needs_copy and not has_copy)
        if renewal.status == "left-alone" or not (touches or moves):
            return
        if self.over == "bearer" and renewal_token is None:
            lifetime = alive.expires_at - self.now
            self.put("state", self.sealed_state(alive.payload, lifetime, alive.body.schema))
            return
        copied = StateCopy.of(state_token, alive.body.unpadded()) if needs_copy else None
        self.write_renewal(self.recorded(alive, copied), alive.payload.remembered)

    def write_state(self, payload: StatePayload) -> None:
        ends = payload.started_at + self.policy(payload.remembered)[1]
        if payload.ceiling is not None:
            ends = min(ends, payload.ceiling)
        self.put("state", self.sealed_state(payload, ends - self.now, SCHEMAS[-1]))

    def sealed_state(self, payload: StatePayload, lifetime: int, schema: int) -> str:
        return self.sealed(self.state_purpose, payload.encode(), lifetime, schema)

    def write_renewal(self, payload: RenewalPayload, remembered: bool) -> None:
        idle = self.policy(remembered)[0]
        token = self.sealed(self.renewal_purpose, payload.encode(), idle, payload.schema)
        self.put("renewal", token)

    def sealed(self, purpose: bytes, payload: bytes, lifetime: int, schema: int) -> str:
        return seal(
            self.ring,
            purpose,
            payload,
            now=self.now,
            lifetime=lifetime,
            schema=schema,
            bucket=SESSION_BUCKET,
        )

    def described(self, alive: Alive) -> Request:
        payload = alive.payload
        idle = self.policy(payload.remembered)[0]
        return {
            "id": payload.session_id.hex(),
            "origin": first_id(payload).hex(),
            "remembered": payload.remembered,
            "started_at": payload.started_at,
            "reauthenticated_at": payload.reauthenticated_at,
            "last_seen": alive.last_seen,
            "idle_expires_at": min(alive.last_seen + idle, alive.expires_at),
            "expires_at": alive.expires_at,
            "key_id": alive.key_id.hex(),
            "state": alive.state,
        }


ANSWERS: dict[str, Callable[[Request], Request]] = {
    "make": make,
    "open": open_one,
    "visit": lambda request: Visit(request).answer(),
}


def main() -> None:
    for line in sys.stdin:
        try:
            request = json.loads(line)
            answer = ANSWERS[request["do"]](request)
        except Exception as fault:  # an error of the comparison, which prints it and ends
            answer = {"error": f"{type(fault).__name__}: {fault}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
