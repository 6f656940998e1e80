//! Short sentences out of long ones.

use std::error::Error as StdError;

/// How long a message of somebody else may get, in characters.
const LONGEST: usize = 400;

/// What AWS says, on one line, without the encoded part of EC2's refusals, which no person can read.
pub(super) fn message(text: &str) -> String {
    let text = text.split("Encoded authorization failure message").next().unwrap_or(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(&line)),
        None => line,
    }
}

/// The innermost cause that says something.
pub(super) fn root(error: &(dyn StdError + 'static)) -> String {
    let texts = super::chain(error).map(ToString::to_string).filter(|text| !text.trim().is_empty());
    let text = texts.last().unwrap_or_default();
    // The number of the system's error says nothing that its words don't.
    let text = text.split(" (os error").next().unwrap_or(&text);
    message(&lower(text))
}

/// Whether the connection ended before the answer did; hyper has no type of its own for it.
pub(super) fn says_cut_short(error: &(dyn StdError + 'static)) -> bool {
    super::chain(error).any(|link| {
        let text = link.to_string();
        text.contains("connection closed before message completed")
            || text.contains("end of file before message length")
    })
}

/// The sentence with a small first letter, unless it is an abbreviation that it begins with.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_loses_its_encoded_part() {
        let text = "You are not authorized to perform this operation.\n User: arn:aws:sts::1:x is not allowed. \
                    Encoded authorization failure message: AAAA";
        let expected = "You are not authorized to perform this operation. User: arn:aws:sts::1:x is not allowed.";
        assert_eq!(message(text), expected);
    }

    #[test]
    fn no_message_is_endless_or_moves_the_cursor() {
        assert_eq!(message(&"é".repeat(1000)).chars().count(), LONGEST + 1);
        assert_eq!(message("a\u{1b}[31mb\u{7}"), "a[31mb");
    }

    #[test]
    fn a_cause_is_said_in_small_letters_without_numbers() {
        let refused = std::io::Error::from_raw_os_error(111);
        assert_eq!(root(&refused), "connection refused");
        assert_eq!(root(&std::io::Error::other("TLS is off")), "TLS is off");
    }
}
