-- Who moves a run: the dispatcher that has its partition. Runs from before there were several are all in the first.

ALTER TABLE runs ADD COLUMN partition bigint NOT NULL DEFAULT 0;

-- As commit_1, with the partitions of new runs.

CREATE FUNCTION commit_2(
    fence_partitions text[], fence_epochs bigint[],
    run_ids text[], run_firsts bigint[], run_lasts bigint[],
    run_flows text[], run_roots text[], run_parent_runs text[], run_parent_nodes text[], run_starts double precision[],
    run_partitions bigint[],
    run_statuses text[], run_ends double precision[], run_updates double precision[],
    run_labels bytea[], run_errors bytea[],
    fact_runs text[], fact_versions bigint[], fact_times double precision[], fact_bodies bytea[],
    attempt_ids text[], attempt_runs text[], attempt_tasks text[], attempt_dues double precision[],
    attempt_published double precision[], attempt_envelopes bytea[], attempt_bodies bytea[],
    verdict_ids text[], verdict_words text[], verdict_times double precision[], verdict_results bytea[],
    timer_runs text[], timer_kinds text[], timer_ids text[], timer_attempts bigint[], timer_dues double precision[],
    done_runs text[], done_kinds text[], done_ids text[], done_attempts bigint[],
    snapshot_runs text[], snapshot_versions bigint[], snapshot_states bytea[],
    mark_ids text[], mark_times double precision[]
) RETURNS void LANGUAGE plpgsql
-- Every join here is from a short list to rows by their key. Plans are kept, also those made while tables were small.
-- `coalesce` instead of IS NULL keeps the planner from the partial indexes, which it would go through for each row.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    written bigint;
    moved bigint;
    culprit record;
