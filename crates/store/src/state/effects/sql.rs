//! The statements of the effect ledger. Each change says in its own `WHERE` what must stand for it to happen.
//!
//! `$1 ...` are numbered in the order of their first appearance. What never happens here: a decision.

/// The columns of an effect, in the order in which [`super::rows`] reads them.
macro_rules! columns {
    () => {
        "key, twin, run, path, place, tool, arguments, effect, means, state, attempt, epoch, contested, doubt, detail, \
         authorised_by, reconciled_by, changed_at_ms"
    };
}

pub(super) const REGISTER: &str = "INSERT INTO state_effect_owners (owner, epoch, until_ms) VALUES ($1, 1, $2)
    ON CONFLICT (owner) DO UPDATE SET epoch = state_effect_owners.epoch + 1, until_ms = excluded.until_ms RETURNING epoch";

/// The life that left them contested is over by proof: it sends nothing late any more.
pub(super) const UNCONTEST: &str = "UPDATE state_effects SET contested = 0
    WHERE state NOT IN ('committed', 'failed', 'void') AND state = 'unknown' AND owner = $1 AND epoch < $2 AND contested = 1";

pub(super) const BEAT: &str = "UPDATE state_effect_owners SET until_ms = $1 WHERE owner = $2 AND epoch = $3";

/// An epoch that is over is proof that whoever had it sends nothing more.
pub(super) const RESIGN: &str =
    "UPDATE state_effect_owners SET epoch = epoch + 1, until_ms = 0 WHERE owner = $1 AND epoch = $2";

/// Gateways that were silent for so long do not come back.
pub(super) const FORGET_OWNERS: &str = "DELETE FROM state_effect_owners WHERE until_ms < $1 AND owner <> $2";

pub(super) const OWNER: &str = "SELECT epoch FROM state_effect_owners WHERE owner = $1";

pub(super) const NEW_RUN: &str = "INSERT INTO state_effect_runs (run, request, closed, owner, epoch, era)
    VALUES ($1, $2, 0, $3, $4, $5) ON CONFLICT (run) DO NOTHING";

pub(super) const RUN: &str = "SELECT request, closed, owner FROM state_effect_runs WHERE run = $1";

/// Takes a run that nobody who lives works on.
pub(super) const TAKE_RUN: &str = "UPDATE state_effect_runs AS r SET closed = 0, owner = $1, epoch = $2
    WHERE r.run = $3 AND r.request = $4 AND (r.closed = 1 OR r.owner = '' OR r.owner = $1 OR NOT EXISTS (
        SELECT 1 FROM state_effect_owners o WHERE o.owner = r.owner AND o.epoch = r.epoch AND o.until_ms >= $5))";

/// A run that did nothing leaves nothing.
pub(super) const DROP_RUN: &str = "DELETE FROM state_effect_runs WHERE run = $1 AND owner = $2 AND epoch = $3
    AND NOT EXISTS (SELECT 1 FROM state_effects e WHERE e.era = state_effect_runs.era AND e.run = $1)";

pub(super) const LET_GO: &str = "UPDATE state_effect_runs SET owner = '' WHERE run = $1 AND owner = $2 AND epoch = $3";

pub(super) const CLOSE_RUN: &str =
    "UPDATE state_effect_runs SET closed = 1, owner = '' WHERE run = $1 AND owner IN ('', $2)";

pub(super) const ERA: &str = "SELECT era FROM state_effect_runs WHERE run = $1";

pub(super) const FORGET_RUN: &str = "DELETE FROM state_effect_runs WHERE run = $1 AND NOT EXISTS (
    SELECT 1 FROM state_effects e WHERE e.era = $2 AND e.run = $1 AND e.state NOT IN ('committed', 'failed', 'void'))";

pub(super) const FORGET_GRANTS: &str =
    "DELETE FROM state_effect_grants WHERE twin IN (SELECT twin FROM state_effects WHERE era = $1 AND run = $2)";

pub(super) const FORGET_EFFECTS: &str = "DELETE FROM state_effects WHERE era = $1 AND run = $2";

