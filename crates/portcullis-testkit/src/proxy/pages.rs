//! A page token that comes again and again.

use std::io;

use super::{Call, Inner};
use crate::http::Message;

impl Inner {
    /// The first page of a list, with a token even where the list ends there; and from then on that page again.
    pub(super) fn same_page(&self, step: usize, request: &Message, call: &Call) -> io::Result<Message> {
        let list = [&call.account, &call.region, &call.service, &call.action].map(String::as_str).join(" ");
        if let Some(page) = self.lock().script.get(step).and_then(|s| s.pages.get(&list)) {
            return Ok(page.clone());
        }
        let mut page = request.send(&self.upstream)?;
        page.body = with_token(page.text()).into_bytes();
        if let Some(step) = self.lock().script.get_mut(step) {
            step.pages.insert(list, page.clone());
        }
        Ok(page)
    }
}

fn with_token(mut text: String) -> String {
    if token(&text).is_some() {
        return text;
    }
    if let Some(end) = text.rfind("</") {
        text.insert_str(end, "<nextToken>the-same-page</nextToken>");
    } else if let Some(end) = text.rfind('}') {
        let comma = if text.trim_start().starts_with("{}") { "" } else { "," };
        text.insert_str(end, &format!(r#"{comma}"NextToken":"the-same-page""#));
    }
    text
}

/// The token in an answer, in either notation.
fn token(text: &str) -> Option<&str> {
    let marks = [("<nextToken>", "<"), ("<NextToken>", "<"), ("\"NextToken\":\"", "\""), ("\"NextToken\": \"", "\"")];
    marks.iter().find_map(|(before, after)| {
        let start = text.find(before)? + before.len();
        let value = text.get(start..)?.split(after).next()?;
        (!value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_both_notations() {
        assert_eq!(token("<R><nextToken>abc</nextToken></R>"), Some("abc"));
        assert_eq!(token(r#"{"NextToken": "abc"}"#), Some("abc"));
        assert_eq!(token("<R><nextToken></nextToken></R>"), None);
    }
}
