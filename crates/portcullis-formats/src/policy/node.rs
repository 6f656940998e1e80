//! A document as a tree of values, each with its place: what the readers of JSON and of YAML both make.

use std::collections::HashMap;

use crate::diagnostics::{Diagnostic, Span, quoted};

/// How deep lists and objects may lie in each other. A policy needs eight levels.
pub(super) const DEEPEST: usize = 64;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it was written: whether it is an integer, and of which size, is for its reader to say.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the document, each key once.
    Object(Vec<(Key, Node)>),
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// The key of an entry with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Span,
}

impl Node {
    /// What stands there, for messages.
    pub(super) fn described(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Number(text) => format!("the number {}", quoted(text)),
            Value::Text(text) => format!("the text {}", quoted(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        }
    }
}

/// The error for a document that nests too deep.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(span, format!("lists and objects lie more than {DEEPEST} deep in each other"))
}

/// The entries of an object in the making, each key once.
#[derive(Default)]
pub(super) struct Entries {
    entries: Vec<(Key, Node)>,
    /// Where each key is, once there are so many that looking at each would take long.
    places: HashMap<String, usize>,
}

impl Entries {
    /// Up to so many entries looking at each is the fastest.
    const FEW: usize = 32;

    /// Adds an entry, or tells that its key is there already.
    pub(super) fn push(&mut self, key: Key, node: Node) -> Option<Diagnostic> {
        let few = self.entries.len() <= Self::FEW;
        if !few && self.places.is_empty() {
            let places = self.entries.iter().enumerate().map(|(at, (key, _))| (key.text.clone(), at));
            self.places.extend(places);
        }
        let first = if few {
            self.entries.iter().find(|(own, _)| own.text == key.text)
        } else {
            self.places.get(&key.text).and_then(|at| self.entries.get(*at))
        };
        if let Some((first, _)) = first {
            let message = format!("{} stands twice in this object", quoted(&key.text));
            return Some(Diagnostic::error(key.span, message).related(first.span, "first here"));
        }
        if !few {
            self.places.insert(key.text.clone(), self.entries.len());
        }
        self.entries.push((key, node));
        None
    }

    /// All of them, in the order of the document.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.entries)
    }
}
