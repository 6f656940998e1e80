//! Names of Regions.

/// Whether a text has the form of a Region's name: `eu-west-1`, `us-gov-east-1`. Which Regions there are, AWS alone knows.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2 && words.iter().all(word) && number.parse::<u8>().is_ok_and(|number| number > 0)
        }
        None => false,
    }
}
