//! In which account a call acts: the server knows, by the access key.

use super::Inner;
use super::call::scope;
use crate::http::Message;
use crate::xml::Element;

impl Inner {
    /// The account of the caller. The server is asked once for each access key.
    pub(super) fn account(&self, request: &Message) -> String {
        let [key, ..] = scope(request);
        if key.is_empty() {
            return String::new();
        }
        if let Some(known) = self.lock().accounts.get(key) {
            return known.clone();
        }
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let signed =
            format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sts/aws4_request, SignedHeaders=host");
        let ask = Message::new("POST / HTTP/1.1".to_owned(), body)
            .with("Host", &self.upstream)
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Authorization", &signed);
        let answer = ask.send(&self.upstream).map_or_else(|_| String::new(), |a| a.text());
        let account = Element::parse(&answer).find("Account").map_or_else(String::new, |a| a.text.clone());
        self.lock().accounts.insert(key.to_owned(), account.clone());
        account
    }
}
