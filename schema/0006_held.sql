-- Version 6: a job is held as soon as one of its deliveries is, also while others are still tried.
-- Until now such a job was `stored` and stood in no list of what waits for the operator.
INSERT INTO tally (route, state, jobs)
	SELECT route, 'held', count(*) FROM job WHERE state = 'stored'
		AND EXISTS (SELECT 1 FROM delivery WHERE job = job.id AND delivery.state = 'held')
	GROUP BY route
	ON CONFLICT (route, state) DO UPDATE SET jobs = jobs + excluded.jobs;
UPDATE tally SET jobs = jobs - (SELECT count(*) FROM job WHERE job.route = tally.route
		AND job.state = 'stored'
		AND EXISTS (SELECT 1 FROM delivery WHERE job = job.id AND delivery.state = 'held'))
	WHERE state = 'stored';
UPDATE job SET state = 'held', resume = 'stored', next_at = 0,
	(code, text) = (SELECT code, dest || ': ' || text FROM delivery
		WHERE job = job.id AND delivery.state = 'held'
		ORDER BY updated_ms DESC, id DESC LIMIT 1)
	WHERE state = 'stored'
		AND EXISTS (SELECT 1 FROM delivery WHERE job = job.id AND delivery.state = 'held');
