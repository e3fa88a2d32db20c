-- Version 4: where the rename of a delivery was asked for, as protocol://user@host:port. An endpoint
-- may be pointed elsewhere while the answer is outstanding; what is found there then proves nothing.
-- NULL: this machine, or written by an older version.
ALTER TABLE delivery ADD COLUMN site TEXT;
