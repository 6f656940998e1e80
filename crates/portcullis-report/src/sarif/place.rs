//! Where a finding stands in the input.

use std::fmt::Write as _;

use super::wire::{ArtifactLocation, Location, LogicalLocation, PhysicalLocation, Region};
use crate::report::{Entry, Report};

/// More places than this are not listed; code scanning shows the first and takes a thousand at most.
const MOST_PLACES: usize = 100;

/// One place for each line that causes the finding, or the group's own line. What was not read from a file has no physical
/// place, only its name.
pub(super) fn locations(report: &Report<'_>, entry: &Entry<'_>) -> Vec<Location> {
    let group = entry.group;
    let source = usize::try_from(group.source).ok().and_then(|source| report.inventory.sources.get(source));
    let uri = source.map(|source| uri(source));
    let mut lines: Vec<u32> = entry.rules().iter().map(|rule| rule.line).filter(|line| *line > 0).collect();
    lines.sort_unstable();
    lines.dedup();
    if lines.is_empty() {
        lines.push(group.line);
    }
    let key = &group.key;
    let logical = || LogicalLocation {
        name: key.group_id.to_string(),
        fully_qualified_name: format!("{}/{}/{}", key.account_id, key.region, key.group_id),
        kind: "resource",
    };
    let location = |line: &u32| Location {
        physical_location: uri.as_ref().map(|uri| PhysicalLocation {
            artifact_location: ArtifactLocation { uri: uri.clone() },
            region: (*line > 0).then_some(Region { start_line: *line }),
        }),
        logical_locations: [logical()],
    };
    lines.iter().take(MOST_PLACES).map(location).collect()
}

/// A path as a URI reference (RFC 3986): relative where the path is.
fn uri(path: &str) -> String {
    if path == "-" {
        return "stdin".to_owned();
    }
    let path = path.replace('\\', "/");
    let absolute = path.starts_with('/');
    let mut rest = path.as_str();
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter;
    }
    let mut uri = String::from(if absolute { "file://" } else { "" });
    for byte in rest.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("examples/acme/groups.json"), "examples/acme/groups.json");
        assert_eq!(uri("./my groups.json"), "my%20groups.json");
        assert_eq!(uri("a:b/ü.json"), "a%3Ab/%C3%BC.json");
        assert_eq!(uri("/tmp/x.json"), "file:///tmp/x.json");
        assert_eq!(uri("dir\\x.json"), "dir/x.json");
        assert_eq!(uri("-"), "stdin");
    }
}
