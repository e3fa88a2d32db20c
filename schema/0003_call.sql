-- Version 3: commands at a partner's server after a delivery. A row is made in the transaction that
-- makes the delivery `delivered`, and goes when the command has ended well or is given up: what a
-- crash swallows is run again.
CREATE TABLE call (
	delivery INTEGER PRIMARY KEY REFERENCES delivery (id) ON DELETE CASCADE,
	route TEXT NOT NULL, -- the delivery's, here for the index
	dest TEXT NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	next_at INTEGER NOT NULL DEFAULT 0 CHECK (next_at >= 0) -- 0 = now
) STRICT;

CREATE INDEX call_due ON call (route, dest, next_at);
