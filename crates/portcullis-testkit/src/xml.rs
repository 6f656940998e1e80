//! As much of XML as Query services answer with: elements and text, no attributes that matter.

/// An element: its name, its own text, the elements in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Without a namespace.
    pub name: String,
    /// Without surrounding space; empty where there are elements only.
    pub text: String,
    /// In their order.
    pub children: Vec<Element>,
}

impl Element {
    /// The document's root; an empty element where the text is not XML.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut open = vec![Self::default()];
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('<') {
            let Some((tag, after)) = tail.split_once('>') else { break };
            rest = after;
            if let Some(element) = open.last_mut() {
                element.text.push_str(&unescape(before.trim()));
            }
            if tag.starts_with(['?', '!']) {
                continue;
            }
            if !tag.starts_with('/') {
                let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default();
                let name = name.rsplit(':').next().unwrap_or_default().to_owned();
                open.push(Self { name, ..Self::default() });
            }
            if tag.starts_with('/') || tag.ends_with('/') {
                let Some(done) = open.pop() else { break };
                let Some(parent) = open.last_mut() else { return done };
                parent.children.push(done);
            }
        }
        open.into_iter().next().and_then(|top| top.children.into_iter().next()).unwrap_or_default()
    }

    /// The first element of this name directly in this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The text at a path of names, e.g. `Credentials/AccessKeyId`; empty where there is none.
    #[must_use]
    pub fn at(&self, path: &str) -> &str {
        path.split('/').try_fold(self, |element, name| element.child(name)).map_or("", |e| e.text.as_str())
    }

    /// The items of the list of this name directly in this element (`item` in EC2, `member` elsewhere).
    pub fn items(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.child(name).into_iter().flat_map(|list| &list.children)
    }

    /// The first element of this name at any depth.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Element> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|c| c.find(name))
    }
}

fn unescape(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    named.replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_texts_and_lists() {
        let root = Element::parse(
            "<?xml version='1.0'?>\n<r xmlns=\"u\"><a>1 &lt; 2</a><s><item><b/></item><item>x</item></s></r>",
        );
        assert_eq!((root.name.as_str(), root.at("a"), root.at("none")), ("r", "1 < 2", ""));
        assert_eq!(
            root.items("s").map(|i| (i.children.len(), i.text.as_str())).collect::<Vec<_>>(),
            [(1, ""), (0, "x")]
        );
        assert_eq!(Element::parse("nothing"), Element::default());
    }
}
