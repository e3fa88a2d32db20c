-- How much of a file's time its server told: FTP's LIST tells the minute of a young file and only the
-- day of an old one (daemon/base/told.h). 0 or 1: exact.
ALTER TABLE job ADD COLUMN precision_ms INTEGER NOT NULL DEFAULT 0 CHECK (precision_ms >= 0);
-- What until now was taken may have been told to the minute or to the day, if it looks like that.
UPDATE job SET precision_ms = CASE mtime_ms % 86400000 WHEN 0 THEN 86400000 ELSE 60000 END
	WHERE at_source = 1 AND mtime_ms > 0 AND mtime_ms % 60000 = 0;

-- The time that listings tell of this version, where it is another one than mtime_ms: it is known by
-- that, too.
ALTER TABLE job ADD COLUMN listed_ms INTEGER;
CREATE INDEX job_listed ON job (route, path, size, listed_ms, identity)
	WHERE listed_ms IS NOT NULL;
