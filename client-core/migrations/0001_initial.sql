CREATE TABLE meta (
    -- What this database is about as a whole: 'account', whom the rows belong to by default; 'keepline', set once a
    -- Keepline server was met, after which the client never falls back to plain mode; 'boot', which run of the device
    -- the clocks of all rows below belong to.
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE actions (
    -- AUTOINCREMENT: a plain rowid starts again at 1 once the queue has drained, and lane order hangs on it.
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                BLOB    NOT NULL UNIQUE, -- the id on the wire, 16 bytes
    origin            BLOB,                    -- the id that submit gave, where a retry has changed it since
    account           TEXT    NOT NULL,        -- '' until the first session says whom
    lane              TEXT    NOT NULL,        -- '' is the default lane
    name              TEXT    NOT NULL,
    kind              INTEGER NOT NULL,        -- 0 payload, 1 raw arguments
    payload           TEXT    NOT NULL,        -- JSON, sent byte for byte
    label             TEXT,
    coalesce_key      TEXT,
    ack               INTEGER NOT NULL,        -- 0 required, 1 none
    submitted_wall_ms INTEGER NOT NULL,
    submitted_ticks_ms INTEGER NOT NULL,       -- a clock that runs in suspend; compared under the same boot only
    boot              INTEGER NOT NULL,
    expires_ticks_ms  INTEGER NOT NULL,        -- submitted_ticks_ms + time to live
    mark_position     INTEGER NOT NULL,        -- the ledger as known at submit; lowered by a rollback, never raised
    mark_tag          BLOB    NOT NULL,
    state             INTEGER NOT NULL,        -- 0 queued, 1 sent, 2 voiding, 3 parked, 4 settled
    void_reason       INTEGER,                 -- with 2: 0 cancel, 1 skip, 2 settle with the error below
    voided            INTEGER NOT NULL DEFAULT 0, -- the ledger holds a void for this id
    attempts          INTEGER NOT NULL DEFAULT 0,
    retries           INTEGER NOT NULL DEFAULT 0, -- how often the id was changed
    error_code        TEXT,
    error_text        TEXT,
    outcome           INTEGER,                 -- with 4: 0 accepted, 1 rejected, 2 expired, 3 cancelled, 4 indeterminate, 5 sent
    reply             TEXT,
    position          INTEGER,                 -- the outcome's or void's place in the ledger
    tag               BLOB,
    settled_wall_ms   INTEGER,
    taken             INTEGER NOT NULL DEFAULT 0, -- the app has read the outcome
    rolled_back       INTEGER NOT NULL DEFAULT 0  -- the server was restored to before this outcome
);

CREATE UNIQUE INDEX actions_origin ON actions (origin) WHERE origin IS NOT NULL;
CREATE INDEX actions_lane ON actions (account, lane, seq) WHERE state < 4;
CREATE INDEX actions_expiry ON actions (expires_ticks_ms) WHERE state = 0;
CREATE INDEX actions_coalesce ON actions (account, lane, coalesce_key) WHERE coalesce_key IS NOT NULL AND state = 0;
CREATE INDEX actions_settled ON actions (settled_wall_ms) WHERE state = 4;
CREATE INDEX actions_position ON actions (account, position) WHERE position IS NOT NULL;

CREATE TABLE attachments (
    -- Binary arguments of a raw action (reply 0) or of its acknowledgement (reply 1), in order.
    seq   INTEGER NOT NULL REFERENCES actions (seq) ON DELETE CASCADE,
    reply INTEGER NOT NULL,
    num   INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    PRIMARY KEY (seq, reply, num)
) WITHOUT ROWID;

CREATE TABLE totals (
    -- Kept by the triggers below, so that opening and the status never count a long queue.
    account TEXT PRIMARY KEY,
    pending INTEGER NOT NULL DEFAULT 0, -- states 0, 1 and 2
    parked  INTEGER NOT NULL DEFAULT 0, -- state 3
    taken   INTEGER NOT NULL DEFAULT 0, -- settled and read by the app
    bytes   INTEGER NOT NULL DEFAULT 0  -- payloads of states 0 to 3
) WITHOUT ROWID;

CREATE TRIGGER totals_insert AFTER INSERT ON actions BEGIN
    INSERT INTO totals (account, pending, parked, taken, bytes)
        VALUES (new.account, new.state < 3, new.state = 3, new.state = 4 AND new.taken, iif(new.state < 4, length(CAST(new.payload AS BLOB)), 0))
        ON CONFLICT (account) DO UPDATE SET
            pending = pending + excluded.pending, parked = parked + excluded.parked,
            taken = taken + excluded.taken, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER totals_delete AFTER DELETE ON actions BEGIN
    UPDATE totals SET
        pending = pending - (old.state < 3), parked = parked - (old.state = 3),
        taken = taken - (old.state = 4 AND old.taken),
        bytes = bytes - iif(old.state < 4, length(CAST(old.payload AS BLOB)), 0)
        WHERE account = old.account;
END;

CREATE TRIGGER totals_update AFTER UPDATE OF state, taken ON actions
    WHEN (old.state < 3) <> (new.state < 3) OR (old.state = 3) <> (new.state = 3) OR old.taken <> new.taken OR (old.state = 4) <> (new.state = 4) BEGIN
    UPDATE totals SET
        pending = pending - (old.state < 3) + (new.state < 3),
        parked = parked - (old.state = 3) + (new.state = 3),
        taken = taken - (old.state = 4 AND old.taken) + (new.state = 4 AND new.taken),
        bytes = bytes + (CASE WHEN old.state < 4 AND new.state = 4 THEN -length(CAST(new.payload AS BLOB))
                              WHEN old.state = 4 AND new.state < 4 THEN length(CAST(new.payload AS BLOB)) ELSE 0 END)
        WHERE account = new.account;
END;

CREATE TABLE ledgers (
    -- The last place in the server's ledger that this database knew.
    account  TEXT PRIMARY KEY,
    epoch    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    tag      BLOB    NOT NULL
) WITHOUT ROWID;

CREATE TABLE cursors (
    -- Up to where the app has taken the events of a stream.
    account TEXT    NOT NULL,
    stream  TEXT    NOT NULL,
    epoch   TEXT    NOT NULL,
    offset  INTEGER NOT NULL,
    tag     BLOB,
    PRIMARY KEY (account, stream)
) WITHOUT ROWID;
