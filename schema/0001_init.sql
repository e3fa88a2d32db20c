-- ferryd's database, version 1. What the states mean, which steps are legal and what must always
-- hold: README.md beside this file. Times are milliseconds since 1970 UTC; sizes and identities
-- are unsigned 64-bit numbers in two's complement (-1 = size unknown); names are bytes.
-- Words are compared by OR: for IN with more than two of them SQLite builds a temporary table, each
-- time a row is written, which took a third of the store's time.

-- A version of a source file. The row is the job and, while at_source = 1, the ledger entry that
-- keeps the version from being taken again.
CREATE TABLE job (
	id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: temporary names derive from it
	route TEXT NOT NULL CHECK (length(route) BETWEEN 1 AND 63),
	path BLOB NOT NULL CHECK (length(path) <= 4096),
	size INTEGER NOT NULL,
	mtime_ms INTEGER NOT NULL,
	identity INTEGER NOT NULL,
	state TEXT NOT NULL CHECK (state = 'claimed' OR state = 'stored' OR state = 'delivered'
		OR state = 'done' OR state = 'held' OR state = 'skipped' OR state = 'quarantined'
		OR state = 'canceled'),
	-- where a held one goes on
	resume TEXT CHECK (resume = 'claimed' OR resume = 'stored' OR resume = 'delivered'),
	at_source INTEGER NOT NULL DEFAULT 1 CHECK (at_source IN (0, 1)),
	attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	next_at INTEGER NOT NULL DEFAULT 0 CHECK (next_at >= 0), -- 0 = now
	stored_size INTEGER,
	sha256 BLOB CHECK (sha256 IS NULL OR length(sha256) = 32),
	created_ms INTEGER NOT NULL,
	stored_ms INTEGER,
	delivered_ms INTEGER,
	ended_ms INTEGER,
	left_ms INTEGER, -- when the version was known to be gone from the source
	updated_ms INTEGER NOT NULL,
	code TEXT NOT NULL DEFAULT '', -- last failure, reason or note
	text TEXT NOT NULL DEFAULT '',
	CHECK ((state = 'held') = (resume IS NOT NULL)),
	CHECK ((at_source = 0) = (left_ms IS NOT NULL)),
	CHECK (state NOT IN ('stored', 'delivered') OR stored_ms IS NOT NULL),
	CHECK ((state = 'done' OR state = 'skipped' OR state = 'quarantined' OR state = 'canceled')
		= (ended_ms IS NOT NULL))
) STRICT;

-- A version is taken once, as long as it may still be at the source …
CREATE UNIQUE INDEX job_version ON job (route, path, size, mtime_ms, identity)
	WHERE at_source = 1;
-- … and a listing older than our own delete does not bring it back.
CREATE INDEX job_left ON job (route, path, size, mtime_ms, identity, left_ms)
	WHERE at_source = 0;
-- What is to be done, by due time. Rows at rest are not in it, so its size is the backlog's.
CREATE INDEX job_open ON job (state, route, next_at)
	WHERE state = 'claimed' OR state = 'stored' OR state = 'delivered';
-- The operator's lists, newest first.
CREATE INDEX job_route ON job (route);
CREATE INDEX job_rest ON job (state)
	WHERE ended_ms IS NOT NULL OR state = 'held';
CREATE INDEX job_rest_route ON job (route, state)
	WHERE ended_ms IS NOT NULL OR state = 'held';

-- One destination of a job.
CREATE TABLE delivery (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
	route TEXT NOT NULL, -- the job's, here for the index
	dest TEXT NOT NULL CHECK (length(dest) BETWEEN 1 AND 511),
	final_name BLOB NOT NULL CHECK (length(final_name) BETWEEN 1 AND 255),
	state TEXT NOT NULL CHECK (state = 'sending' OR state = 'renaming' OR state = 'delivered'
		OR state = 'skipped' OR state = 'held' OR state = 'canceled'),
	resume TEXT CHECK (resume IN ('sending', 'renaming')),
	attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	next_at INTEGER NOT NULL DEFAULT 0 CHECK (next_at >= 0),
	verification INTEGER NOT NULL DEFAULT 0,
	inferred INTEGER NOT NULL DEFAULT 0 CHECK (inferred IN (0, 1)),
	created_ms INTEGER NOT NULL,
	renaming_ms INTEGER,
	ended_ms INTEGER,
	updated_ms INTEGER NOT NULL,
	code TEXT NOT NULL DEFAULT '',
	text TEXT NOT NULL DEFAULT '',
	CHECK ((state = 'held') = (resume IS NOT NULL)),
	CHECK ((state = 'delivered' OR state = 'skipped' OR state = 'canceled') = (ended_ms IS NOT NULL))
) STRICT;

CREATE INDEX delivery_job ON delivery (job);
CREATE INDEX delivery_due ON delivery (route, dest, next_at)
	WHERE state IN ('sending', 'renaming');

-- What the columns above cannot tell: retries, holds, operator's actions, inferred deliveries.
CREATE TABLE event (
	id INTEGER PRIMARY KEY,
	job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
	at_ms INTEGER NOT NULL,
	step TEXT NOT NULL CHECK (length(step) BETWEEN 1 AND 23),
	code TEXT NOT NULL,
	text TEXT NOT NULL
) STRICT;

CREATE INDEX event_job ON event (job);

CREATE TABLE route (
	name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
	paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
	changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many jobs of a route are in a state, so that nobody counts a million rows. Changed together
-- with the job, by one function; no trigger: an UPDATE that fires one goes through a temporary
-- table.
CREATE TABLE tally (
	route TEXT NOT NULL,
	state TEXT NOT NULL,
	jobs INTEGER NOT NULL CHECK (jobs >= 0),
	PRIMARY KEY (route, state)
) STRICT, WITHOUT ROWID;
