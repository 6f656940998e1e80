//! `portcullis snapshot`

use portcullis_cloud::collect::Want;
use portcullis_core::policy::PolicySet;
use portcullis_formats::inventory;

use crate::cli::SnapshotArgs;
use crate::exit::{Outcome, Result};
use crate::live::{Live, Purpose};
use crate::output::{Console, to_file};
use crate::selection::{read_policies, remark_on_coverage};

pub(crate) fn run(args: &SnapshotArgs, console: &Console) -> Result<Outcome> {
    let live = Live::open_for(&args.selection.aws, Purpose::Read, &args.selection.region)?;
    // Policies are read for what they say of accounts alone.
    let asked = &args.selection.policies;
    let policies = if asked.policy.is_empty() {
        PolicySet::default()
    } else {
        read_policies(asked, &args.selection.aws, console)?
    };
    // Whoever judges it later may ask for anything.
    let want = Want { interfaces: true, references: true, users: true };
    let mut taken = live.read(&args.selection, &policies, want, console, |_| {})?;
    if let Some(selected) = crate::selection::Wanted::new(&args.selection)?.among(&taken) {
        let mut selected = selected.into_iter();
        taken.groups.retain(|_| selected.next().unwrap_or(true));
    }
    inventory::canonical(&mut taken);
    to_file(&args.out, |out| inventory::write_as(&args.out, &taken, out))?;
    remark_on_coverage(&taken.coverage, console);
    console.remark(&format!(
        "{} groups are in `{1}`: `portcullis scan {1}` judges them",
        taken.groups.len(),
        args.out.display()
    ));
    let unread = taken.coverage.iter().any(|row| row.status.is_unread());
    Ok(if unread { Outcome::Incomplete } else { Outcome::Done })
}
