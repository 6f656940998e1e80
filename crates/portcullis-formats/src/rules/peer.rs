//! Peers: blocks, groups and prefix lists.

use std::net::{Ipv4Addr, Ipv6Addr};

use portcullis_core::model::{GroupReference, Peer};
use portcullis_core::net::{AnyCidr, CidrError};

use super::line::Parser;
use crate::diagnostics::quoted;

const PEERS: &str = "a peer is a block such as `10.0.0.0/8` or `[2001:db8::/32]`, a group `sg-…`, a group of another account \
                     `111122223333/sg-…`, or a prefix list `pl-…`";

/// Reads one peer.
pub(super) fn peer(parser: &mut Parser<'_>, text: &str) -> Option<Peer> {
    if text.is_empty() {
        return parser.error(text, "a peer is missing here", Some("take the comma away, or name a peer".to_owned()));
    }
    if let Some(inner) = text.strip_prefix('[') {
        return match inner.strip_suffix(']') {
            Some(inner) => in_brackets(parser, text, inner.trim()),
            None => {
                parser.error(text, "the bracket is not closed", Some(format!("write {}", quoted(&format!("{text}]")))))
            }
        };
    }
    if text.starts_with("pl-") {
        return identifier(parser, text, text, "pl-").map(|()| Peer::PrefixList(text.into()));
    }
    if let Some(group) = group(parser, text) {
        return group;
    }
    if !text.contains('\\') {
        return block(parser, text, text);
    }
    // pysec-aws took either slash.
    let slashed = text.replace('\\', "/");
    let message = format!("{} means {}", quoted(text), quoted(&slashed));
    parser.warning(text, message, "`portcullis rules fmt` rewrites it");
    block(parser, text, &slashed)
}

/// A group, if it is meant to be one.
fn group(parser: &mut Parser<'_>, text: &str) -> Option<Option<Peer>> {
    let (account, id) = match text.split_once('/') {
        Some((account, id)) if id.trim_start().starts_with("sg-") => (Some(account.trim_end()), id.trim_start()),
        None if text.starts_with("sg-") => (None, text),
        _ => return None,
    };
    let account_is_right =
        account.is_none_or(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
    if !account_is_right {
        let account = account.unwrap_or_default();
        return Some(parser.error(
            account,
            format!("{} is no account: twelve digits are expected", quoted(account)),
            None,
        ));
    }
    let account = account.unwrap_or_default().into();
    let reference = |()| GroupReference { account, id: id.into(), ..GroupReference::default() };
    Some(identifier(parser, text, id, "sg-").map(reference).map(|group| Peer::Group(Box::new(group))))
}

/// AWS's ids are a prefix with 8 or 17 hexadecimal digits; tests and other clouds have shorter ones.
fn identifier(parser: &mut Parser<'_>, text: &str, id: &str, prefix: &str) -> Option<()> {
    let digits = id.strip_prefix(prefix).unwrap_or_default();
    if !digits.is_empty() && digits.len() <= 17 && digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Some(());
    }
    parser.error(text, format!("{} is no id: `{prefix}` and up to 17 letters or digits are expected", quoted(id)), None)
}

fn in_brackets(parser: &mut Parser<'_>, text: &str, inner: &str) -> Option<Peer> {
    match inner.parse::<AnyCidr>() {
        Ok(AnyCidr::V4(_)) => parser.error(text, "brackets are for IPv6", Some(format!("write {}", quoted(inner)))),
        Err(CidrError::NoPrefix(_, 128)) => {
            let help = format!("write {} for the one address", quoted(&format!("[{inner}/128]")));
            parser.error(text, format!("{} has no prefix length", quoted(inner)), Some(help))
        }
        Ok(AnyCidr::V6(_)) | Err(_) => block(parser, text, inner),
    }
}

/// A block; `text` is as written, `form` without what stands around it.
fn block(parser: &mut Parser<'_>, text: &str, form: &str) -> Option<Peer> {
    let block = match form.parse::<AnyCidr>() {
        Ok(block) => block,
        Err(CidrError::NoPrefix(address, length)) => {
            let help = format!("write {} for the one address", quoted(&format!("{address}/{length}")));
            return parser.error(text, format!("{} has no prefix length", quoted(text)), Some(help));
        }
        Err(CidrError::Prefix(_, most)) => {
            let message = format!("{} is no block: the prefix length is a number from 0 to {most}", quoted(text));
            return parser.error(text, message, None);
        }
        Err(CidrError::Address(_)) => {
            return parser.error(text, format!("{} is no peer", quoted(text)), Some(PEERS.to_owned()));
        }
    };
    if has_host_bits(block, form) {
        let message = format!("{} has host bits: it means {}", quoted(form), quoted(&block.to_string()));
        parser.warning(text, message, "`portcullis rules fmt` rewrites it");
    }
    Some(block.into())
}

/// Whether the address as written is not the block's first. Other spellings of the first are nothing to warn of.
fn has_host_bits(block: AnyCidr, form: &str) -> bool {
    let address = form.split('/').next().unwrap_or_default();
    match block {
        AnyCidr::V4(block) => address.parse::<Ipv4Addr>().is_ok_and(|written| u32::from(written) != block.address()),
        AnyCidr::V6(block) => address.parse::<Ipv6Addr>().is_ok_and(|written| u128::from(written) != block.address()),
    }
}
