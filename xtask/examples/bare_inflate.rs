//! Unpacks a gzip file and forgets it: what reading packed flow logs cannot be quicker than on one core.

use std::fs::File;
use std::io::{self, BufReader};

use flate2::read::MultiGzDecoder;

fn main() -> io::Result<()> {
    for path in std::env::args().skip(1) {
        let file = BufReader::with_capacity(1 << 17, File::open(path)?);
        io::copy(&mut BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file)), &mut io::sink())?;
    }
    Ok(())
}
