-- Version 7: which ferryd this is. Two that deliver into one directory have jobs of the same number;
-- with this in their temporary names neither writes into the other's. A database that has jobs keeps
-- the names it has given: ''.
CREATE TABLE instance (name TEXT NOT NULL) STRICT;
INSERT INTO instance (name)
	SELECT CASE WHEN EXISTS (SELECT 1 FROM job) THEN '' ELSE lower(hex(randomblob(4))) END;
