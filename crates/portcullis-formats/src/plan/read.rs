//! Reading a plan file, which proves it again.

use std::num::NonZero;
use std::ops::Deref;
use std::thread;

use jiff::Timestamp;
use portcullis_core::remediation::{Flaw, Plan, Proof, check_groups, prove_again};

use super::document::Document;
use super::proof::ProofRecord;
use super::{About, PlanError};
use crate::record::{check_version, shown, without_mark};

/// Fewer groups than this are proved on the caller's own thread.
const WORTH_A_THREAD: usize = 64;

/// A plan that was read and holds.
#[derive(Clone, Debug)]
pub struct PlanFile {
    /// The plan.
    pub plan: Plan,
    /// When it was made.
    pub created_at: Timestamp,
    /// The version of the program that made it.
    pub tool_version: String,
    /// The digest of the file's content.
    pub digest: String,
}

impl Deref for PlanFile {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

/// Reads a plan file and computes everything in it again that can be computed.
///
/// # Errors
/// Where the text is no plan, is of another version, or says anything that does not come out as it is written.
pub fn read(bytes: &[u8]) -> Result<PlanFile, PlanError> {
    let bytes = without_mark(bytes);
    check_version(bytes)?;
    let mut document: Document = serde_json::from_slice(bytes)?;
    let own = document.own_digest();
    if document.digest != own {
        return Err(PlanError::DoesNotHold("its content is not what its digest says".to_owned()));
    }
    let created_at = document.created_at().map_err(PlanError::DoesNotHold)?;
    let mut plan = document.decode().map_err(PlanError::DoesNotHold)?;
    check_groups(&plan)?;
    let proofs = proofs(&plan)?;
    for (planned, proof) in plan.groups.iter_mut().zip(proofs) {
        planned.proof = proof;
    }
    for (planned, stored) in plan.groups.iter().zip(&document.groups) {
        if let Some(what) = stored.proof.difference(&ProofRecord::of(&planned.proof)) {
            let group = shown(&planned.group.key.group_id);
            return Err(PlanError::DoesNotHold(format!("group `{group}`: {what} is not what the proof says")));
        }
    }
    // What is left are texts that could be written in another way, such as blocks with host bits set.
    let about = About { created_at, tool_version: &document.tool.version };
    let again = Document { digest: document.digest.clone(), ..Document::of(&plan, &about) }.with_cuts_of(&document);
    if again != document {
        return Err(PlanError::DoesNotHold("it is not as this program writes it".to_owned()));
    }
    let Document { tool, digest, .. } = document;
    Ok(PlanFile { plan, created_at, tool_version: tool.version, digest })
}

/// The proofs of all groups, computed on all cores.
fn proofs(plan: &Plan) -> Result<Vec<Proof>, Flaw> {
    let count = plan.groups.len();
    let threads = match count / WORTH_A_THREAD {
        0 | 1 => 1,
        most => thread::available_parallelism().map_or(1, NonZero::get).min(most),
    };
    if threads == 1 {
        return prove_again(plan, 0..count);
    }
    let share = count.div_ceil(threads);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| scope.spawn(move || prove_again(plan, worker * share..((worker + 1) * share).min(count))))
            .collect();
        let mut proofs = Vec::with_capacity(count);
        for worker in workers {
            match worker.join() {
                Ok(part) => proofs.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(proofs)
    })
}
