//! A policy in a flag: ports that are to be closed to the internet.

use serde_json::json;

/// The policy for a list of ports and ranges, such as `22,3389` or `8000-8100`: none of them, TCP or UDP, open to the
/// internet.
///
/// # Errors
/// What is wrong with the list.
pub fn bad_ports_policy(ports: &str) -> Result<Vec<u8>, String> {
    let mut rules = Vec::new();
    for port in ports.split(',').map(str::trim).filter(|port| !port.is_empty()) {
        let wrong =
            || format!("`{port}` is no port: numbers from 1 to 65535 and ranges such as `8000-8100` are expected");
        let (low, high) = port.split_once('-').unwrap_or((port, port));
        let number = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let (low, high) = (number(low).ok_or_else(wrong)?, number(high).ok_or_else(wrong)?);
        if low > high {
            return Err(format!("`{port}` runs backwards: write `{high}-{low}`"));
        }
        let range = if low == high { low.to_string() } else { format!("{low}-{high}") };
        for (protocol, end) in [("tcp", ""), ("udp", "_UDP")] {
            rules.push(json!({
                "rule_id": format!("BAD_PORT_{}{end}", range.replace('-', "_")),
                "description": format!("Port {range} must not be open to the internet ({protocol})"),
                "protocol": protocol,
                "port_range": range,
                "source": "internet",
                "severity": "critical",
                "reason": format!("port {range} is one of those that are to be closed to the internet"),
            }));
        }
    }
    if rules.is_empty() {
        return Err("no port is named: a list such as `22,3389` is expected".to_owned());
    }
    let policy = json!({ "version": "1", "compliance_policies": { "prohibited_rules": { "inbound": rules } } });
    Ok(policy.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use portcullis_formats::policy::assemble::{Request, assemble};

    use super::bad_ports_policy;

    #[test]
    fn a_list_of_ports_is_a_policy() {
        let bytes = bad_ports_policy("22, 3389,8000-8100").unwrap();
        let request = Request { policies: vec![("--bad-ports".to_owned(), bytes)], ..Request::default() };
        let set = assemble(&request).unwrap().set;
        let ids: Vec<&str> = set.controls.iter().filter_map(|control| control.rule_id.as_deref()).collect();
        assert_eq!(ids.len(), 6);
        assert!(ids.contains(&"BAD_PORT_22") && ids.contains(&"BAD_PORT_8000_8100_UDP"), "{ids:?}");
    }

    #[test]
    fn what_is_no_port_is_said() {
        for (text, expected) in
            [("", "no port"), ("0", "`0` is no port"), ("70000", "no port"), ("ssh", "`ssh`"), ("9-8", "backwards")]
        {
            let error = bad_ports_policy(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
