//! The digest alone, without the command line around it: for profiling.
//! `cargo run --release -p portcullis-flows --example digest -- FILE… > digest.json`

use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use portcullis_flows::{Input, Progress, Query, digest, render};

fn main() -> io::Result<()> {
    let mut inputs = Vec::new();
    for path in std::env::args().skip(1) {
        inputs.extend(Input::below(Path::new(&path)));
    }
    let query = Query::by(&["srcaddr", "dstaddr", "action"]);
    let digest = digest(inputs, &query, &Arc::new(Progress::default()))?;
    let mut out = BufWriter::new(io::stdout().lock());
    render::json(&digest, &mut out)?;
    out.flush()
}
