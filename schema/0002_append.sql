-- exists: append. The size the file had before our bytes were added to it, from before the first of
-- them leaves: what is found after an interruption is judged by it. NULL: not begun.
ALTER TABLE delivery ADD COLUMN append_at INTEGER CHECK (append_at >= 0);

-- Two do not add to one file at a time.
CREATE INDEX delivery_appending ON delivery (dest, final_name)
	WHERE append_at IS NOT NULL AND ended_ms IS NULL;