/// Whether this gateway may plan in this run; from here to the commit nobody else can, since the row is held. Nothing
/// in it changes, so that SQLite, where all of the database is held, writes no page for it.
pub(super) const MAY_PLAN: &str = "UPDATE state_effect_runs SET closed = 0
    WHERE run = $1 AND owner = $2 AND epoch = $3 AND closed = 0
      AND EXISTS (SELECT 1 FROM state_effect_owners o WHERE o.owner = $2 AND o.epoch = $3) RETURNING era";

/// A new effect, unless it is known, or its place or its twin stands in the way (`$17`: the twin was looked at).
pub(super) const PLAN: &str = "INSERT INTO state_effects (key, twin, run, path, place, tool, arguments, effect, means,
        state, attempt, owner, epoch, authorised_by, changed_at_ms, era, contested, doubt, detail, reconciled_by)
    SELECT $1, $2, CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS TEXT),
        CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS TEXT), CAST($10 AS TEXT), CAST($11 AS BIGINT), CAST($12 AS TEXT),
        CAST($13 AS BIGINT), CAST($14 AS TEXT), CAST($15 AS BIGINT), CAST($16 AS BIGINT), 0, 0, '', NULL
    WHERE NOT EXISTS (SELECT 1 FROM state_effects s WHERE s.era = CAST($16 AS BIGINT) AND s.run = CAST($3 AS TEXT)
            AND s.path = CAST($4 AS TEXT) AND s.place = CAST($5 AS BIGINT) AND s.key <> $1 AND s.state <> 'void'
            AND NOT (s.state = 'failed' AND s.attempt = 0))
      AND (CAST($17 AS BIGINT) = 1 OR NOT EXISTS (SELECT 1 FROM state_effects t
            WHERE t.era = CAST($16 AS BIGINT) AND t.run = CAST($3 AS TEXT) AND t.twin = $2 AND t.key <> $1
            AND t.state NOT IN ('void', 'failed') AND (t.state <> 'committed' OR CAST($8 AS TEXT) = 'irreversible')))
    ON CONFLICT (key) DO UPDATE SET effect = excluded.effect, means = excluded.means, state = excluded.state, attempt = excluded.attempt, owner = excluded.owner,
        epoch = excluded.epoch, authorised_by = excluded.authorised_by, changed_at_ms = excluded.changed_at_ms,
        contested = 0, doubt = 0, detail = '', reconciled_by = NULL WHERE state_effects.state = 'void'";

pub(super) const VOID_PLACE: &str = "UPDATE state_effects SET state = 'void', changed_at_ms = $1
    WHERE era = $2 AND run = $3 AND path = $4 AND place = $5 AND key <> $6 AND state IN ('planned', 'authorised')";

pub(super) const AT_PLACE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM state_effects WHERE era = $1 AND run = $2 AND path = $3 AND place = $4 AND key <> $5 ORDER BY changed_at_ms, key"
);

pub(super) const TWINS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM state_effects WHERE era = $1 AND run = $2 AND twin = $3 AND key <> $4 ORDER BY changed_at_ms, key"
);

pub(super) const GRANTED: &str = "SELECT repeats FROM state_effect_grants WHERE twin = $1";

pub(super) const GRANT: &str = "INSERT INTO state_effect_grants (twin, repeats) VALUES ($1, 1)
    ON CONFLICT (twin) DO UPDATE SET repeats = state_effect_grants.repeats + 1";

pub(super) const AUTHORISE: &str = concat!(
    "UPDATE state_effects SET state = 'authorised', authorised_by = $1, changed_at_ms = $2
     WHERE key = $3 AND attempt = $4 AND state = 'planned' RETURNING ",
    columns!()
);

pub(super) const DENY: &str = concat!(
    "UPDATE state_effects SET state = 'failed', authorised_by = $1, detail = $2, changed_at_ms = $3
     WHERE key = $4 AND attempt = $5 AND state IN ('planned', 'authorised') RETURNING ",
    columns!()
);

pub(super) const VOID: &str = concat!(
    "UPDATE state_effects SET state = 'void', changed_at_ms = $1
     WHERE key = $2 AND attempt = $3 AND state IN ('planned', 'authorised') RETURNING ",
    columns!()
);

