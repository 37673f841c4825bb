-- How far the journal is. Every group of commits locks this row first.
CREATE TABLE head (
    id smallint PRIMARY KEY,
    incarnation uuid NOT NULL,
    commit_number bigint NOT NULL,
    commit_time bigint NOT NULL,
    leaves bigint NOT NULL,
    peaks bytea NOT NULL
);

-- One row for each commit: the frame, as the embedded journal has it.
-- `last_sequence` is null where a commit has no events.
CREATE TABLE journal (
    commit_number bigint PRIMARY KEY,
    tenant text NOT NULL,
    last_sequence bigint,
    group_id uuid NOT NULL,
    frame bytea NOT NULL
);

CREATE INDEX journal_by_sequence ON journal (tenant, last_sequence);

-- The newest sequence of each tenant.
CREATE TABLE tenant_sequence (
    tenant text PRIMARY KEY,
    sequence bigint NOT NULL
);

-- The current state: what folding the journal's writes gives. Request ids,
-- timers and indexes are keys like all others.
CREATE TABLE state (
    key bytea PRIMARY KEY,
    value bytea NOT NULL,
    version bigint NOT NULL
);

-- What people and agents wrote. A large payload of a run is a list of chunks.
CREATE TABLE payload (
    id uuid PRIMARY KEY,
    salt bytea NOT NULL,
    body bytea,
    chunks bytea
);

CREATE TABLE payload_chunk (
    id uuid PRIMARY KEY,
    body bytea NOT NULL
);