BEGIN
    IF fence_partitions <> '{}' THEN
        -- Shared with other commits; whoever takes the partition over waits until this commit is over.
        PERFORM FROM leases JOIN unnest(fence_partitions, fence_epochs) AS fence (partition, epoch)
            ON leases.partition = fence.partition AND leases.epoch = fence.epoch
            ORDER BY leases.partition FOR SHARE OF leases;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> cardinality(fence_partitions) THEN
            SELECT fence.partition AS name, fence.epoch AS wanted, coalesce(leases.epoch, 0) AS found INTO culprit
                FROM unnest(fence_partitions, fence_epochs) AS fence (partition, epoch)
                LEFT JOIN leases ON leases.partition = fence.partition
                WHERE leases.epoch IS DISTINCT FROM fence.epoch LIMIT 1;
            RAISE EXCEPTION USING ERRCODE = 'AF001', MESSAGE = format(
                'partition %s is at epoch %s, not %s: another dispatcher has taken it',
                culprit.name, culprit.found, culprit.wanted);
        END IF;
    END IF;

    IF run_ids <> '{}' THEN
        INSERT INTO runs (run_id, version, flow, root_id, parent_run, parent_node, started_at, partition,
                          status, ended_at, updated_at, labels, error)
            SELECT new.run_id, new.last, new.flow, new.root, new.parent_run, new.parent_node, new.started, new.partition,
                   new.status, new.ended, new.updated, new.labels, new.error
            FROM unnest(run_ids, run_firsts, run_lasts, run_flows, run_roots, run_parent_runs, run_parent_nodes,
                        run_starts, run_partitions, run_statuses, run_ends, run_updates, run_labels, run_errors)
                AS new (run_id, first, last, flow, root, parent_run, parent_node,
                        started, partition, status, ended, updated, labels, error)
            WHERE new.first = 1
            ON CONFLICT (run_id) DO NOTHING;
        GET DIAGNOSTICS written = ROW_COUNT;
        UPDATE runs SET version = new.last, status = new.status, ended_at = new.ended, updated_at = new.updated,
                        labels = new.labels, error = new.error
            FROM unnest(run_ids, run_firsts, run_lasts, run_statuses, run_ends, run_updates, run_labels, run_errors)
                AS new (run_id, first, last, status, ended, updated, labels, error)
            WHERE runs.run_id = new.run_id AND runs.version = new.first - 1 AND new.first > 1;
        GET DIAGNOSTICS moved = ROW_COUNT;
        IF written + moved <> cardinality(run_ids) THEN
            -- Those of the batch that did move are at its version by now; they would look moved to themselves.
            RAISE EXCEPTION USING ERRCODE = 'AF002', MESSAGE = 'a run has moved';
        END IF;
        INSERT INTO facts (run, version, at, facts)
            SELECT runs.run, new.version, new.at, new.facts
            FROM unnest(fact_runs, fact_versions, fact_times, fact_bodies) AS new (run_id, version, at, facts)
            JOIN runs ON runs.run_id = new.run_id;
    END IF;

    IF attempt_ids <> '{}' THEN
        INSERT INTO attempts (task_id, run, task, due, published, envelope, body)
            SELECT new.task_id, (SELECT run FROM runs WHERE runs.run_id = new.run_id),
                   new.task, new.due, new.published, new.envelope, new.body
            FROM unnest(attempt_ids, attempt_runs, attempt_tasks, attempt_dues, attempt_published,
                        attempt_envelopes, attempt_bodies)
                WITH ORDINALITY AS new (task_id, run_id, task, due, published, envelope, body, place)
            ORDER BY new.place;
    END IF;

    -- Timers are set before they are done, attempts made before they end: a batch may hold both.
    IF verdict_ids <> '{}' THEN
        UPDATE attempts SET verdict = new.verdict, ended_at = new.at, result = new.result, envelope = NULL, body = NULL
            FROM (
                SELECT DISTINCT ON (given.task_id) given.* FROM
                    unnest(verdict_ids, verdict_words, verdict_times, verdict_results)
                        WITH ORDINALITY AS given (task_id, verdict, at, result, place)
                ORDER BY given.task_id, given.place
            ) AS new
            WHERE attempts.task_id = new.task_id AND coalesce(attempts.verdict, '') = '';
    END IF;

    IF timer_runs <> '{}' THEN
        INSERT INTO timers (run, kind, task_id, attempt, due)
            SELECT (SELECT run FROM runs WHERE runs.run_id = new.run_id), new.kind, new.task_id, new.attempt, new.due
            FROM unnest(timer_runs, timer_kinds, timer_ids, timer_attempts, timer_dues)
                AS new (run_id, kind, task_id, attempt, due)
            ON CONFLICT (run, kind, task_id, attempt) DO UPDATE SET due = excluded.due;
    END IF;

    IF done_runs <> '{}' THEN
        DELETE FROM timers USING runs, unnest(done_runs, done_kinds, done_ids, done_attempts)
                AS done (run_id, kind, task_id, attempt)
            WHERE runs.run_id = done.run_id AND timers.run = runs.run AND timers.kind = done.kind
              AND timers.task_id = done.task_id AND timers.attempt = done.attempt;
    END IF;

    IF snapshot_runs <> '{}' THEN
        INSERT INTO snapshots (run, version, state)
            SELECT runs.run, new.version, new.state
            FROM unnest(snapshot_runs, snapshot_versions, snapshot_states) AS new (run_id, version, state)
            JOIN runs ON runs.run_id = new.run_id
            ON CONFLICT (run) DO UPDATE SET version = excluded.version, state = excluded.state
            WHERE excluded.version > snapshots.version;
    END IF;

    IF mark_ids <> '{}' THEN
        UPDATE attempts SET published = mark.at FROM unnest(mark_ids, mark_times) AS mark (task_id, at)
            WHERE attempts.task_id = mark.task_id
              AND coalesce(attempts.published, -1) = -1 AND coalesce(attempts.verdict, '') = '';
    END IF;
END
$$;