/// `$6` is the state that the send must come out of.
pub(super) const INTEND: &str = concat!(
    "UPDATE state_effects SET state = 'intent', attempt = attempt + 1, contested = 0, changed_at_ms = $1,
        doubt = $2, authorised_by = COALESCE($3, authorised_by), owner = $4, epoch = $5
     WHERE state = $6 AND key = $7 AND attempt = $8
       AND EXISTS (SELECT 1 FROM state_effect_owners o WHERE o.owner = $4 AND o.epoch = $5) RETURNING ",
    columns!()
);

pub(super) const DISPATCH: &str = concat!(
    "UPDATE state_effects SET state = 'dispatched', changed_at_ms = $1
     WHERE key = $2 AND attempt = $3 AND state = 'intent' RETURNING ",
    columns!()
);

/// The same where nobody asks what came of it.
pub(super) const NOTE_DISPATCHED: &str = "UPDATE state_effects SET state = 'dispatched', changed_at_ms = $1
     WHERE key = $2 AND attempt = $3 AND state = 'intent'";

pub(super) const COMMIT: &str = concat!(
    "UPDATE state_effects SET state = 'committed', detail = $1, changed_at_ms = $2,
        reconciled_by = CASE WHEN state = 'unknown' THEN CAST($3 AS TEXT) ELSE NULL END
     WHERE key = $4 AND attempt = $5 AND state IN ('intent', 'dispatched', 'unknown') RETURNING ",
    columns!()
);

/// `$3` is 1 where the tool's own answer is the witness: where an earlier send is in doubt, that says nothing of it.
pub(super) const FAIL: &str = concat!(
    "UPDATE state_effects SET detail = $1, changed_at_ms = $2,
        state = CASE WHEN doubt = 1 AND CAST($3 AS BIGINT) = 1 THEN 'unknown' ELSE 'failed' END,
        reconciled_by = CASE WHEN doubt = 1 AND CAST($3 AS BIGINT) = 1 THEN reconciled_by
            WHEN state = 'unknown' THEN CAST($4 AS TEXT) ELSE NULL END
     WHERE key = $5 AND attempt = $6 AND state IN ('intent', 'dispatched', 'unknown') RETURNING ",
    columns!()
);

/// Not while another gateway that lives is sending it. One that is only silent may still send it late: contested.
pub(super) const LOSE: &str = concat!(
    "UPDATE state_effects AS e SET state = 'unknown', detail = $1, changed_at_ms = $2,
        contested = CASE WHEN e.owner = $3 THEN e.contested WHEN EXISTS (SELECT 1 FROM state_effect_owners o
            WHERE o.owner = e.owner AND o.epoch = e.epoch) THEN 1 ELSE e.contested END
     WHERE e.key = $4 AND e.attempt = $5 AND e.state IN ('intent', 'dispatched')
       AND (e.owner = $3 OR NOT EXISTS (SELECT 1 FROM state_effect_owners o
            WHERE o.owner = e.owner AND o.epoch = e.epoch AND o.until_ms >= $2)) RETURNING ",
    columns!()
);

pub(super) const EFFECT: &str = concat!("SELECT ", columns!(), " FROM state_effects WHERE key = $1");

pub(super) const OPEN: &str =
    concat!("SELECT ", columns!(), " FROM state_effects WHERE state NOT IN ('committed', 'failed', 'void')");

/// Open effects of this run.
pub(super) const OPEN_OF: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM state_effects WHERE era = $1 AND run = $2 AND state NOT IN ('committed', 'failed', 'void') LIMIT 1"
);

/// What was sent or may have been, and no gateway that lives and is another one works on.
pub(super) const ORPHANS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM state_effects AS e WHERE e.state NOT IN ('committed', 'failed', 'void')
       AND e.state NOT IN ('planned', 'authorised') AND NOT EXISTS (SELECT 1 FROM state_effect_owners o WHERE o.owner = e.owner AND o.epoch = e.epoch
            AND o.until_ms >= $1 AND NOT (o.owner = $2 AND o.epoch <> $3))"
);
