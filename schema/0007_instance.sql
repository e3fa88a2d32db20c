-- Version 7: which ferryd this is. Two that deliver into one directory have jobs of the same number;
-- with this in their temporary names neither writes into the other's. '': it has none yet, as temporary
-- files of names without one may lie at destinations; it is given one at a start when none does.
CREATE TABLE instance (name TEXT NOT NULL) STRICT;
INSERT INTO instance (name) VALUES ('');
