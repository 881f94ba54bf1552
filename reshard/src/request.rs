//! What a request in Redis means, given the gate. Pure.
//!
//! Redis may be new, wiped, or a replica that was promoted with an old value. It is believed only as far
//! as its own state hash shows that it knows the gate's epoch: a replica gets keys in order, so one that
//! has the publication of this epoch has every request that came before it too.

use flag_client::Request;
use topology::{Epoch, FlagError, Phase};

/// What to do about the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Walk towards this phase; it may be the present one.
    Follow(Phase),
    /// The key is missing: publish the present phase.
    Missing,
    /// Not a flag: leave it, report it, stay.
    Illegal(FlagError),
    /// This Redis has not heard of the present epoch, and asks for something nobody asked for since: put
    /// the present phase into the key in place of this value, and report it.
    Distrust(String),
}

/// Judges `request` for a table in `phase` of `epoch`; `accepted` is the target that was last followed,
/// which home remembers.
#[must_use]
pub fn judge(request: &Request, phase: Phase, epoch: Epoch, accepted: Option<Phase>) -> Verdict {
    let Some(value) = &request.value else {
        return Verdict::Missing;
    };
    let target: Phase = match value.parse() {
        Ok(target) => target,
        Err(error) => return Verdict::Illegal(error),
    };
    // Nothing to fall back to in the first epoch: a request made before the first gate is as good as one after.
    let first = epoch == Epoch::FIRST && request.published.is_none();
    let known = request.published == Some(epoch);
    if known || first || target == phase || accepted == Some(target) {
        Verdict::Follow(target)
    } else {
        Verdict::Distrust(value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, published: Option<u64>, phase: &str, accepted: &str, expected: Verdict) {
        let request =
            Request { value: (!value.is_empty()).then(|| value.to_owned()), published: published.map(Epoch) };
        let phase = phase.parse().unwrap();
        let verdict = judge(&request, phase, Epoch(5), accepted.parse().ok());
        assert_eq!(verdict, expected, "{value} {published:?} in {phase}, accepted {accepted}");
    }

    #[test]
    fn requests_are_followed_when_redis_knows_the_epoch() {
        check("0011", Some(5), "1101", "1101", Verdict::Follow(Phase::Shards));
        check("1100", Some(5), "0011", "0011", Verdict::Follow(Phase::Legacy));
        check("1101", Some(5), "1101", "", Verdict::Follow(Phase::DualWrite));
    }

    #[test]
    fn a_wiped_redis_never_means_1100() {
        check("", None, "0011", "0011", Verdict::Missing);
        check("1100", None, "0011", "0011", Verdict::Distrust("1100".into()));
    }

    #[test]
    fn a_promoted_replica_with_an_old_value_moves_nothing() {
        check("1101", Some(3), "0111", "0111", Verdict::Distrust("1101".into()));
        // Nor forwards, after the fleet went back.
        check("0111", Some(3), "1101", "1101", Verdict::Distrust("0111".into()));
        // A Redis that is ahead belongs to another home, or home went back.
        check("0011", Some(9), "1101", "1101", Verdict::Distrust("0011".into()));
    }

    #[test]
    fn a_walk_goes_on_before_its_last_step_is_published() {
        check("0011", Some(4), "1101", "0011", Verdict::Follow(Phase::Shards));
        check("1100", Some(4), "0111", "1100", Verdict::Follow(Phase::Legacy));
    }

    #[test]
    fn illegal_values_are_named() {
        let error = "1111".parse::<Phase>().unwrap_err();
        check("1111", Some(5), "1101", "1101", Verdict::Illegal(error));
    }

    #[test]
    fn a_request_made_before_the_first_gate_counts() {
        let request = Request { value: Some("1101".into()), published: None };
        assert_eq!(judge(&request, Phase::Legacy, Epoch::FIRST, None), Verdict::Follow(Phase::DualWrite));
    }
}
