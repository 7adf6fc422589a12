-- The embedded state store. Times are whole microseconds since 1970 in UTC; ids are compared exactly as given.

CREATE TABLE customers (
    customer_id TEXT PRIMARY KEY,
    facts_version INTEGER NOT NULL DEFAULT 0,     -- raised by every accepted event and outcome
    contacts_version INTEGER NOT NULL DEFAULT 0,  -- raised by every change of a contact
    has_events INTEGER NOT NULL DEFAULT 0,
    last_purchase_at INTEGER
) WITHOUT ROWID, STRICT;

CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    fingerprint TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_customer ON events (customer_id, occurred_at);

CREATE TABLE feeds (
    source TEXT PRIMARY KEY,
    heartbeat_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE incidents (
    customer_id TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    opened_at INTEGER,
    opened_by TEXT NOT NULL DEFAULT '',           -- the event that gave class and severity: the latest `opened`
    resolved_at INTEGER,
    incident_class TEXT,
    severity TEXT,
    PRIMARY KEY (customer_id, incident_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE consents (
    customer_id TEXT NOT NULL,
    purpose TEXT NOT NULL,                        -- '*' in a withdrawal of every purpose
    channel TEXT NOT NULL,                        -- '*' in a withdrawal from every channel
    granted_at INTEGER,
    withdrawn_at INTEGER,
    PRIMARY KEY (customer_id, purpose, channel)
) WITHOUT ROWID, STRICT;

CREATE TABLE moves (
    customer_id TEXT NOT NULL,
    journey_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    move INTEGER NOT NULL,
    row_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    PRIMARY KEY (customer_id, journey_id, at, move, row_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE enrolments (
    customer_id TEXT NOT NULL,
    journey_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (customer_id, journey_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE decisions (
    decision_id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_of_customer ON decisions (customer_id, decided_at);

CREATE TABLE requests (
    customer_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    decision_id TEXT NOT NULL,
    PRIMARY KEY (customer_id, request_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE contacts (
    decision_id TEXT NOT NULL,
    journey_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    stage TEXT NOT NULL,
    at INTEGER NOT NULL,                          -- when it counts from: reserved, then presented
    reserved_until INTEGER NOT NULL,
    counts_until INTEGER,                         -- NULL: counts until told otherwise
    state TEXT NOT NULL,                          -- RESERVED, PRESENTED, RELEASED
    cost REAL NOT NULL,                           -- of its action: what it uses of a budget
    displaces TEXT NOT NULL,                      -- JSON list of the journeys that end once it is presented
    PRIMARY KEY (decision_id, journey_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX contacts_of_customer ON contacts (customer_id, at);
CREATE INDEX contacts_of_journey ON contacts (journey_id, at);
CREATE INDEX contacts_by_time ON contacts (at);

CREATE TABLE outcomes (
    outcome_id TEXT PRIMARY KEY,
    decision_id TEXT NOT NULL,
    journey_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    type TEXT NOT NULL,
    value REAL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    late INTEGER NOT NULL,
    fingerprint TEXT NOT NULL
) STRICT;
CREATE INDEX outcomes_of_decision ON outcomes (decision_id);
CREATE INDEX outcomes_of_customer ON outcomes (customer_id, occurred_at);

CREATE TABLE kills (
    target TEXT PRIMARY KEY,                      -- a journey id, 'kind:promotional', or '*' for everything
    since INTEGER NOT NULL,
    why TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE versions (
    name TEXT PRIMARY KEY,                        -- 'kills': raised by every change of the kill list
    version INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE catalogues (
    version TEXT PRIMARY KEY,
    source TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: another process may still be telling it
    customer_id TEXT NOT NULL,                    -- whose facts the feature store must still be told
    queued_at INTEGER NOT NULL
) STRICT;
