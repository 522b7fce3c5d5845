-- Facts about this file. `epoch` is its incarnation: a new file has a new one, and every position and offset that a
-- client knew under another epoch is void.
CREATE TABLE about (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE owners (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,               -- empty where the token names none
    subject TEXT NOT NULL,
    position INTEGER NOT NULL,          -- how many actions the ledger has taken
    tag BLOB NOT NULL,                  -- the ledger's running tag at `position`
    floor INTEGER NOT NULL,             -- entries at or below were forgotten
    replies_floor INTEGER NOT NULL,     -- replies at or below were forgotten, their verdicts may still stand
    created_ms INTEGER NOT NULL,
    UNIQUE (tenant, subject)
);

CREATE TABLE ledger_entries (
    owner INTEGER NOT NULL REFERENCES owners (id),
    id BLOB NOT NULL,                   -- the action's UUID, 16 bytes
    position INTEGER NOT NULL,
    digest BLOB NOT NULL,               -- of name and payload; empty for a void, which has neither
    verdict INTEGER NOT NULL,           -- 0 applied, 1 refused for good, 2 void
    body TEXT,                          -- JSON of the reply or the error; NULL once forgotten, and for a void
    tag BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX ledger_by_position ON ledger_entries (owner, position);

-- The ledger's tag at each 1,000th position, kept for ever, so that a cursor older than the floor can be compared.
CREATE TABLE ledger_checkpoints (
    owner INTEGER NOT NULL REFERENCES owners (id),
    position INTEGER NOT NULL,
    tag BLOB NOT NULL,
    PRIMARY KEY (owner, position)
) WITHOUT ROWID;

CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: a connection may still watch one that was removed
    owner INTEGER NOT NULL REFERENCES owners (id),
    name TEXT NOT NULL,                 -- `user` or `job:<id>`
    head INTEGER NOT NULL,              -- the newest offset, 0 for none
    tag BLOB NOT NULL,                  -- the running tag at `head`
    trimmed INTEGER NOT NULL,           -- the newest offset that was removed, 0 for none
    trimmed_tag BLOB NOT NULL,          -- the running tag at `trimmed`
    UNIQUE (owner, name)
);

CREATE TABLE events (
    stream INTEGER NOT NULL REFERENCES streams (id),
    offset INTEGER NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    tag BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, offset)
) WITHOUT ROWID;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (id),
    stream INTEGER NOT NULL,            -- its row in `streams` until the stream is removed
    kind TEXT NOT NULL,
    status TEXT NOT NULL,               -- queued, running, completed, failed, cancelled; removed: a tombstone
    params TEXT NOT NULL,               -- JSON of what was asked
    state TEXT NOT NULL,                -- JSON of what the stream's events add up to
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    result TEXT,                        -- JSON, once completed
    error TEXT,                         -- JSON, once failed
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    ended_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX jobs_by_owner ON jobs (owner, status);
CREATE INDEX jobs_by_end ON jobs (status, ended_ms);
